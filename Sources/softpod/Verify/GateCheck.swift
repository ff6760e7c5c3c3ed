internal import Experts
internal import Fabric
internal import Oracle

/// The gate on made-up logits: the oracle's experts, or others that float32 cannot tell from them, and their weights to float32.
struct GateCheck: Check {
    let name = "experts.gate"
    let judge = "experts, but for ties within float32 rounding; weights <= 1e-5 of Float64"

    func heapByteCount(dies: Int, isProtected: Bool) -> Int { 0 }

    func run(on bench: CheckBench, seed: UInt64) throws -> Finding {
        var random = CheckRandom(seed: seed, UInt64(bench.world.rank))
        var finding = Finding(nearTies: 0, error: 0)
        let gate = Gate(
            expertCount: 32, groupCount: 4, groupsPerToken: 2, expertsPerToken: 4, normalises: true, scale: 2.5)
        for turn in 0..<200 {
            let logits = random.floats(32).map { $0 * 4 }
            let bias = random.floats(32).map { $0 * 0.1 }
            var experts = [Int32](repeating: 0, count: 4)
            var weights = [Float](repeating: 0, count: 4)
            var expertSpan = experts.mutableSpan
            var weightSpan = weights.mutableSpan
            gate.select(logits: logits.span, bias: bias.span, experts: &expertSpan, weights: &weightSpan)
            let chosen = experts.map(Int.init)
            let judgement = OracleGate.judge(
                chosen, logits: logits, bias: bias, groups: 4, groupsKept: 2, expertsPerToken: 4)
            if judgement == .nearTie { finding.nearTies = (finding.nearTies ?? 0) + 1 }
            finding.compare(
                judgement != .wrong, "rank \(bench.world.rank): experts \(chosen) of draw \(turn)")
            finding.digest.add(weights)
            // Of the experts chosen, which the line above has judged.
            let right = OracleGate.weights(
                of: chosen, logits: logits.map(Double.init), normalises: true, scale: 2.5)
            let error = zip(weights, right).map { abs(Double($0) / $1 - 1) }.max() ?? .infinity
            finding.error = max(finding.error ?? 0, error)
            finding.compare(error <= 1e-5, "rank \(bench.world.rank): weights of draw \(turn)")
        }
        return finding
    }
}
