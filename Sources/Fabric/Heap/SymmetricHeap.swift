/// Book-keeping of the symmetric heap: which offsets of the windows are in use.
///
/// First fit with coalescing, a pure function of the sequence of calls, so that ranks that make the same calls get the same
/// offsets without talking. That they do make the same calls is checked by ``Endpoint/allocate(byteCount:alignment:)``.
struct SymmetricHeap {
    /// Free regions, by rising offset, never touching each other.
    private(set) var free: [Region]
    /// Regions handed out, by offset.
    private(set) var used: [Int: Region] = [:]
    /// Calls so far.
    private(set) var sequence: UInt64 = 0

    init(offset: Int, byteCount: Int) {
        free = byteCount > 0 ? [Region(offset: offset, byteCount: byteCount)] : []
    }

    /// The largest region that could be had now.
    var largest: Int { free.map(\.byteCount).max() ?? 0 }

    /// Takes the first fitting place; nil when there is none. `alignment` is a power of two.
    mutating func allocate(byteCount: Int, alignment: Int) -> Region? {
        sequence += 1
        for index in free.indices {
            let candidate = free[index]
            let start = (candidate.offset + alignment - 1) & ~(alignment - 1)
            // Compared without a sum, which a huge byte count could overflow.
            guard start <= candidate.end, byteCount <= candidate.end - start else { continue }
            let region = Region(offset: start, byteCount: byteCount)
            var pieces: [Region] = []
            if start > candidate.offset {
                pieces.append(Region(offset: candidate.offset, byteCount: start - candidate.offset))
            }
            if candidate.end > region.end {
                pieces.append(Region(offset: region.end, byteCount: candidate.end - region.end))
            }
            free.replaceSubrange(index...index, with: pieces)
            used[region.offset] = region
            return region
        }
        return nil
    }

    /// Gives a region back. False if it is not one that was handed out.
    mutating func release(_ region: Region) -> Bool {
        sequence += 1
        guard used[region.offset] == region else { return false }
        used[region.offset] = nil
        let place = free.firstIndex { $0.offset > region.offset } ?? free.endIndex
        free.insert(region, at: place)
        if place + 1 < free.count, free[place].end == free[place + 1].offset {
            free[place].byteCount += free[place + 1].byteCount
            free.remove(at: place + 1)
        }
        if place > 0, free[place - 1].end == free[place].offset {
            free[place - 1].byteCount += free[place].byteCount
            free.remove(at: place)
        }
        return true
    }
}
