internal import Experts
internal import Fabric
internal import Fuzzing
internal import Oracle
internal import Tensors

/// Dispatch and combine in every pair of wire formats: four calls without a barrier between, rows and sums bit for bit.
enum ExpertScenarios {
    static func on(_ road: Road) -> [Scenario] {
        guard road != .flags else { return [] }
        return WireFormat.allCases.flatMap { dispatch in
            [WireFormat.float32, .bfloat16].map { one(dispatch, $0, road) }
        }
    }

    private static let tokens = 2
    private static let hidden = 8
    private static let calls = 4
    /// Calls whose rows go back. The others are followed by the next dispatch at once, which is what the two halves are for.
    private static let combined: Set<Int> = [0, 3]

    private static func layout(
        _ ranks: Int, _ dispatch: WireFormat, _ combine: WireFormat
    ) throws(ExpertError) -> ExpertLayout {
        try ExpertLayout(
            experts: ranks * 2, ranks: ranks, maximumTokens: tokens, hidden: hidden, choices: 2, dispatch: dispatch,
            combine: combine)
    }

    private static func batch(_ ranks: Int, _ random: inout FuzzRandom) -> OracleExperts.Batch {
        let count = Int.random(in: 0...tokens, using: &random)
        var row: [Float] { (0..<hidden).map { _ in Float.random(in: -2..<2, using: &random) } }
        let rows = (0..<count).map { _ in row }
        let experts = (0..<count).map { _ in
            let first = Int32.random(in: 0..<Int32(2 * ranks), using: &random)
            // Another one, or none.
            return [first, Bool.random(using: &random) ? (first + 1) % Int32(2 * ranks) : -1]
        }
        return OracleExperts.Batch(
            rows: rows, experts: experts, weights: rows.map { [$0[0], $0[1]] })
    }

    /// What an expert does: it depends on the expert, the place in the row, and rounds in one way only.
    private static func expert(_ id: Int, _ row: [Float]) -> [Float] {
        row.indices.map { row[$0] * Float($0 + 1) + Float(id) }
    }

    private static func one(_ dispatch: WireFormat, _ combine: WireFormat, _ road: Road) -> Scenario {
        let heap: @Sendable (Int) -> Int = { ranks in
            let layout = try? layout(ranks, dispatch, combine)  // One that cannot be made: running it then says why.
            return (layout?.byteCount ?? 0) + 4096
        }
        return Scenario("experts.\(dispatch).\(combine)", road, heapByteCount: heap) { ranks, seed in
            var random = FuzzRandom(seed: seed)
            let batches = (0..<calls).map { _ in (0..<ranks).map { _ in batch(ranks, &random) } }
            let sums = batches.map {
                OracleExperts.exchange(
                    $0, dispatch: dispatch.elementType, combine: combine.elementType, expert: expert)
            }
            let arrivals = batches.map {
                OracleExperts.dispatch($0, expertCount: 2 * ranks, format: dispatch.elementType)
            }
            return { world in
                let exchange = try ExpertExchange(
                    world: world, team: world, layout: try layout(ranks, dispatch, combine))
                for call in 0..<calls {
                    let right = combined.contains(call) ? sums[call][world.rank] : nil
                    let wrong = try run(exchange, batches[call][world.rank], arrivals[call], right)
                    if let wrong { return "rank \(world.rank), call \(call): \(wrong)" }
                }
                return nil
            }
        }
    }

    /// - Parameter right: the sums, where the call is combined.
    private static func run(
        _ exchange: ExpertExchange, _ batch: OracleExperts.Batch, _ arrivals: [[OracleExperts.Received]],
        _ right: [[Float]]?
    ) throws -> String? {
        let (tokens, experts) = (Array(batch.rows.joined()), Array(batch.experts.joined()))
        let result = try exchange.dispatch(rows: tokens.span, experts: experts.span)
        var answers: [Float] = []
        for local in 0..<exchange.layout.localExpertCount {
            let id = exchange.team.rank * exchange.layout.localExpertCount + local
            let span = result.rows(expert: local)
            var rows: [Float] = []
            for index in span.indices { rows.append(span[index]) }
            guard rows.map(\.bitPattern) == arrivals[id].flatMap(\.row).map(\.bitPattern) else {
                return "rows of expert \(id) are not what the oracle says"
            }
            for start in stride(from: 0, to: rows.count, by: hidden) {
                answers += expert(id, Array(rows[start..<start + hidden]))
            }
        }
        guard let right else { return nil }
        let weights = Array(batch.weights.joined())
        var sums = [Float](repeating: 0, count: tokens.count)
        try combine(exchange, answers, weights, result.handle, &sums)
        guard sums.map(\.bitPattern) == right.flatMap({ $0 }).map(\.bitPattern) else {
            return "sums are not what the oracle says"
        }
        return nil
    }

    private static func combine(
        _ exchange: ExpertExchange, _ answers: [Float], _ weights: [Float], _ handle: DispatchHandle,
        _ sums: inout [Float]
    ) throws(ExpertError) {
        var span = sums.mutableSpan
        try exchange.combine(rows: answers.span, weights: weights.span, handle: handle, into: &span)
    }
}
