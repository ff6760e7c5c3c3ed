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
        // expert-parallel.md 6.
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
                let (expected, expectedWeights) = OracleGate.select(
                    logits: logits.map(Double.init), bias: bias.map(Double.init), groups: groups, groupsKept: kept,
                    expertsPerToken: perToken, normalises: normalises, scale: 2.5)
                #expect(chosen == expected, "seed \(seed)")
                for (weight, expected) in zip(weights, expectedWeights) {
                    // A sigmoid within 2 ulp, a sum of up to 8 and a quotient: well within 16 ulp.
                    #expect(abs(Double(weight) - expected) <= 16 * 0x1p-24 * expected, "seed \(seed)")
                }
            }
        }
    }
}
