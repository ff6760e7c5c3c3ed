import Experts
import Fabric
import Oracle
import TestKit

/// What all ranks bring to one call, made from a seed, so that every die and the oracle see the same.
struct Workload: Sendable {
    /// How tokens choose.
    enum Pattern: CaseIterable, Sendable {
        /// Uniform, ragged, some entries without an expert.
        case random
        /// Every token's first choice is expert 0.
        case allToOne
        /// Only rank 0 has tokens.
        case oneSource
        /// No rank has tokens.
        case empty
        /// No token has an expert.
        case nowhere
    }

    var batches: [OracleExperts.Batch]

    init(_ layout: ExpertLayout, seed: UInt64, pattern: Pattern) {
        var random = SeededGenerator(seed: seed)
        batches = (0..<layout.rankCount).map { rank in
            var tokens = Int.random(in: 0...layout.maximumTokens, using: &random)
            if pattern == .allToOne { tokens = layout.maximumTokens }
            if pattern == .empty || (pattern == .oneSource && rank > 0) { tokens = 0 }
            let rows = (0..<tokens).map { _ in (0..<layout.hidden).map { _ in Float(random.normal()) } }
            let experts = (0..<tokens).map { _ in Self.route(layout, pattern, &random) }
            let weights = experts.map { $0.map { _ in Float.random(in: 0..<1, using: &random) } }
            return OracleExperts.Batch(rows: rows, experts: experts, weights: weights)
        }
    }

    private static func route(
        _ layout: ExpertLayout, _ pattern: Pattern, _ random: inout SeededGenerator
    ) -> [Int32] {
        var ids = Array((0..<Int32(layout.expertCount)).shuffled(using: &random).prefix(layout.choices))
        if pattern == .allToOne, let place = ids.firstIndex(of: 0) { ids.swapAt(0, place) }
        if pattern == .allToOne { ids[0] = 0 }
        for index in ids.indices where pattern == .nowhere || Int.random(in: 0..<8, using: &random) == 0 {
            if pattern != .allToOne || index > 0 { ids[index] = -1 }
        }
        return ids
    }

    /// Something that depends on the expert and on every neighbour, and rounds in one way only.
    static func expert(_ id: Int, _ row: [Float]) -> [Float] {
        row.indices.map { row[$0] * row[($0 + 1) % row.count] + Float(id) * 0.25 }
    }

    /// The same number back.
    static func identity(_ id: Int, _ row: [Float]) -> [Float] { row }
}

/// One die's part of a call, and what was wrong with it.
struct ExchangeCheck {
    let exchange: ExpertExchange
    let expert: @Sendable (Int, [Float]) -> [Float]

    /// Dispatches, compares all that arrived with the oracle bit for bit, combines, compares again.
    func run(_ workload: Workload) throws -> [String] {
        let layout = exchange.layout
        let me = exchange.team.rank
        let batch = workload.batches[me]
        let experts = Array(batch.experts.joined())
        let result = try exchange.dispatch(rows: Array(batch.rows.joined()).span, experts: experts.span)
        var wrong = Self.compare(result, with: workload, layout: layout, rank: me)
        let answers = answer(result)
        var output = [Float](repeating: .nan, count: batch.rows.count * layout.hidden)
        var span = output.mutableSpan
        try exchange.combine(
            rows: answers.span, weights: Array(batch.weights.joined()).span, handle: result.handle, into: &span)
        let expected = OracleExperts.exchange(
            workload.batches, dispatch: layout.dispatchFormat.elementType, combine: layout.combineFormat.elementType,
            expert: expert)[me].flatMap { $0 }
        if !Self.same(output, expected) { wrong.append("rank \(me): the combined rows differ") }
        return wrong
    }

    /// The experts' answers to what was received.
    func answer(_ result: DispatchResult) -> [Float] {
        let layout = exchange.layout
        var answers: [Float] = []
        for local in 0..<layout.localExpertCount {
            for row in result.offsets[local]..<result.offsets[local + 1] {
                let input = (0..<layout.hidden).map { result.rows[row * layout.hidden + $0] }
                answers += expert(exchange.team.rank * layout.localExpertCount + local, input)
            }
        }
        return answers
    }

    static func same(_ left: [Float], _ right: [Float]) -> Bool {
        left.map(\.bitPattern) == right.map(\.bitPattern)
    }

    private static func compare(
        _ result: DispatchResult, with workload: Workload, layout: ExpertLayout, rank: Int
    ) -> [String] {
        let all = OracleExperts.dispatch(
            workload.batches, expertCount: layout.expertCount, format: layout.dispatchFormat.elementType)
        let mine = all[rank * layout.localExpertCount..<(rank + 1) * layout.localExpertCount]
        var wrong: [String] = []
        if result.rowCount != mine.reduce(0, { $0 + $1.count }) {
            wrong.append("rank \(rank): \(result.rowCount) rows")
        }
        for (local, expected) in mine.enumerated() {
            guard result.rowCount(expert: local) == expected.count else {
                wrong.append("rank \(rank): \(result.rowCount(expert: local)) rows for local expert \(local)")
                continue
            }
            for source in 0..<layout.rankCount
            where result.rowCount(expert: local, source: source) != expected.count(where: { $0.source == source }) {
                wrong.append("rank \(rank): a wrong count from source \(source) for local expert \(local)")
            }
            for (index, row) in expected.enumerated() {
                let place = result.offsets[local] + index
                let origin = RowOrigin(source: Int32(row.source), token: Int32(row.token), choice: Int32(row.choice))
                let got = (0..<layout.hidden).map { result.rows(expert: local)[index * layout.hidden + $0] }
                if result.origins[place] != origin || !same(got, row.row) {
                    wrong.append("rank \(rank), local expert \(local): row \(index) is not \(origin)")
                }
            }
        }
        return wrong
    }
}
