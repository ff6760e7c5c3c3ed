internal import Experts
internal import Fabric
internal import Oracle

/// The gate on made-up logits: the oracle's experts, and its weights to float32.
struct GateCheck: Check {
    let name = "experts.gate"
    let judge = "same experts; weights <= 1e-5 of Float64"

    func heapByteCount(dies: Int) -> Int { 0 }

    func run(on bench: CheckBench, seed: UInt64) throws -> Finding {
        var random = CheckRandom(seed: seed &+ UInt64(bench.world.rank))
        var finding = Finding(error: 0)
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
            let right = OracleGate.select(
                logits: logits.map(Double.init), bias: bias.map(Double.init), groups: 4, groupsKept: 2,
                expertsPerToken: 4, normalises: true, scale: 2.5)
            finding.compare(
                experts.map(Int.init) == right.experts,
                "rank \(bench.world.rank): experts of draw \(turn), seed \(seed)")
            let error = zip(weights, right.weights).map { abs(Double($0) / $1 - 1) }.max() ?? 0
            finding.error = max(finding.error ?? 0, error)
            finding.compare(error <= 1e-5, "rank \(bench.world.rank): weights of draw \(turn), seed \(seed)")
        }
        return finding
    }
}
