internal import Baselines
internal import Fabric
internal import FoundationEssentials
internal import NodeRuntime
internal import SharedMemory

/// Measures ordered delivery: what batching, each relay, Data-as-Flag and each way of travelling buys.
///
/// Ranks 0 and 1 stream and exchange messages; relays that need more ranks are measured by all. Each figure is nanoseconds a
/// message beside a bare copy of the same bytes or a bare flag, taken in the same run.
struct OrderingWorkload: Workload {
    static let name = "bench-ordering"

    /// What to measure.
    struct Plan: Codable, Sendable {
        var byteCounts: [Int]
        /// Messages a flag.
        var batches: [Int]
        /// Shares pushed of concurrent channels.
        var fractions: [Double]
        var repetitions: Int
    }

    /// One figure: of which mechanism, and how many messages share a flag.
    struct Figure: Codable, Sendable {
        var mechanism: String
        var messagesPerFlag: Int
        var figure: BenchFigure
    }

    let plan: Plan

    init(payload: [UInt8]) throws { plan = try JSONDecoder().decode(Plan.self, from: Data(payload)) }

    /// Of the sync words, the one that ranks without a part wait for.
    private static let turnOffset = 7168

    /// Messages longer than this travel from place to place, not through the ring.
    static let placedByteCount = 16 << 10

    /// The ring for messages of a length.
    static func channel(_ byteCount: Int, _ delivery: ChannelDelivery, batch: Int) -> ChannelPlan {
        let slot = byteCount > placedByteCount ? 512 : (max(byteCount, 1) + 511) / 512 * 512
        return ChannelPlan(slotCount: 64, slotByteCount: slot, delivery: delivery, batch: min(batch, 64))
    }

    /// Bytes of a window that this plan needs.
    static func windowByteCount(_ plan: Plan) -> Int {
        let largest = plan.byteCounts.max() ?? 8
        return 2 * largest + 8 * channel(placedByteCount, .push, batch: 1).byteCount + 1 << 18
    }

    /// Symmetric memory of the whole run.
    struct Areas {
        /// Where a message lies before, and after.
        var source: Region
        var target: Region
        /// Rings; two channels at most use it at once, each a part.
        var rings: [Region]
        /// Lines of sync words.
        var words: Region
    }

    func run(on die: DieContext) throws -> [UInt8] {
        let world = Team.world(die.endpoint)
        let largest = max(plan.byteCounts.max() ?? 8, 4096)
        let ring = Self.channel(Self.placedByteCount, .push, batch: 1).byteCount
        die.setPhase("ordering set-up")
        let areas = Areas(
            source: try world.allocate(byteCount: largest, alignment: 4096),
            target: try world.allocate(byteCount: largest, alignment: 4096),
            rings: try (0..<3).map { _ in try world.allocate(byteCount: ring, alignment: 4096) },
            words: try world.allocate(byteCount: 8192, alignment: 4096))
        var figures: [Figure] = []
        try world.barrier()
        if world.size >= 2 {
            var awaited: UInt64 = 0
            for byteCount in plan.byteCounts.sorted() {
                die.setPhase("ordering of \(byteCount) bytes")
                figures +=
                    try world.alone(0..<2, word: areas.words.offset + Self.turnOffset, awaited: &awaited) {
                        var pair = OrderingPair(world: world, areas: areas, plan: plan, byteCount: byteCount)
                        return try pair.run()
                    } ?? []
            }
        }
        if world.size >= 4 {
            for byteCount in plan.byteCounts.sorted() where byteCount <= Self.placedByteCount {
                die.setPhase("ordering by relays, \(byteCount) bytes")
                try world.barrier()
                figures += try OrderingRelays(world: world, areas: areas, plan: plan, byteCount: byteCount).run()
            }
        }
        try world.barrier()
        guard world.rank == 0 else { return [] }
        return Array(try JSONEncoder().encode(figures))
    }
}
