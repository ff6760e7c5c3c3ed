internal import Fabric

/// An operation by events that a member leaves where it would have to wait for another, and takes up again.
///
/// Members say to each other what those of a blocking call say, so one may start what another calls. While it is left, partners may write
/// into this member's slots; so there is one at a time for each workspace.
///
/// - Complexity: as the blocking call. The steps of a schedule are listed when it begins, some 100 bytes each.
struct Resumable {
    private let collective: Collective
    private let call: CollectiveCall
    private let algorithm: CollectiveAlgorithm
    private var hasBegun = false
    /// One of the two carries it out.
    private var runner: ScheduleRunner?
    private var exchange: Exchange?
    private var steps = StepList()
    private var next = 0
    private var closing = 1
    /// Its legs while it is left, and the workspace's while it is at work.
    private var legs: [Leg]

    /// Nil where the operation is only known as one piece: members that meet, reductions by pairs, tables of differing lengths by way of
    /// others.
    init?(_ collective: Collective, _ call: CollectiveCall, _ algorithm: CollectiveAlgorithm) {
        switch algorithm {
        case .ring, .twoLevel: break
        case .trampoline where call.operation != .allToAllV: break
        case .pairwise:
            guard !call.operation.isReduction, call.operation != .barrier,
                !collective.team.isNear || call.operation == .sendReceive
            else { return nil }
        default: return nil
        }
        self.collective = collective
        self.call = call
        self.algorithm = algorithm
        legs = Array(repeating: Leg(), count: collective.workspace.legs.count)
    }

    /// Goes on to the end or, unless it may wait, as far as others have come.
    ///
    /// - Returns: whether it has ended.
    mutating func advance(waits: Bool) throws(FabricError) -> Bool {
        let workspace = collective.workspace
        swap(&workspace.legs, &legs)
        defer { swap(&workspace.legs, &legs) }
        if !hasBegun {
            hasBegun = true
            try begin()
        }
        let isOver: Bool
        if let over = try exchange?.advance(waits: waits) {
            isOver = over
        } else {
            isOver = try advanceSteps(waits: waits)
        }
        // Nobody else looks for this between tests.
        if !isOver { try workspace.endpoint.checkMembership() }
        return isOver
    }

    private mutating func begin() throws(FabricError) {
        if case .pairwise(let form) = algorithm {
            for member in 0..<collective.team.size { collective.workspace.legs[member] = Leg() }
            exchange = Pairwise(collective: collective, form: form).makeExchange(call)
            return
        }
        let runner = ScheduleRunner(collective, call, algorithm)
        switch algorithm {
        case .twoLevel(let group): try list(GroupedSchedule(runner.shape, group: group, isSpread: false), runner)
        case .trampoline(let group): try list(GroupedSchedule(runner.shape, group: group, isSpread: true), runner)
        default: try list(RingSchedule(runner.shape), runner)
        }
        self.runner = runner
    }

    private mutating func list<Plan: Schedule>(_ schedule: Plan, _ runner: ScheduleRunner) throws(FabricError) {
        try runner.open(schedule)
        schedule.emit(collective.team.rank, &steps)
    }

    private mutating func advanceSteps(waits: Bool) throws(FabricError) -> Bool {
        let workspace = collective.workspace
        let team = collective.team
        while next < steps.list.count {
            guard waits || runner?.isReady(for: steps.list[next]) ?? true else { return false }
            try runner?.take(steps.list[next])
            next += 1
        }
        if next == steps.list.count {
            guard waits || runner?.isReadyToFinish ?? true else { return false }
            try runner?.finish()
            next += 1
        }
        while closing < team.size {
            let member = (team.rank + closing) % team.size
            if workspace.legs[member].isPartner {
                guard waits || workspace.hasEvent(team.member(member)) else { return false }
                try workspace.expect(team.member(member))
            }
            closing += 1
        }
        try runner?.complete()
        if team.size == 1 { try workspace.endpoint.checkMembership() }
        return true
    }
}

/// All steps of a member.
private struct StepList: StepSink {
    var list: [Step] = []

    mutating func take(_ step: Step) { list.append(step) }
}

extension ScheduleRunner {
    /// Whether a step can be taken without waiting for a member. What goes through a switch may still wait for that.
    func isReady(for step: Step) -> Bool {
        switch step {
        case .signal, .copy: true
        case .wait(let member):
            workspace.hasEvents(announces && !workspace.legs[member].isAnnounced ? 2 : 1, team.member(member))
        case .put(let member, _, _, _): hasMet(member)
        case .fold(let fold): fold.members.allSatisfy { hasMet($0) }
        }
    }

    /// Whether all partners have announced themselves.
    var isReadyToFinish: Bool {
        !announces || (0..<team.size).allSatisfy { !workspace.legs[$0].isPartner || hasMet($0) }
    }

    private func hasMet(_ member: Int) -> Bool {
        member == team.rank || workspace.legs[member].isAnnounced || workspace.hasEvent(team.member(member))
    }
}
