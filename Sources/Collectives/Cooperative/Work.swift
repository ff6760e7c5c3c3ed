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
    /// Pieces in all, and of one member's bytes: for kinds that do not cut by member, the same.
    let pieceCount: Int
    let piecesEach: Int
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
        pieceByteCount = call.operation.isReduction ? Self.foldByteCount : Self.copyByteCount
        let (length, isCutByMember) =
            switch call.operation {
            case .broadcast, .allReduce, .reduce: (longest, false)
            case .gather: (size * call.source.byteCount, false)
            // Pieces do not cross blocks.
            case .reduceScatter, .scatter: (call.destination.byteCount, true)
            case .allGather, .allGatherV, .allToAll, .allToAllV: (longest, true)
            case .barrier, .sendReceive: (0, false)
            }
        let count = length <= 0 ? 0 : (length - 1) / pieceByteCount + 1
        pieceCount = isCutByMember ? size * count : count
        piecesEach = max(count, 1)
    }
}
