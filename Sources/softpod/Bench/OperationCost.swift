internal import Collectives
internal import Fabric

/// What a call must do at least, and how its size is counted: the arithmetic behind floors and bandwidths.
///
/// Sizes are those of nccl-tests: for broadcast, reduce, all-reduce and send/receive the block of one die; for
/// all-gather, reduce-scatter, all-to-all, gather and scatter the whole buffer of all blocks. The v-forms count as if
/// every block were the longest.
///
/// Every operation is one meeting: no member has its result before all have come, and one wait is enough for that, as
/// the last to come can do or open the work. The bytes that must move, for n members, in place without a member's own
/// block:
///
/// | operation | folded | copied | written again from cache |
/// |---|---|---|---|
/// | broadcast | | B | (n - 1) B |
/// | all-gather (size S) | | S | (n - 1) S |
/// | all-to-all (size S a member) | | n S | |
/// | gather, scatter (size S) | | S | |
/// | send/receive | | n B | |
/// | all-reduce | n B | | n B |
/// | reduce | n B | | B |
/// | reduce-scatter (size S a member) | n S | | S |
struct OperationCost {
    /// Bytes read by folds of all members' elements.
    var folded = 0
    /// Bytes read from a source for the first time and written.
    var copied = 0
    /// Bytes written from a cache: second and later copies of the same source, and results of folds.
    var written = 0
    /// Distinct bytes of all sources and destinations: what the caches must hold.
    var footprint = 0
    /// The size of the call, in bytes.
    var byteCount: Int
    /// Bytes of an average destination (or source), for bandwidths: the size, but for v-forms what they really move.
    var movedByteCount: Int

    /// The cost of a trial for its whole team.
    init(_ trial: CollectiveTrial) {
        let size = trial.size
        byteCount = trial.blockByteCount * (Self.countsAllBlocks(trial.operation) ? size : 1)
        movedByteCount = byteCount
        guard trial.operation != .barrier else { return }
        let area = Region(offset: 0, byteCount: trial.areaByteCount)
        var read = 0
        for member in 0..<size {
            let (source, destination) = trial.regions(of: member, in: area)
            read += source.byteCount
            written += destination.byteCount
            let overlap = max(0, min(source.end, destination.end) - max(source.offset, destination.offset))
            footprint += source.byteCount + destination.byteCount - overlap
            if overlap > 0, !trial.operation.isReduction {
                // A member's own block is where it belongs.
                written -= overlap
                if trial.operation != .broadcast, trial.operation != .allGather, trial.operation != .allGatherV {
                    read -= overlap
                }
            }
        }
        switch trial.operation {
        case .allReduce, .reduce, .reduceScatter: folded = read
        default:
            // What a team of one has in place need not move at all.
            copied = min(read, written)
            written -= copied
        }
        if trial.operation == .allToAllV { movedByteCount = copied / size }
        if trial.operation == .allGatherV { movedByteCount = read }
    }

    /// Whether the size is that of the buffer of all blocks.
    static func countsAllBlocks(_ operation: CollectiveOperation) -> Bool {
        switch operation {
        case .barrier, .broadcast, .reduce, .allReduce, .sendReceive: false
        case .allGather, .allGatherV, .reduceScatter, .allToAll, .allToAllV, .gather, .scatter: true
        }
    }

    /// Elements of a block for a size of the call, rounded down, but one at least.
    static func count(_ operation: CollectiveOperation, byteCount: Int, members: Int, elementByteCount: Int) -> Int {
        if operation == .barrier { return 0 }
        let blocks = countsAllBlocks(operation) ? members : 1
        return max(1, byteCount / elementByteCount / blocks)
    }

    /// What nccl-tests multiplies the algorithm's bandwidth by, so that rows of different team sizes compare.
    static func busFactor(_ operation: CollectiveOperation, members: Int) -> Double {
        let share = Double(members - 1) / Double(max(members, 1))
        return switch operation {
        case .allReduce: 2 * share
        case .broadcast, .reduce, .sendReceive, .barrier: 1
        case .allGather, .allGatherV, .reduceScatter, .allToAll, .allToAllV, .gather, .scatter: share
        }
    }

    /// The least time for `teams` such calls at once.
    func floorNanoseconds(_ limits: MeasuredLimits, teams: Int) -> Double {
        func time(_ bytes: Int, _ rate: Double) -> Double { bytes == 0 ? 0 : Double(bytes * teams) / rate }
        return limits.barrierNanoseconds + time(copied, limits.copy) + time(written, limits.fill)
            + time(folded, limits.fold)
    }
}

/// What the machine could do for one row, just before it.
struct MeasuredLimits: Codable, Sendable {
    /// One raw barrier of the members.
    var barrierNanoseconds: Double
    /// Bytes a nanosecond, by as many processes as run at once, over the row's footprint: copied, folded, written from
    /// cache.
    var copy = 1.0
    var fold = 1.0
    var fill = 1.0
}
