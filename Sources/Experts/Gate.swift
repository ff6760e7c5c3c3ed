internal import Kernels
internal import Mutants

/// DeepSeek-V3's gate: which experts a token goes to, and with what weights.
///
/// The score of an expert is the sigmoid of its logit, in float32. For selection only, the correction bias is added: a
/// group scores the sum of its two best, the best groups stay (experts of the others count as −∞ and below), the best
/// experts of those are taken. The weights are the scores without bias, divided by their sum plus 1e-20 where the model says so, and scaled.
/// Every tie goes to the lowest index; a NaN counts as −∞, so that a broken row still gives distinct experts.
///
/// ## Source
/// DeepSeek-V3, arXiv 2412.19437, section 2.1.2, and its public inference code; `Oracle/OracleGate.swift` is the slow twin.
public struct Gate: Sendable, Equatable {
    /// Routed experts.
    public let expertCount: Int
    /// Groups of neighbouring experts, all of one size.
    public let groupCount: Int
    /// Groups a token may choose from.
    public let groupsPerToken: Int
    /// Experts a token goes to.
    public let expertsPerToken: Int
    /// Whether the weights are divided by their sum.
    public let normalises: Bool
    /// What the weights are multiplied by.
    public let scale: Float

    /// Traps if the numbers do not go together.
    public init(
        expertCount: Int, groupCount: Int, groupsPerToken: Int, expertsPerToken: Int, normalises: Bool, scale: Float
    ) {
        precondition(groupCount > 0 && expertCount.isMultiple(of: groupCount), "groups of one size")
        let groupSize = expertCount / groupCount
        precondition((1...groupCount).contains(groupsPerToken), "groups to choose from")
        precondition((1...groupsPerToken * groupSize).contains(expertsPerToken), "enough experts to choose from")
        self.expertCount = expertCount
        self.groupCount = groupCount
        self.groupsPerToken = groupsPerToken
        self.expertsPerToken = expertsPerToken
        self.normalises = normalises
        self.scale = scale
    }

    /// Chooses the experts of one token, best first by biased score.
    ///
    /// ## Shapes
    /// - `logits`, `bias`: `[expertCount]`; `experts`, `weights`: `[expertsPerToken]`.
    ///
    /// - Complexity: `expertCount · expertsPerToken` comparisons.
    public func select(
        logits: Span<Float>, bias: Span<Float>, experts: inout MutableSpan<Int32>, weights: inout MutableSpan<Float>
    ) {
        precondition(logits.count == expertCount && bias.count == expertCount, "a logit and a bias for each expert")
        precondition(experts.count == expertsPerToken && weights.count == expertsPerToken, "room for the choice")
        var scores = [Float](repeating: 0, count: expertCount)
        var output = scores.mutableSpan
        Dense.sigmoid(logits, into: &output)
        var biased = [Float](repeating: 0, count: expertCount)
        for expert in 0..<expertCount {
            let value = scores[expert] + bias[expert]
            biased[expert] = value.isNaN ? -.infinity : value
        }
        var taken = outsideGroups(biased)
        var sum: Float = 0
        for slot in 0..<expertsPerToken {
            var best = -1
            for expert in 0..<expertCount where !taken[expert] {
                if best < 0 || biased[expert] > biased[best] || Mutated.tieOrder && biased[expert] == biased[best] {
                    best = expert
                }
            }
            taken[best] = true
            experts[slot] = Int32(best)
            weights[slot] = scores[best]
            sum += scores[best]
        }
        for slot in 0..<expertsPerToken {
            weights[slot] = (normalises ? weights[slot] / (sum + 1e-20) : weights[slot]) * scale
        }
    }

    /// Which experts are out of the question because their group is not among the best.
    private func outsideGroups(_ biased: [Float]) -> [Bool] {
        guard groupsPerToken < groupCount else { return [Bool](repeating: false, count: expertCount) }
        let size = expertCount / groupCount
        var groupScores = [Float](repeating: 0, count: groupCount)
        for group in 0..<groupCount {
            var (first, second) = (-Float.infinity, -Float.infinity)
            for expert in group * size..<(group + 1) * size {
                if biased[expert] > first {
                    (first, second) = (biased[expert], first)
                } else if biased[expert] > second {
                    second = biased[expert]
                }
            }
            groupScores[group] = size > 1 ? first + second : first
        }
        var kept = [Bool](repeating: false, count: groupCount)
        for _ in 0..<groupsPerToken {
            var best = -1
            for group in 0..<groupCount where !kept[group] {
                if best < 0 || groupScores[group] > groupScores[best] { best = group }
            }
            kept[best] = true
        }
        return (0..<expertCount).map { !kept[$0 / size] }
    }
}
