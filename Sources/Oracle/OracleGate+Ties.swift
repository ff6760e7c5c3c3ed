extension OracleGate {
    /// What a choice made in float32 is, measured by Float64.
    public enum Judgement: Sendable {
        /// The oracle's own choice, in its order.
        case same
        /// Another, but float32 rounding can have made it: wherever it departs, the scores lie closer together than their errors.
        case nearTie
        /// Another that no rounding explains.
        case wrong
    }

    /// Judges the experts that a float32 gate chose, best first.
    ///
    /// With u = 2^-24, one rounding's relative error, a float32 gate knows a biased score v = s + b only within
    ///
    /// ```
    /// d(v) = 6 u s + u |v|       e^-x within 2 ulp (4 u), 1 + e and its reciprocal one rounding each; s + b one rounding
    /// d(g) = 2 max d(v) + u |g|  of a group's two best: the k-th largest of some values moves by no more than the values do
    /// ```
    ///
    /// and second-order terms, for which all is taken 2^-16 larger. It can prefer a to b only if a + d(a) >= b - d(b). So a choice is
    /// accepted if some set of groups that passes this test against all others holds it, and each chosen expert passes it against those
    /// after it and all that were not chosen. Experts whose logits and biases are equal have equal scores in float32 too, and there the
    /// lower index must come first.
    public static func judge(
        _ experts: [Int], logits: [Float], bias: [Float], groups: Int, groupsKept: Int, expertsPerToken: Int
    ) -> Judgement {
        let right = select(
            logits: logits.map(Double.init), bias: bias.map(Double.init), groups: groups, groupsKept: groupsKept,
            expertsPerToken: expertsPerToken, normalises: false, scale: 1
        ).experts
        if experts == right { return .same }
        guard experts.count == expertsPerToken, Set(experts).count == experts.count,
            experts.allSatisfy(logits.indices.contains)
        else { return .wrong }
        let values = zip(logits, bias).map { uncertain(logit: $0, bias: $1) }
        let size = logits.count / groups
        let groupValues = (0..<groups).map { uncertainSum(Array(values[$0 * size..<($0 + 1) * size])) }
        let isExplained = sets(of: groupsKept, below: groups).contains { kept in
            guard experts.allSatisfy({ kept.contains($0 / size) }) else { return false }
            let others = (0..<groups).filter { !kept.contains($0) }
            guard kept.allSatisfy({ one in others.allSatisfy { groupValues[one].canReach(groupValues[$0]) } }) else {
                return false
            }
            let unchosen = values.indices.filter { kept.contains($0 / size) && !experts.contains($0) }
            return experts.indices.allSatisfy { slot in
                (experts[(slot + 1)...] + unchosen).allSatisfy { other in
                    let one = experts[slot]
                    let isEqual = logits[one] == logits[other] && bias[one] == bias[other]
                    return isEqual ? one < other : values[one].canReach(values[other])
                }
            }
        }
        return isExplained ? .nearTie : .wrong
    }

    /// A value with what float32 may have made of it.
    private struct Uncertain {
        var value: Double
        var error: Double

        /// Whether float32 may have found this one at least as large.
        func canReach(_ other: Uncertain) -> Bool { value + error >= other.value - other.error }
    }

    private static let rounding = 0x1p-24 * (1 + 0x1p-16)

    private static func uncertain(logit: Float, bias: Float) -> Uncertain {
        let score = score(Double(logit))
        let value = score + Double(bias)
        return Uncertain(value: value, error: rounding * (6 * score + abs(value)))
    }

    private static func uncertainSum(_ members: [Uncertain]) -> Uncertain {
        let value = members.map(\.value).sorted(by: >).prefix(2).reduce(0, +)
        let worst = members.map(\.error).max() ?? 0
        return Uncertain(value: value, error: 2 * worst + rounding * abs(value))
    }

    /// All sets of so many numbers below a limit.
    private static func sets(of count: Int, below limit: Int) -> [[Int]] {
        guard count > 0 else { return [[]] }
        guard limit >= count else { return [] }
        return sets(of: count, below: limit - 1) + sets(of: count - 1, below: limit - 1).map { $0 + [limit - 1] }
    }
}
