import Fabric
import SharedMemory
import TestKit

/// What a trial does to a die's transport: random delays before each call, and an end at one of them.
struct Trouble: Sendable {
    /// Seed of the delays; nil for none.
    var seed: UInt64?
    /// Which rank stops, and before which of its calls (from 0).
    var stop: (rank: Rank, step: Int)?
    /// Whether the cluster is told, as it is when a process dies; else the rank just falls silent.
    var tells = false
    /// Counts the calls, so that a trial knows how many steps there are to stop at.
    var steps = StepCounts()

    /// The route that has this trouble.
    var route: TransportCatalog.Entry {
        let trouble = self
        return TransportCatalog.Entry(name: "transport.trial", summary: "delays and stops") { segment, rank in
            TrialTransport(segment: segment, rank: rank, trouble: trouble)
        }
    }
}

/// Loads and stores behind random delays, which end where a trial says.
final class TrialTransport: Transport {
    static let name = "transport.trial"
    private let below: SharedMemoryTransport
    private let segment: Segment
    private let rank: Rank
    private let trouble: Trouble
    private var random: SeededGenerator

    init(segment: Segment, rank: Rank, trouble: Trouble) {
        below = SharedMemoryTransport(segment: segment, copies: CopyPolicy(streamByteCount: 4096))
        self.segment = segment
        self.rank = rank
        self.trouble = trouble
        random = SeededGenerator(seed: trouble.seed ?? 0, UInt64(rank.index))
    }

    /// Before every call: maybe the end, maybe a pause of the kind that schedulers make.
    private func before(_ operation: FabricOperation) throws(FabricError) {
        if let step = trouble.steps.next(rank.index), let stop = trouble.stop, stop.rank == rank, step >= stop.step {
            if trouble.tells {
                segment.publish(
                    Verdict(.rankKilled, rank: rank.index, detail: 9, text: "rank \(rank) was stopped by the trial"))
            }
            throw FabricError(.unsupported, scope: .peer, operation: operation, rank: rank, context: "stopped")
        }
        guard trouble.seed != nil else { return }
        switch Int.random(in: 0..<8, using: &random) {
        case 0: Delay.yield()
        case 1, 2: Delay.spin(Int.random(in: 1...300, using: &random))
        default: break
        }
    }

    func put(_ source: RawSpan, to peer: Rank, at offset: Int) throws(FabricError) {
        try before(.put)
        // In two parts, the later first, so that nobody may count on the order of bytes inside a put.
        let middle = source.byteCount / 2
        below.put(source.extracting(middle..<source.byteCount), to: peer, at: offset + middle)
        if trouble.seed != nil { Delay.spin(Int.random(in: 0...50, using: &random)) }
        below.put(source.extracting(0..<middle), to: peer, at: offset)
    }

    func get(from peer: Rank, at offset: Int, into destination: inout MutableRawSpan) throws(FabricError) {
        try before(.get)
        below.get(from: peer, at: offset, into: &destination)
    }

    func putStrided(_ source: RawSpan, _ shape: StridedShape, to peer: Rank, at offset: Int) throws(FabricError) {
        try before(.put)
        below.putStrided(source, shape, to: peer, at: offset)
    }

    func getStrided(
        from peer: Rank, at offset: Int, _ shape: StridedShape, into destination: inout MutableRawSpan
    ) throws(FabricError) {
        try before(.get)
        below.getStrided(from: peer, at: offset, shape, into: &destination)
    }

    func atomic64(
        _ operation: AtomicOperation, _ operand: UInt64, comparand: UInt64, at peer: Rank, _ offset: Int
    ) throws(FabricError) -> UInt64 {
        try before(.atomic)
        return below.atomic64(operation, operand, comparand: comparand, at: peer, offset)
    }

    func atomic32(
        _ operation: AtomicOperation, _ operand: UInt32, comparand: UInt32, at peer: Rank, _ offset: Int
    ) throws(FabricError) -> UInt32 {
        try before(.atomic)
        return below.atomic32(operation, operand, comparand: comparand, at: peer, offset)
    }

    func signal(_ operation: SignalOperation, _ value: UInt64, at peer: Rank, _ offset: Int) throws(FabricError) {
        try before(.signal)
        below.signal(operation, value, at: peer, offset)
    }

    func fence() throws(FabricError) {
        try before(.fence)
        below.fence()
    }

    func quiet() throws(FabricError) {
        try before(.quiet)
        below.quiet()
    }
}
