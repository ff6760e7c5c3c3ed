internal import Experts
internal import Fabric
internal import Oracle

/// Dispatch and combine in one pair of wire formats: made-up routing, every row and every sum against the oracle, bit for bit.
struct ExchangeCheck: Check {
    let dispatch: WireFormat
    let combine: WireFormat

    var name: String { "experts.\(dispatch).\(combine)" }
    let judge = "bit for bit"

    static var all: [any Check] {
        WireFormat.allCases.flatMap { dispatch in
            [WireFormat.float32, .bfloat16].map { ExchangeCheck(dispatch: dispatch, combine: $0) }
        }
    }

    private static let tokens = 3
    private static let hidden = 40

    private func layout(_ dies: Int, _ isProtected: Bool) throws(ExpertError) -> ExpertLayout {
        try ExpertLayout(
            experts: dies * 2, ranks: dies, maximumTokens: Self.tokens, hidden: Self.hidden, choices: min(4, dies * 2),
            dispatch: dispatch, combine: combine, isProtected: isProtected)
    }

    func heapByteCount(dies: Int, isProtected: Bool) -> Int {
        (try? layout(dies, isProtected).byteCount) ?? 0  // One that cannot be made: running it then says why.
    }

    func run(on bench: CheckBench, seed: UInt64) throws -> Finding {
        let world = bench.world
        let layout = try layout(world.size, world.endpoint.isProtected)
        let exchange = try ExpertExchange(world: world, team: world, layout: layout)
        var finding = Finding()
        for call in 0..<4 {
            try self.call(exchange, batches(layout, seed: CheckRandom.mixed(seed, UInt64(call))), &finding)
        }
        try exchange.free(world: world)
        return finding
    }

    /// What every rank brings, ragged, some choices without an expert.
    private func batches(_ layout: ExpertLayout, seed: UInt64) -> [OracleExperts.Batch] {
        var random = CheckRandom(seed: seed)
        return (0..<layout.rankCount).map { _ in
            let tokens = Int.random(in: 0...Self.tokens, using: &random)
            return OracleExperts.Batch(
                rows: (0..<tokens).map { _ in random.floats(layout.hidden) },
                experts: (0..<tokens).map { _ in
                    let all = (0..<Int32(layout.expertCount)).shuffled(using: &random).prefix(layout.choices)
                    return all.map { Int.random(in: 0..<6, using: &random) == 0 ? -1 : $0 }
                }, weights: (0..<tokens).map { _ in random.floats(layout.choices) })
        }
    }

    /// Something that depends on the expert and on every neighbour, and rounds in one way only.
    private static func expert(_ id: Int, _ row: [Float]) -> [Float] {
        row.indices.map { row[$0] * row[($0 + 1) % row.count] + Float(id) * 0.25 }
    }

    private func call(
        _ exchange: ExpertExchange, _ batches: [OracleExperts.Batch], _ finding: inout Finding
    ) throws {
        let layout = exchange.layout
        let me = exchange.team.rank
        let batch = batches[me]
        let arrived = try exchange.dispatch(
            rows: Array(batch.rows.joined()).span, experts: Array(batch.experts.joined()).span)
        let expected = OracleExperts.dispatch(
            batches, expertCount: layout.expertCount, format: dispatch.elementType)
        var answers: [Float] = []
        for local in 0..<layout.localExpertCount {
            let id = me * layout.localExpertCount + local
            let span = arrived.rows(expert: local)
            let rows = span.indices.map { span[$0] }
            let wanted = expected[id].flatMap(\.row)
            finding.compare(
                rows.map(\.bitPattern) == wanted.map(\.bitPattern), "rank \(me): rows of expert \(id) differ")
            for start in stride(from: 0, to: rows.count, by: layout.hidden) {
                answers += Self.expert(id, Array(rows[start..<start + layout.hidden]))
            }
        }
        var sums = [Float](repeating: 0, count: batch.rows.count * layout.hidden)
        var span = sums.mutableSpan
        try exchange.combine(
            rows: answers.span, weights: Array(batch.weights.joined()).span, handle: arrived.handle, into: &span)
        finding.digest.add(sums)
        let right = OracleExperts.exchange(
            batches, dispatch: dispatch.elementType, combine: combine.elementType, expert: Self.expert)[me]
        finding.compare(
            sums.map(\.bitPattern) == right.flatMap { $0 }.map(\.bitPattern), "rank \(me): combined rows differ")
    }
}
