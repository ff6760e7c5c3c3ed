/// DeepSeek's gate in Float64, as plainly as it can be said.
public enum OracleGate {
    /// The experts of one token, best first, and their weights.
    ///
    /// Scores are sigmoids of the logits; selection adds the bias: a group counts what its two best experts count, the best
    /// groups stay, the best experts of these are chosen, the lower index on a tie. Weights are the scores without bias,
    /// divided by their sum plus 1e-20 if `normalises`, times `scale`.
    ///
    /// ## Source
    /// After DeepSeek's inference code: experts of other groups are out of the question (-inf).
    public static func select(
        logits: [Double], bias: [Double], groups: Int, groupsKept: Int, expertsPerToken: Int, normalises: Bool,
        scale: Double
    ) -> (experts: [Int], weights: [Double]) {
        let chosenBy = zip(logits, bias).map { score($0) + $1 }
        let size = logits.count / groups
        let groupScores = (0..<groups).map { group in
            chosenBy[group * size..<(group + 1) * size].sorted(by: >).prefix(2).reduce(0, +)
        }
        let kept = best(groupsKept, of: groupScores, among: Array(0..<groups))
        let candidates = (0..<logits.count).filter { kept.contains($0 / size) }
        let experts = best(expertsPerToken, of: chosenBy, among: candidates)
        return (experts, weights(of: experts, logits: logits, normalises: normalises, scale: scale))
    }

    /// The weights of experts, however they were chosen.
    public static func weights(of experts: [Int], logits: [Double], normalises: Bool, scale: Double) -> [Double] {
        var weights = experts.map { score(logits[$0]) }
        if normalises {
            let sum = weights.reduce(0, +) + 1e-20
            weights = weights.map { $0 / sum }
        }
        return weights.map { $0 * scale }
    }

    static func score(_ logit: Double) -> Double { 1 / (1 + OracleMath.exp(-logit)) }

    private static func best(_ count: Int, of values: [Double], among candidates: [Int]) -> [Int] {
        Array(candidates.sorted { values[$0] != values[$1] ? values[$0] > values[$1] : $0 < $1 }.prefix(count))
    }
}
