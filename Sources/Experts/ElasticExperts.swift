public import Fabric

/// The experts of a machine that has lost members: which are left, where they are, and what a token's routing is without the others.
///
/// A member that is lost takes its experts with it; those that are left keep the same number each. The members are those of an epoch that all
/// have agreed on, so all come to the same tables. A choice whose expert is lost is masked: it is neither sent nor added, and the weights
/// of the token's other choices stay as they are. What they add up to is told beside them; to divide by it, which a serving engine may want and
/// which is not possible where no expert of a token is left, is the caller's decision.
///
/// ## Source
/// The two tables are those of `elasticInfo` (CANN, MoeDistributeDispatch V3: old rank to new or -1, new rank to old, an unchanged number of local
/// experts); that weights are not renormalised is the rule of DeepEP's shrink (github.com/deepseek-ai/DeepEP, pull request 370) and of FlashInfer's mask.
public struct ElasticExperts: Sendable, Equatable {
    /// The layout of the machine with all its members.
    public let full: ExpertLayout
    /// Of each member of the full machine its number now, or -1.
    public let current: [Int]
    /// Of each member now its number in the full machine.
    public let former: [Int]

    /// The experts that are left.
    ///
    /// - Parameters:
    ///   - full: the layout for all members.
    ///   - members: their ranks, in the order of the full machine's team.
    ///   - survivors: the team that is left of them, in the same order.
    public init(full: ExpertLayout, members: [Rank], survivors: Team) {
        precondition(members.count == full.rankCount, "each member of the full machine has a rank")
        self.full = full
        current = members.map { survivors.index(of: $0) ?? -1 }
        former = (0..<survivors.size).compactMap { members.firstIndex(of: survivors[$0]) }
        precondition(former.count == survivors.size, "survivors were members")
    }

    /// Experts that are left.
    public var expertCount: Int { former.count * full.localExpertCount }

    /// The layout of the exchange between those that are left.
    ///
    /// - Throws: `.badLayout` where fewer experts are left than a token chooses.
    public func layout() throws(ExpertError) -> ExpertLayout {
        try ExpertLayout(
            experts: expertCount, ranks: former.count, maximumTokens: full.maximumTokens, hidden: full.hidden,
            choices: full.choices, dispatch: full.dispatchFormat, combine: full.combineFormat,
            slotAlignment: full.slotAlignment)
    }

    /// The number now of an expert of the full machine; -1 if it is lost.
    public func number(ofExpert expert: Int) -> Int {
        let member = current[expert / full.localExpertCount]
        return member < 0 ? -1 : member * full.localExpertCount + expert % full.localExpertCount
    }

    /// The number in the full machine of an expert that is left.
    public func formerNumber(ofExpert expert: Int) -> Int {
        former[expert / full.localExpertCount] * full.localExpertCount + expert % full.localExpertCount
    }

    /// A routing without the experts that are lost.
    ///
    /// - Parameters:
    ///   - experts: `[tokens, choices]` of experts of the full machine, -1 for none; others are passed on as they are, for the dispatch to refuse.
    ///   - weights: `[tokens, choices]`.
    /// - Complexity: linear in the entries.
    public func mask(experts: Span<Int32>, weights: Span<Float>) -> MaskedRouting {
        precondition(experts.count == weights.count && experts.count % full.choices == 0, "each choice has its weight")
        var routing = MaskedRouting()
        for token in 0..<experts.count / full.choices {
            var (left, lost): (Float, Float) = (0, 0)
            for entry in token * full.choices..<(token + 1) * full.choices {
                let expert = experts[entry]
                guard expert >= 0, Int(expert) < full.expertCount else {
                    routing.experts.append(expert)
                    continue
                }
                let number = number(ofExpert: Int(expert))
                routing.experts.append(Int32(number))
                if number < 0 { routing.maskedCount += 1 }
                if number < 0 { lost += weights[entry] } else { left += weights[entry] }
            }
            routing.survivingWeights.append(left)
            routing.lostWeights.append(lost)
        }
        return routing
    }
}

/// What is left of a routing where experts are lost.
public struct MaskedRouting: Sendable, Equatable {
    /// `[tokens, choices]`: experts by their numbers now, -1 for none and for those that are lost.
    public internal(set) var experts: [Int32] = []
    /// `[tokens]`: the sum of the weights of choices that are left, in the order of the choices, in float32.
    public internal(set) var survivingWeights: [Float] = []
    /// `[tokens]`: likewise of those that are lost.
    public internal(set) var lostWeights: [Float] = []
    /// Choices that are lost.
    public internal(set) var maskedCount = 0

    /// The smallest share of its weight that a token has left; 1 where nothing is lost.
    public var leastShare: Float {
        zip(survivingWeights, lostWeights).map { left, lost in lost == 0 ? 1 : left / (left + lost) }.min() ?? 1
    }
}
