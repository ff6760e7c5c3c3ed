/// Which end moves the bytes of a block: its producer, its consumer, or both at once.
///
/// After SMTurbo's concurrent push and pull, as reconstructed in the reference on the machine: a load/store engine has a queue
/// for reads and one for writes, push keeps the far end of one busy, pull the far end of the other. All give the
/// same bits.
public enum TransferDirection: Sendable, Equatable {
    /// The producer writes the whole block into the consumer's window.
    case push
    /// The consumer reads the whole block out of the producer's window.
    case pull
    /// The first `fraction` of each block, rounded up to 512 bytes, is pushed while the rest is pulled.
    case concurrent(fraction: Double)

    /// The fraction that keeps both queues of the modelled die equally busy, for reads of 164 GB/s, writes of 135 GB/s and a
    /// local leg of 0.58 of a remote read (arXiv 2506.12708, table 1, derived).
    public static let balancedFraction = 0.4

    /// The fraction that is best where windows are mapped on one host and loads cost what stores do: no queue is left idle by moving all
    /// bytes one way, so only what else a direction costs decides.
    ///
    /// - Long reductions: what is pushed goes through a slot and is read again, so nothing is pushed.
    /// - A root that has all the bytes, or wants them: the others do the work, at once.
    /// - All-gather: a source that is pushed is read from memory once and written n times.
    /// - Else half: each of a pair moves one half of a block, so that a block that only two deal with takes half the time.
    public static func tunedFraction(_ operation: CollectiveOperation, byteCount: Int) -> Double {
        switch operation {
        // Short enough to stay in the slots' caches: two meetings instead of three.
        case .allReduce where byteCount <= 128 << 10: 1
        case .reduceScatter, .allReduce, .reduce, .broadcast, .scatter: 0
        case .gather, .allGather, .allGatherV, .barrier: 1
        case .allToAll, .allToAllV, .sendReceive: 0.5
        }
    }

    /// The second half of an algorithm's dotted name.
    var name: StaticString {
        switch self {
        case .push: "push"
        case .pull: "pull"
        case .concurrent: "concurrent"
        }
    }

    /// The fraction pushed: 1, 0, or as given.
    public var fraction: Double {
        switch self {
        case .push: 1
        case .pull: 0
        case .concurrent(let fraction): fraction
        }
    }

    /// Blocks are split at multiples of this many bytes, and never split if not larger.
    public static let granularity = 512

    /// Bytes of a block that its producer pushes; the rest, behind them, is pulled by the consumer.
    ///
    /// Both ends compute it from the same numbers. A concurrent block of at most 512 bytes is pushed whole: one hop less.
    public func pushedByteCount(of byteCount: Int) -> Int {
        switch self {
        case .push: return byteCount
        case .pull: return 0
        case .concurrent(let fraction):
            let grain = Self.granularity
            if byteCount <= grain { return byteCount }
            let pushed = Int((fraction * Double(byteCount)).rounded(.up))
            return min(byteCount, (pushed + grain - 1) / grain * grain)
        }
    }

    /// Whether a block of some size could be pushed, even in part.
    var pushes: Bool { self != .pull }
}

extension AlgorithmParameter {
    /// A fraction of each block. What splits a block where loads cost what stores do has half of it at either end.
    static let fraction = AlgorithmParameter(
        standard: TransferDirection.balancedFraction, priced: 0.5, range: 0...1, isWhole: false)
}
