internal import Fabric
internal import Kernels
internal import Tensors

/// The work of one collective, cut into pieces that can be carried out in any order by any member.
///
/// Three kinds:
/// - *spread* (broadcast, all-gather): a piece of one member's source goes to every destination; it is read once and written n
///   times while it is in cache.
/// - *fill* (all-to-all, gather, scatter): a piece of one member's destination is filled from the sources it comes from.
/// - *fold* (reductions): a piece of the result is folded from all sources in member order, tile by tile, and written to every
///   destination that wants it.
///
/// No byte of a destination belongs to two pieces, and where source and destination share memory, a piece reads what it overwrites before
/// it writes it, and no other piece reads that: so pieces need no order.
struct Work {
    let size: Int
    /// Pieces in all: for kinds that cut by member, a multiple of the team's size.
    let pieceCount: Int
    let pieceByteCount: Int

    /// A piece of a copy: within a second-level cache, so that what is written n times is read from memory once.
    static let copyByteCount = 128 << 10
    /// A piece of a fold: it is read in tiles, so this only has to be large against the price of taking a piece.
    static let foldByteCount = 32 << 10
    /// Work that moves at most this many bytes in all is done by the last arriver alone: two members would pass more lines.
    static let soloByteCount = 64 << 10
    /// Work that moves more than this is not shared: each member does its own part, and touches no pages of others but those it must.
    ///
    /// Where the bytes are one member's, more is shared: none has a part of its own that keeps the processors busy. Even so all members
    /// together map at most a gigabyte by it.
    static func sharedByteCount(_ operation: CollectiveOperation, members: Int) -> Int {
        switch operation {
        case .broadcast, .gather, .scatter: max(2 << 20, min(32 << 20, (1 << 30) / members))
        default: 2 << 20
        }
    }

    /// Cuts the work of a call.
    ///
    /// - Parameter longest: the longest source or destination of any member, which only the posts tell where lengths differ.
    init(_ call: CollectiveCall, _ size: Int, longest: Int) {
        self.size = size
        switch call.operation {
        case .broadcast, .allReduce, .reduce, .gather:
            pieceByteCount = call.operation.isReduction ? Self.foldByteCount : Self.copyByteCount
            let length = call.operation == .gather ? size * call.source.byteCount : longest
            pieceCount = Self.count(length, pieceByteCount)
        case .reduceScatter:
            // Pieces do not cross blocks.
            pieceByteCount = Self.foldByteCount
            pieceCount = size * Self.count(call.destination.byteCount, pieceByteCount)
        case .scatter:
            pieceByteCount = Self.copyByteCount
            pieceCount = size * Self.count(call.destination.byteCount, pieceByteCount)
        case .allGather, .allGatherV, .allToAll, .allToAllV:
            pieceByteCount = Self.copyByteCount
            pieceCount = size * Self.count(longest, pieceByteCount)
        case .barrier, .sendReceive:
            pieceByteCount = 1
            pieceCount = 0
        }
    }

    private static func count(_ byteCount: Int, _ piece: Int) -> Int {
        byteCount <= 0 ? 0 : (byteCount - 1) / piece + 1
    }
}
