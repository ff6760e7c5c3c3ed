internal import Baselines
internal import Experts
internal import Fabric
internal import FoundationEssentials
internal import NodeRuntime
internal import Oracle
internal import SharedMemory

/// Times dispatch and combine of made-up tokens over all dies, beside a bare copy of the same bytes by all dies at once.
///
/// The experts answer with the rows they got, so that the sums can be judged: after the last repetition each die compares its own
/// with the oracle's, bit for bit.
struct ExpertsWorkload: Workload {
    static let name = "bench-experts"

    /// What to measure.
    struct Plan: Codable, Sendable {
        var tokens: Int
        var hidden: Int
        var expertsPerDie: Int
        var choices: Int
        /// Names of wire formats.
        var dispatch: String
        var combine: String
        var repetitions: Int
        var seed: UInt64

        /// The layout on a cluster of this size.
        func layout(dies: Int, isProtected: Bool) throws -> ExpertLayout {
            guard let dispatch = Self.format(dispatch), let combine = Self.format(combine) else {
                throw UsageError("a wire format is none of \(WireFormat.allCases.map(\.description))")
            }
            return try ExpertLayout(
                experts: expertsPerDie * dies, ranks: dies, maximumTokens: tokens, hidden: hidden, choices: choices,
                dispatch: dispatch, combine: combine, isProtected: isProtected)
        }

        /// The wire format of a name.
        static func format(_ name: String) -> WireFormat? { WireFormat.allCases.first { $0.description == name } }
    }

    /// What a die found: nanoseconds of each repetition, and bytes of one call.
    struct Finding: Codable, Sendable {
        var dispatch: [UInt64] = []
        var combine: [UInt64] = []
        var dispatchCopy: [UInt64] = []
        var combineCopy: [UInt64] = []
        var dispatchByteCount = 0
        var combineByteCount = 0
        var wrong = 0
    }

    let plan: Plan

    init(payload: [UInt8]) throws { plan = try JSONDecoder().decode(Plan.self, from: Data(payload)) }

    func run(on die: DieContext) throws -> [UInt8] {
        let world = Team.world(die.endpoint)
        die.setPhase("experts set-up")
        let exchange = try ExpertExchange(
            world: world, team: world, layout: plan.layout(dies: world.size, isProtected: die.endpoint.isProtected))
        let batch = batch(rank: world.rank, experts: exchange.layout.expertCount)
        let rows = Array(batch.rows.joined())
        let experts = Array(batch.experts.joined())
        let weights = Array(batch.weights.joined())
        var sums = [Float](repeating: 0, count: rows.count)
        var finding = Finding()
        die.setPhase("experts")
        // The first call touches the pages and is not measured.
        for repetition in 0...plan.repetitions {
            try world.barrier()
            let start = Monotonic.now()
            let arrived = try exchange.dispatch(rows: rows.span, experts: experts.span)
            let middle = Monotonic.now()
            try world.barrier()
            let again = Monotonic.now()
            var span = sums.mutableSpan
            try exchange.combine(rows: arrived.rows, weights: weights.span, handle: arrived.handle, into: &span)
            guard repetition > 0 else {
                finding.dispatchByteCount = Int(exchange.statistics.dispatchBytes)
                finding.combineByteCount = Int(exchange.statistics.combineBytes)
                continue
            }
            finding.dispatch.append(middle - start)
            finding.combine.append(Monotonic.now() - again)
            finding.dispatchCopy.append(try copy(finding.dispatchByteCount, world))
            finding.combineCopy.append(try copy(finding.combineByteCount, world))
        }
        let right = OracleExperts.exchange(
            [batch], dispatch: exchange.layout.dispatchFormat.elementType,
            combine: exchange.layout.combineFormat.elementType
        ) { $1 }
        finding.wrong = zip(sums, right[0].joined()).count { $0.bitPattern != $1.bitPattern }
        try exchange.free(world: world)
        return Array(try JSONEncoder().encode(finding))
    }

    /// Tokens of a die: each chooses its experts evenly from all.
    private func batch(rank: Int, experts: Int) -> OracleExperts.Batch {
        var random = CheckRandom(seed: plan.seed, UInt64(rank))
        return OracleExperts.Batch(
            rows: (0..<plan.tokens).map { _ in random.floats(plan.hidden) },
            experts: (0..<plan.tokens).map { _ in
                var chosen: [Int32] = []
                while chosen.count < plan.choices {
                    let expert = Int32.random(in: 0..<Int32(experts), using: &random)
                    if !chosen.contains(expert) { chosen.append(expert) }
                }
                return chosen
            }, weights: (0..<plan.tokens).map { _ in random.floats(plan.choices) })
    }

    /// A bare copy of so many private bytes while all other dies do the same.
    private func copy(_ byteCount: Int, _ world: Team) throws -> UInt64 {
        let source = [UInt8](repeating: 1, count: byteCount)
        var sink = [UInt8](repeating: 2, count: byteCount)
        try world.barrier()
        let start = Monotonic.now()
        var span = sink.mutableSpan
        RawCopy.run(source.span, &span)
        return Monotonic.now() - start
    }
}
