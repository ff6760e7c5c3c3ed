import Experts
import Oracle
import TestKit
import Testing

@Suite("Gate")
struct GateTests {
    private static func select(_ gate: Gate, _ logits: [Float], _ bias: [Float]) -> (experts: [Int], weights: [Float]) {
        var experts = [Int32](repeating: -1, count: gate.expertsPerToken)
        var weights = [Float](repeating: -1, count: gate.expertsPerToken)
        var expertSpan = experts.mutableSpan
        var weightSpan = weights.mutableSpan
        gate.select(logits: logits.span, bias: bias.span, experts: &expertSpan, weights: &weightSpan)
        return (experts.map(Int.init), weights)
    }

    @Test("the published vector gives experts 3 and 0 with its weights")
    func goldenVector() {
        // DeepSeek-V3, arXiv 2412.19437, section 2.1.2.
        let gate = Gate(
            expertCount: 8, groupCount: 4, groupsPerToken: 2, expertsPerToken: 2, normalises: true, scale: 2.5)
        let (experts, weights) = Self.select(
            gate, [2, -1, 0.5, 0.4, -0.2, 1.5, -2, -0.5], [0, 0.1, 0, 0.3, 0, -0.2, 0.05, 0])
        #expect(experts == [3, 0])
        #expect(abs(weights[0] - 1.011649) < 1e-6 && abs(weights[1] - 1.488351) < 1e-6)
    }

    @Test("ties go to the lowest index, of groups and of experts")
    func ties() {
        let gate = Gate(
            expertCount: 8, groupCount: 4, groupsPerToken: 2, expertsPerToken: 3, normalises: true, scale: 1)
        let (experts, _) = Self.select(gate, Array(repeating: 0.5, count: 8), Array(repeating: 0, count: 8))
        #expect(experts == [0, 1, 2])
    }

    @Test("an expert of a group that was not kept is never chosen, though the others have negative scores")
    func negativeScores() {
        // Filling with 0 instead of -inf, as one public implementation does, would choose expert 4 here.
        let gate = Gate(
            expertCount: 6, groupCount: 3, groupsPerToken: 1, expertsPerToken: 2, normalises: true, scale: 1)
        let (experts, _) = Self.select(
            gate, Array(repeating: 0, count: 6), [-2, -2, -1, -3, -9, -9].map { Float($0) })
        #expect(experts == [0, 1] || experts == [2, 3])
        let (same, _) = Self.select(gate, Array(repeating: 0, count: 6), [-2, -2.1, -1, -2.9, -9, -9])
        #expect(same == [2, 3])
    }

    @Test("rows with NaN and infinities still give distinct experts of the groups allowed")
    func brokenRows() {
        let gate = Gate(
            expertCount: 32, groupCount: 4, groupsPerToken: 2, expertsPerToken: 4, normalises: true, scale: 2.5)
        for value in [Float.nan, .infinity, -.infinity] {
            let (experts, _) = Self.select(gate, Array(repeating: value, count: 32), Array(repeating: 0, count: 32))
            #expect(Set(experts).count == 4 && Set(experts.map { $0 / 8 }).count <= 2)
        }
    }

    /// One unit of rounding.
    private static let u: Float = 0x1p-24

    @Test(
        "float32 takes another expert where logits differ by less than it can see, and that is a near tie, not a fault")
    func nearTies() {
        let gate = Gate(
            expertCount: 4, groupCount: 1, groupsPerToken: 1, expertsPerToken: 1, normalises: true, scale: 1)
        var ties = 0
        var random = SeededGenerator(seed: 17)
        for _ in 0..<200 {
            // The better one stands behind, so that a tie of float32 goes to the other.
            let low = Float.random(in: 2...4, using: &random)
            let logits = [-4, low, low.nextUp, -4]
            let (chosen, _) = Self.select(gate, logits, [0, 0, 0, 0])
            let judgement = OracleGate.judge(
                chosen, logits: logits, bias: [0, 0, 0, 0], groups: 1, groupsKept: 1, expertsPerToken: 1)
            #expect(judgement == (chosen == [2] ? .same : .nearTie), "\(low)")
            if judgement == .nearTie { ties += 1 }
        }
        #expect(ties > 50, "\(ties)")
    }

