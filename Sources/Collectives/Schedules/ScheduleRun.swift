internal import Fabric
internal import Kernels
internal import Tensors

/// Carries out any schedule over any transport: from start to end as its steps are made, or as a list that can be left and taken up again.
///
/// Members say to each other the same things either way, so one may start what another calls. While an operation is left, partners may
/// write into this member's slots; so there is one at a time for each workspace. Nothing is allocated but the list, some 200 bytes a step.
///
/// - Complexity: 2 events and 2 waits a partner more than the schedule has, or two meetings.
struct ScheduleRun<Plan: Schedule>: CollectiveExecution {
    private var plan: Plan
    private var runner: StepRunner
    /// What of an operation that is left has been done: whether partners have been told and the steps listed, and the next of those.
    private var isOpen = false
    private var steps = StepList()
    private var next = 0
    /// What is known of partners: here while the operation is left, and in the workspace while it is at work.
    private var blocks: [PartnerBlock] = []

    @inline(__always)
    init(_ call: CollectiveCall, on collective: Collective, _ plan: Plan) {
        runner = StepRunner(call, on: collective, meets: plan.usesRendezvous)
        self.plan = plan
    }

    mutating func run() throws(FabricError) {
        _ = try open(waits: true)
        try plan.emit(runner.team.rank, &runner)
        _ = try runner.close(waits: true)
    }

    var canBeLeft: Bool { runner.call.operation != .allToAllV || !runner.meets && !plan.needsTable }

    mutating func advance(waits: Bool) throws(FabricError) -> Bool {
        let workspace = runner.workspace
        if blocks.isEmpty { blocks = Array(repeating: PartnerBlock(), count: workspace.blocks.count) }
        swap(&workspace.blocks, &blocks)
        defer { swap(&workspace.blocks, &blocks) }
        let isOver = try proceed(waits)
        // No wait looks for this between tests.
        if !isOver { try workspace.endpoint.checkMembership() }
        return isOver
    }

    private mutating func proceed(_ waits: Bool) throws(FabricError) -> Bool {
        if !isOpen {
            guard try open(waits: waits) else { return false }
            isOpen = true
            try plan.emit(runner.team.rank, &steps)
        }
        while next < steps.list.count {
            let step = steps.list[next]
            switch step {
            case .sync: guard try runner.meet(waits) else { return false }
            case .close: guard try runner.close(waits: waits) else { return false }
            default:
                guard waits || runner.isReady(for: step) else { return false }
                try runner.take(step)
            }
            next += 1
        }
        return try runner.close(waits: waits)
    }

    /// Says to the partners where this member's bytes lie, and hears it from them where members meet or publish tables.
    private mutating func open(waits: Bool) throws(FabricError) -> Bool {
        if !runner.rendezvous.hasArrived {
            runner.workspace.executedAlgorithm = plan.algorithm
            if !runner.announces { try runner.workspace.endpoint.quiet() }
            if runner.call.operation == .allToAllV, !canBeLeft {
                try runner.workspace.publishTable(runner.call, runner.team.size, me: runner.team.rank)
            }
            if !runner.meets { try announce() }
        }
        if runner.meets { return try runner.meetForCall(waits) }
        if plan.needsTable {
            let (team, workspace) = (runner.team, runner.workspace)
            for member in 0..<team.size where workspace.blocks[member].isPartner {
                try runner.awaitAnnouncement(member)
            }
            try plan.readTable(team.rank, runner)
        }
        return true
    }

    /// Announces this member's regions to its partners, and notes what theirs must be.
    private func announce() throws(FabricError) {
        for member in 0..<runner.team.size { runner.workspace.blocks[member] = PartnerBlock() }
        guard runner.announces else { return }
        let (team, workspace) = (runner.team, runner.workspace)
        let me = team.rank
        for member in Rotation(of: team.size, after: me) where plan.arePartners(me, member) {
            var mine = PartnerBlock()
            var expected = PartnerBlock()
            if let block = plan.block(me, member) {
                mine = block
                expected = block
            } else {
                let shape = ScheduleShape(runner.call, size: team.size, staging: 0)
                mine.outOffset = runner.call.source.offset
                mine.outByteCount = shape.sourceByteCount(me)
                mine.inOffset = runner.call.destination.offset
                mine.inByteCount = shape.destinationByteCount(me)
                // Compared crosswise: what goes out there comes in here.
                expected.inByteCount = shape.sourceByteCount(member)
                expected.outByteCount = shape.destinationByteCount(member)
            }
            expected.isPartner = true
            workspace.blocks[member] = expected
            try workspace.announce(team[member], runner.descriptors.digest, mine)
        }
    }
}

/// All steps of a member.
private struct StepList: StepSink {
    var list: [Step] = []

    mutating func take(_ step: Step) { list.append(step) }
}
