/// What a run under faults may come to.
///
/// - `O1`: every result is bit-identical to the fault-free run's. `O2`: a typed failure before the deadline. `O3`: agreed degradation.
///   `O4`: refused at start.
public enum FaultPromise: String, Sendable, CaseIterable, Codable {
    case right = "O1"
    case failed = "O2"
    case degraded = "O3"
    case refused = "O4"
}

/// What sets a fault off.
public enum FaultTrigger: Sendable, Codable, Equatable {
    /// So many nanoseconds after the cluster began to run.
    case after(nanoseconds: UInt64)
    /// A moment of that time, drawn from the seed.
    case within(nanoseconds: UInt64)
    /// The rank's `entry`-th pass of a point, from 1; toward one peer if one is named.
    case point(FaultPoint, peer: Int?, entry: Int)
    /// The rank's `entry`-th access of a kind, to one peer or over one tier if named.
    case access(FaultAccess, peer: Int?, tier: FaultTier?, entry: Int)
    /// The `entry`-th time that the rank enters a phase whose name begins so.
    case phase(String, entry: Int)
    /// As long as the rank runs.
    case always

    /// As the timeline says it.
    public var description: String {
        func toward(_ peer: Int?) -> String { peer.map { " toward rank \($0)" } ?? "" }
        switch self {
        case .after(let time): return "\(time / 1_000_000) ms after the start"
        case .within(let time): return "within \(time / 1_000_000) ms of the start"
        case .point(let point, let peer, let entry): return "at pass \(entry) of \(point.rawValue)" + toward(peer)
        case .access(let access, let peer, let tier, let entry):
            return "at \(access.rawValue) \(entry)" + toward(peer) + (tier.map { " over tier \($0.rawValue)" } ?? "")
        case .phase(let phase, let entry): return "at entry \(entry) of phase \(phase)"
        case .always: return "from the start"
        }
    }

    /// Whether it is the rank itself that sets it off.
    public var isDeed: Bool {
        switch self {
        case .point, .access, .phase: true
        default: false
        }
    }
}

/// A fault as a plan has it.
public struct FaultRule: Sendable, Equatable {
    /// Its kind's name.
    public var kind: String
    /// The rank; nil for one that the seed draws.
    public var rank: Int?
    /// When.
    public var trigger: FaultTrigger
    /// What is done; a bit that the seed is to draw is -1.
    public var action: FaultAction
    /// The line of the file it stands on, for errors.
    public var line: Int

    /// A rule.
    public init(kind: String, rank: Int?, trigger: FaultTrigger, action: FaultAction, line: Int = 0) {
        self.kind = kind
        self.rank = rank
        self.trigger = trigger
        self.action = action
        self.line = line
    }
}

/// A fault with everything drawn: what travels to the agents and ranks of a run.
public struct ScheduledFault: Sendable, Codable, Equatable {
    /// Its number in the plan, from 1.
    public var number: Int
    /// Its kind's name.
    public var kind: String
    /// The rank.
    public var rank: Int
    /// When; never ``FaultTrigger/within(nanoseconds:)``.
    public var trigger: FaultTrigger
    /// What.
    public var action: FaultAction

    /// A fault of a run.
    public init(number: Int, kind: String, rank: Int, trigger: FaultTrigger, action: FaultAction) {
        self.number = number
        self.kind = kind
        self.rank = rank
        self.trigger = trigger
        self.action = action
    }

    /// In one line: `fault 1: kill of rank 3 at pass 7 of combine.flag`.
    public var description: String {
        var what = "fault \(number): \(kind) of rank \(rank)"
        switch action {
        case .stop(let time?): what += " for \(time / 1_000_000) ms"
        case .slow(let percent, let time): what += " to \(percent) % for \(time / 1_000_000) ms"
        case .wire(let damage, let amount, _): what += "'s host, \(damage.text(amount)),"
        case .jump(let time): what += " by \(time / 1_000_000) ms"
        case .shortage(let call, let entry): what += "'s host, \(call.rawValue) \(entry)"
        case .falsify(let field): what += "'s host, \(field.rawValue)"
        case .store(let place, let value): what += ", \(place.rawValue), \(value.description)"
        default: break
        }
        return what + " \(trigger.description)"
    }
}

/// A file of faults: what is to go wrong in a run, and what the run is then to come to.
public struct FaultPlan: Sendable, Equatable {
    /// Its name.
    public var name: String
    /// The faults.
    public var rules: [FaultRule]
    /// What a run may come to; any other end is a violation.
    public var promises: Set<FaultPromise>

    /// A plan.
    public init(name: String, rules: [FaultRule], promises: Set<FaultPromise> = [.right, .failed]) {
        self.name = name
        self.rules = rules
        self.promises = promises
    }

    /// Why a plan does not go with a cluster.
    public struct Misfit: Error, Sendable, Equatable {
        /// Which rule, from 0.
        public var rule: Int
        /// What is wrong.
        public var text: String
    }

    /// Draws what the plan leaves to the seed: ranks (none twice while there are others), moments, bits. A pure function of the plan, the
    /// number of ranks and the generator.
    ///
    /// - Throws: ``Misfit`` for a rank that the cluster does not have.
    public func drawn(
        ranks: Int, using generator: inout some RandomNumberGenerator
    ) throws(Misfit) -> [ScheduledFault] {
        for (index, rule) in rules.enumerated() {
            if let rank = rule.rank, rank >= ranks { throw Self.misfit(index, "rank", rank, ranks) }
            switch rule.trigger {
            case .point(_, let peer?, _), .access(_, let peer?, _, _):
                if peer >= ranks { throw Self.misfit(index, "peer", peer, ranks) }
            default: break
            }
        }
        var taken = Set(rules.compactMap(\.rank))
        return rules.enumerated().map { index, rule in
            let rank = rule.rank ?? Self.draw(ranks, &taken, &generator)
            var fault = ScheduledFault(
                number: index + 1, kind: rule.kind, rank: rank, trigger: rule.trigger, action: rule.action)
            if case .within(let time) = rule.trigger {
                fault.trigger = .after(nanoseconds: UInt64.random(in: 0...time, using: &generator))
            }
            if case .wire(let damage, let amount, _) = rule.action {
                fault.action = .wire(damage, amount: amount, seed: generator.next())
            }
            if case .store(let place, .bit(let bit)) = rule.action, bit < 0 {
                fault.action = .store(place, .bit(Int.random(in: 0..<64, using: &generator)))
            }
            return fault
        }
    }

    private static func misfit(_ rule: Int, _ key: String, _ value: Int, _ ranks: Int) -> Misfit {
        Misfit(rule: rule, text: "\(key) is \(value), and the cluster has ranks 0 to \(ranks - 1)")
    }

    private static func draw(
        _ ranks: Int, _ taken: inout Set<Int>, _ generator: inout some RandomNumberGenerator
    ) -> Int {
        let free = (0..<ranks).filter { !taken.contains($0) }
        let rank =
            free.isEmpty ? Int.random(in: 0..<ranks, using: &generator) : free.randomElement(using: &generator) ?? 0
        taken.insert(rank)
        return rank
    }
}
