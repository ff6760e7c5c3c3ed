import Kernels
import Model
import Testing

/// What a distributed exchange does, without the distance: each die quantises its rows, other dies run their experts.
private struct SplitExchange: RoutedExperts {
    let dies: [Transformer]

    mutating func exchange(
        layer: Int, rowCount: Int, hidden: Span<Float>, experts: Span<Int32>, weights: Span<Float>, bank: ExpertBank,
        into output: inout MutableSpan<Float>
    ) throws(ModelError) {
        let (width, choices) = (bank.hiddenWidth, bank.expertsPerToken)
        for row in 0..<rowCount {
            var sum = [Float](repeating: 0, count: width)
            for slot in row * choices..<(row + 1) * choices {
                let expert = Int(experts[slot])
                let home = dies.compactMap { $0.experts(ofLayer: layer) }.first { $0.experts.contains(expert) }
                guard let home else { throw ModelError(.exchange, "nobody holds expert \(expert)") }
                var answer = run(home, expert, hidden.extracting(row * width..<(row + 1) * width))
                if bank.precision.roundsActivations {
                    var span = answer.mutableSpan
                    NumberFormats.roundToBFloat16(&span)
                }
                for column in 0..<width { sum[column] = sum[column].addingProduct(weights[slot], answer[column]) }
            }
            for column in 0..<width { output[row * width + column] = sum[column] }
        }
    }

    private func run(_ bank: ExpertBank, _ expert: Int, _ row: Span<Float>) -> [Float] {
        var answer = [Float](repeating: 0, count: row.count)
        var answerSpan = answer.mutableSpan
        guard bank.precision == .int8 else {
            bank.forward(expert: expert, hidden: row, into: &answerSpan)
            return answer
        }
        // The sender's rule as it is published, and not the code that the receiver runs.
        let numbers = row.indices.map { row[$0] }
        let largest = numbers.map(\.magnitude).max() ?? 0
        let codes = numbers.map { Int8(($0 * (127 / largest)).rounded(.toNearestOrEven)) }
        let scales: [Float] = [largest / 127]
        bank.forward(expert: expert, codes: codes.span, scales: scales.span, into: &answerSpan)
        return answer
    }
}

@Suite("Experts by die")
struct ExpertBankTests {
    @Test("dies that hold parts of the experts give the bits of one that holds all", arguments: Precision.allCases)
    func parts(precision: Precision) throws {
        let (checkpoint, configuration) = (
            try Checkpoint(directory: SmallModel.directory), try SmallModel.configuration()
        )
        let whole = try Transformer(checkpoint, configuration, precision: precision)
        let dies = try [0..<5, 5..<31, 31..<32].map {
            try Transformer(checkpoint, configuration, precision: precision, experts: $0)
        }
        #expect(dies.map { $0.experts(ofLayer: 1)?.experts } == [0..<5, 5..<31, 31..<32])
        #expect(dies[0].experts(ofLayer: 0) == nil)
        let prompt = try SmallModel.golden().prompts[1].ids
        let batch = prompt.enumerated().map { BatchRow(request: 0, position: $0, token: $1) }
        var attention = LocalAttention(configuration, precision)
        var local = LocalExchange()
        let expected = try whole.forward(batch, attention: &attention, exchange: &local)
        attention.release(request: 0)
        var split = SplitExchange(dies: dies)
        let logits = try dies[1].forward(batch, attention: &attention, exchange: &split)
        #expect(logits.map(\.bitPattern) == expected.map(\.bitPattern))
    }
}
