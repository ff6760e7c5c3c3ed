internal import Baselines
internal import Fabric
internal import FoundationEssentials
internal import NodeRuntime
internal import SharedMemory

/// Measures the fabric's one-sided operations, waits and barriers, each beside a limit taken in the same run.
///
/// Ranks 0 and 1 measure; the others sleep as long as those make progress, until the barrier itself is measured by all. Each figure is the median of batches.
struct LatencyWorkload: Workload {
    static let name = "bench-latency"

    /// What to measure.
    struct Plan: Codable, Sendable {
        var byteCounts: [Int]
        var repetitions: Int
        /// Nanoseconds a batch should last.
        var batchNanoseconds: Double
    }

    let plan: Plan
    var batches: Batches { Batches(repetitions: plan.repetitions, nanoseconds: plan.batchNanoseconds) }

    init(payload: [UInt8]) throws { plan = try JSONDecoder().decode(Plan.self, from: Data(payload)) }

    /// Bytes of symmetric memory beside the largest copy.
    static let wordByteCount = 4096
    /// Of those, the word that ranks without a part wait for.
    private static let turnOffset = 3584
    /// The largest message of the put-signal ping-pong.
    static let messageByteCount = 8192

    func run(on die: DieContext) throws -> [UInt8] {
        let world = Team.world(die.endpoint)
        let largest = max(plan.byteCounts.max() ?? 8, Self.messageByteCount)
        die.setPhase("latency set-up")
        let area = try world.allocate(byteCount: largest, alignment: 4096)
        let words = try world.allocate(byteCount: Self.wordByteCount, alignment: 4096)
        var figures: [BenchFigure] = []
        var awaited: UInt64 = 0
        func alone(_ ranks: Range<Rank>, _ body: () throws -> [BenchFigure]) throws {
            figures += try world.alone(ranks, word: words.offset + Self.turnOffset, awaited: &awaited, body) ?? []
        }
        die.setPhase("latency ping-pong")
        try world.barrier()
        if world.size >= 2 { try alone(0..<2) { try pingPongs(world, area, words) } }
        die.setPhase("latency one-sided")
        try alone(0..<1) { try oneSided(world, area, words) }
        for (index, byteCount) in plan.byteCounts.sorted().enumerated() {
            die.setPhase("latency copies of \(byteCount)")
            try alone(0..<1) { try copies(world, area, byteCount) }
            if world.size >= 2 {
                try alone(0..<2) {
                    try copiesByTwo(world, words, byteCount, after: UInt64(index * (plan.repetitions + 1)))
                }
            }
        }
        die.setPhase("latency barrier")
        figures += try barriers(world, words)
        guard world.rank == 0 else { return [] }
        return Array(try JSONEncoder().encode(figures))
    }

    /// Both have come this far.
    static func meet(_ endpoint: Endpoint, _ peer: Rank, _ word: Int, _ turn: UInt64) throws {
        try endpoint.signal(.set, turn, at: peer, word)
        try endpoint.wait(at: word, until: .greaterOrEqual, turn, peer: peer)
    }
}
