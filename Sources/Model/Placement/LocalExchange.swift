internal import Kernels

/// The expert exchange of a die that holds every expert: no wire, but rounded as the wire would round.
public struct LocalExchange: RoutedExperts {
    /// Rows each expert has run since the start, by layer: the load that placement and tables work from.
    public private(set) var load: [Int: [Int]] = [:]

    /// An exchange that has seen nothing yet.
    public init() {}

    /// Groups the rows by expert, runs each group, and sums each row's results in order of k.
    public mutating func exchange(
        layer: Int, rowCount: Int, hidden: Span<Float>, experts: Span<Int32>, weights: Span<Float>, bank: ExpertBank,
        into output: inout MutableSpan<Float>
    ) throws(ModelError) {
        precondition(bank.experts.count == bank.expertCount, "the local exchange needs every expert on its die")
        let (width, choices) = (bank.hiddenWidth, bank.expertsPerToken)
        var slots = [[Int]](repeating: [], count: bank.expertCount)
        for slot in 0..<rowCount * choices { slots[Int(experts[slot])].append(slot) }
        var results = [Float](repeating: 0, count: rowCount * choices * width)
        for (expert, slots) in slots.enumerated() where !slots.isEmpty {
            var rows = [Float](repeating: 0, count: slots.count * width)
            for (index, slot) in slots.enumerated() {
                let row = slot / choices
                for column in 0..<width { rows[index * width + column] = hidden[row * width + column] }
            }
            var answers = [Float](repeating: 0, count: rows.count)
            var span = answers.mutableSpan
            bank.forward(expert: expert, hidden: rows.span, into: &span)
            if bank.precision.roundsActivations { answers.roundToBFloat16() }
            for (index, slot) in slots.enumerated() {
                for column in 0..<width { results[slot * width + column] = answers[index * width + column] }
            }
        }
        var counts = load[layer] ?? [Int](repeating: 0, count: bank.expertCount)
        for expert in counts.indices { counts[expert] += slots[expert].count }
        load[layer] = counts
        for row in 0..<rowCount {
            var sum = [Float](repeating: 0, count: width)
            var span = sum.mutableSpan
            for slot in row * choices..<(row + 1) * choices {
                Dense.addScaled(
                    results.span.extracting(slot * width..<(slot + 1) * width), by: weights[slot], into: &span)
            }
            for column in 0..<width { output[row * width + column] = sum[column] }
        }
    }
}
