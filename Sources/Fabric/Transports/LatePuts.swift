package import SharedMemory

/// Puts of one die into mapped windows that others see late: a store buffer in the hands of a simulation.
///
/// A put is a plain copy, which other ranks may see at any time before the next word that this die stores, signals or changes. So before a
/// put that is to be late its place is noted, after it the old bytes are put back, and the new ones follow when they ``land(_:)``, in any
/// order among puts that do not overlap.
///
/// Belongs to one thread at a time.
package final class LatePuts {
    private struct Put {
        var peer: Rank
        var offset: Int
        var bytes: [UInt8]

        func overlaps(_ other: Put) -> Bool {
            peer == other.peer && offset < other.offset + other.bytes.count
                && other.offset < offset + bytes.count
        }
    }

    private let shared: SharedMemoryTransport
    private let rank: Rank
    private let near: Range<Int>
    /// The put that is being made, with the bytes that were there before.
    private var held: Put?
    private var late: [Put] = []

    /// The puts of one die of a segment.
    package init(segment: Segment, rank: Rank) {
        shared = SharedMemoryTransport(segment: segment, copies: CopyPolicy(streamByteCount: .max))
        self.rank = rank
        near = segment.plan.ranks
    }

    /// Whether an access, which is about to be made, may be late.
    package func canDelay(_ access: FabricAccess) -> Bool {
        access.operation == .put && access.peer != rank && access.byteCount > 0 && near.contains(access.peer.index)
    }

    /// Notes what is where an access is about to put something.
    package func hold(_ access: FabricAccess) {
        held = Put(
            peer: access.peer, offset: access.offset, bytes: shared.read(access.peer, access.offset, access.byteCount))
    }

    /// Takes back the put that was held, if one was: called before any other rank runs.
    package func settle() {
        guard var put = held else { return }
        held = nil
        let new = shared.read(put.peer, put.offset, put.bytes.count)
        guard new != put.bytes else { return }
        shared.write(put.bytes, to: put.peer, at: put.offset)
        put.bytes = new
        late.append(put)
    }

    /// Which of the puts may land now: those that no earlier one overlaps.
    package var landable: [Int] {
        late.indices.filter { index in !late[..<index].contains { $0.overlaps(late[index]) } }
    }

    /// Makes one of them seen.
    package func land(_ index: Int) {
        let put = late.remove(at: index)
        shared.write(put.bytes, to: put.peer, at: put.offset)
    }

    /// Makes seen what must be before an access: everything, if that releases; what it reads itself, if it reads a peer.
    package func release(before access: FabricAccess) {
        switch access.operation {
        case .put, .store: return
        case .get, .load: if !late.contains(where: { $0.peer == access.peer }) { return }
        default: break
        }
        while !late.isEmpty { land(0) }
    }

    /// Drops what no other rank has seen.
    package func loseAll() {
        held = nil
        late = []
    }
}

extension SharedMemoryTransport {
    /// A copy of bytes of a window.
    func read(_ peer: Rank, _ offset: Int, _ count: Int) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        var span = bytes.mutableSpan
        // SAFETY: any bytes are valid ones.
        var raw = unsafe span.mutableBytes
        get(from: peer, at: offset, into: &raw)
        return bytes
    }

    /// Writes bytes into a window.
    func write(_ bytes: [UInt8], to peer: Rank, at offset: Int) {
        // SAFETY: as above.
        unsafe put(bytes.span.bytes, to: peer, at: offset)
    }
}
