internal import Collectives
internal import Experts
internal import Fabric
internal import FoundationEssentials
internal import Membership
internal import NodeRuntime
internal import Oracle
internal import SharedMemory
internal import Tensors

/// Collectives, and dispatch with combine, one after the other, each judged by the oracle; when ranks are lost the others agree, shrink their team,
/// and go on with the operation that was interrupted, over those that are left. With `--survive`; without it a loss ends the run.
///
/// All data and all arguments follow from the seed and the number of the operation, so members agree without talking, and each knows what
/// each must come to over any members. An operation that some have ended and others not is dropped and done again by all.
struct SurviveWorkload: Workload {
    static let name = "survive"

    struct Plan: Codable, Sendable {
        var seed: UInt64
        /// Operations of the run; 0: until `after` more have been done since the first loss.
        var operations: Int
        var after = 0
    }

    /// One change of the membership as a die lived through it; moments of the host's monotonic clock.
    struct Recovery: Codable, Sendable {
        var epoch: UInt64
        /// Its first wait that a new epoch ended; when its team was made; when its first operation after that had been found right.
        var noticed: UInt64
        var agreed: UInt64
        var right: UInt64 = 0
        /// The operation that was done again.
        var operation: Int
    }

    /// What a die found.
    struct Finding: Codable, Sendable {
        var operations = 0
        var comparisons = 0
        var wrong = 0
        var first: String?
        var epoch: UInt64 = 0
        var members: [Int] = []
        var recoveries: [Recovery] = []
        /// Choices of this die's tokens whose expert was lost, and the least share of its weight that a token had left.
        var maskedChoices = 0
        var leastShare: Float = 1
    }

    let plan: Plan

    init(payload: [UInt8]) throws { plan = try JSONDecoder().decode(Plan.self, from: Data(payload)) }

    /// Bytes of a window.
    static func windowByteCount(dies: Int) throws -> Int { try SurvivalPlace.windowByteCount(dies: dies) }

    func run(on die: DieContext) throws -> [UInt8] {
        die.setPhase("set-up")
        var world = Team.world(die.endpoint)
        var life = SurvivalLife(plan: plan, die: die)
        while true {
            do {
                let place = try SurvivalPlace(world, seed: plan.seed)
                try life.settle(place)
                try life.operate(at: place)
                // The end is agreed on: a member that has done all its operations waits for those that have not.
                if try world.agree(1).members.epoch == world.endpoint.epoch { break }
                throw world.endpoint.interruption
            } catch let error as any FabricCaused where error.fabricCause?.isSurvivable == true {
                life.noticed(error.fabricCause)
                world = try Self.shrunk(world)
                life.agreed(world)
            }
        }
        life.finding.epoch = world.endpoint.epoch
        life.finding.members = (0..<world.size).map { world[$0].index }
        return Array(try JSONEncoder().encode(life.finding))
    }

    /// The team of those that are left.
    private static func shrunk(_ world: Team) throws -> Team {
        world.endpoint.phase = "shrink"
        return try world.shrink()
    }
}

/// What a die has done so far, across epochs.
struct SurvivalLife {
    let plan: SurviveWorkload.Plan
    let die: DieContext
    var finding = SurviveWorkload.Finding()
    /// The next operation.
    private var number = 0
    /// How many there are, once that is known.
    private var limit: Int?
    private var noticedAt: UInt64?

    init(plan: SurviveWorkload.Plan, die: DieContext) {
        self.plan = plan
        self.die = die
        limit = plan.operations > 0 ? plan.operations : nil
    }

    /// A new epoch has ended a wait.
    mutating func noticed(_ error: FabricError?) {
        let now = Monotonic.now()
        noticedAt = noticedAt ?? now
        die.note(.noticed, at: now, error?.description ?? "")
    }

    /// The die is in the team of the new epoch.
    mutating func agreed(_ world: Team) {
        let now = Monotonic.now()
        finding.recoveries.append(
            SurviveWorkload.Recovery(
                epoch: world.endpoint.epoch, noticed: noticedAt ?? now, agreed: now, operation: number))
    }

    /// Agrees on the operation to go on with: the first that not all have done.
    mutating func settle(_ place: SurvivalPlace) throws {
        guard !finding.recoveries.isEmpty else { return }
        number = Int(try place.collective.allReduce(UInt64(number), .min))
        finding.recoveries[finding.recoveries.count - 1].operation = number
        // Of this settlement alone: an earlier one may not have been completed by all.
        if plan.operations == 0 { limit = number + plan.after }
        if place.team.rank == 0 {
            let ranks = (0..<place.team.size).map { place.team[$0].index }
            die.note(
                .decided, at: Monotonic.now(),
                "\(ChaosJudge.names(ranks)) enter epoch \(place.team.endpoint.epoch) and go on with operation \(number)"
            )
        }
    }

    /// Does the operations that are left.
    mutating func operate(at place: SurvivalPlace) throws {
        place.team.endpoint.phase = "operations"
        while limit.map({ number < $0 }) ?? true {
            try operation(at: place)
            number += 1
            finding.operations += 1
        }
    }

    private mutating func operation(at place: SurvivalPlace) throws {
        var event = OperationEvent(number, SurvivalPlace.name(number, plan.seed), .begun)
        event.epoch = place.team.endpoint.epoch
        event.members = place.former
        let isTold = plan.operations > 0
        if isTold { die.report(event.encoded) }
        let begin = Monotonic.now()
        defer {
            event.elapsed = Monotonic.now() - begin
            if isTold { die.report(event.encoded) }
        }
        do {
            let result = try place.operate(number, plan.seed)
            finding.comparisons += 1
            event.state = result.wrong == nil ? .right : .wrong
            event.detail = result.wrong
            event.masked = result.masked
            event.share = result.share
            if let wrong = result.wrong {
                finding.wrong += 1
                finding.first = finding.first ?? wrong
            }
            finding.maskedChoices += result.masked
            finding.leastShare = min(finding.leastShare, result.share)
        } catch {
            let cause = (error as? any FabricCaused)?.fabricCause
            event.state = .failed
            event.detail = "\(error)"
            event.code = cause?.code.rawValue ?? "\(type(of: error))"
            event.peers = (cause?.peers ?? []).map(\.index)
            event.epoch = cause?.epoch ?? event.epoch
            throw error
        }
        if noticedAt != nil {
            noticedAt = nil
            finding.recoveries[finding.recoveries.count - 1].right = Monotonic.now()
        }
    }
}