    @Test(
        "Another expert is accepted within the margin and refused just outside it",
        arguments: [(4, OracleGate.Judgement.nearTie), (6, .nearTie), (8, .wrong), (100, .wrong)])
    func margin(units: Int, expected: OracleGate.Judgement) {
        // Scores of 1/2, so each is known within 3.5 u, and two that differ by up to 7 u cannot be told apart.
        let logits = [Float](repeating: 0, count: 4)
        let bias: [Float] = [-0.25, 0, Float(units) * Self.u, -0.25]
        func judge(_ experts: [Int], _ count: Int) -> OracleGate.Judgement {
            OracleGate.judge(experts, logits: logits, bias: bias, groups: 1, groupsKept: 1, expertsPerToken: count)
        }
        #expect(judge([2], 1) == .same)
        #expect(judge([1], 1) == expected)
        #expect(judge([2, 1], 2) == .same)
        // In another order, too: who is first matters to the sum's rounding.
        #expect(judge([1, 2], 2) == expected)
        #expect(judge([2, 0], 2) == .wrong)
        #expect(judge([2, 2], 2) == .wrong)
        #expect(judge([2, 4], 2) == .wrong)
        // Experts 0 and 3 are equal in everything; the lower index comes first, without any margin.
        #expect(judge([2, 1, 3], 3) == .wrong)
        #expect(judge([2, 1, 0], 3) == .same)
    }

    @Test(
        "A group is accepted within the margin of its two best and refused just outside it",
        arguments: [(10, OracleGate.Judgement.nearTie), (14, .nearTie), (17, .wrong), (1000, .wrong)])
    func groupMargin(units: Int, expected: OracleGate.Judgement) {
        // Groups of two experts; a group's sum of 1 is known within 2 x 3.5 u + u.
        let logits = [Float](repeating: 0, count: 6)
        let bias: [Float] = [0, 0, Float(units) * Self.u, 0, -0.25, -0.25]
        func judge(_ experts: [Int]) -> OracleGate.Judgement {
            OracleGate.judge(experts, logits: logits, bias: bias, groups: 3, groupsKept: 1, expertsPerToken: 2)
        }
        #expect(judge([2, 3]) == .same)
        #expect(judge([0, 1]) == expected)
        #expect(judge([4, 5]) == .wrong)
        // One of each group: whichever was kept, that cannot be.
        #expect(judge([2, 0]) == .wrong)
    }

    @Test(
        "random tokens agree with the Float64 twin",
        arguments: [
            (32, 4, 2, 4), (256, 8, 4, 8), (8, 4, 2, 2), (16, 1, 1, 6), (64, 8, 8, 5),
        ])
    func againstOracle(experts: Int, groups: Int, kept: Int, perToken: Int) {
        for normalises in [true, false] {
            let gate = Gate(
                expertCount: experts, groupCount: groups, groupsPerToken: kept, expertsPerToken: perToken,
                normalises: normalises, scale: 2.5)
            for seed in UInt64(1)...200 {
                var random = SeededGenerator(seed: seed)
                let logits = (0..<experts).map { _ in Float.random(in: -4...4, using: &random) }
                let bias = (0..<experts).map { _ in Float.random(in: -0.6...0.2, using: &random) }
                let (chosen, weights) = Self.select(gate, logits, bias)
                let judgement = OracleGate.judge(
                    chosen, logits: logits, bias: bias, groups: groups, groupsKept: kept, expertsPerToken: perToken)
                #expect(judgement != .wrong, "seed \(seed)")
                let expectedWeights = OracleGate.weights(
                    of: chosen, logits: logits.map(Double.init), normalises: normalises, scale: 2.5)
                for (weight, expected) in zip(weights, expectedWeights) {
                    // A sigmoid within 2 ulp, a sum of up to 8 and a quotient: well within 16 ulp.
                    #expect(abs(Double(weight) - expected) <= 16 * 0x1p-24 * expected, "seed \(seed)")
                }
            }
        }
    }
}
