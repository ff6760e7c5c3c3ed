internal import Collectives
internal import Fabric
internal import FoundationEssentials
internal import NodeRuntime
internal import SharedMemory
internal import Telemetry
internal import Tensors

/// One die's side of `softpod bench collectives`.
///
/// A row's time: every member makes a batch of calls with nothing between them, from a barrier on; the slowest member's
/// mean is the batch's value; the row quotes the median of batches. The algorithms of a group take turns batch by
/// batch.
final class CollectiveBench {
    private let die: DieContext
    private let plan: CollectivePlan
    private let world: Team
    /// This die's team; nil for dies that only wait.
    private let team: Team?
    private let collective: Collective?
    /// For what all dies must agree on.
    private let agreement: Collective
    private let area: Region
    private let limits: LimitBench
    /// What the oracle says one period of all members' elements is reduced to; made when first needed.
    private var folded: [UInt8] = []

    init(_ die: DieContext, _ plan: CollectivePlan) throws {
        self.die = die
        self.plan = plan
        die.setPhase("bench set-up")
        world = Team.world(die.endpoint)
        let tuning = try plan.tuning.map { text throws(TuningError) in try TuningTable(text: text) }
        let workspace = try CollectiveWorkspace(
            world, byteCount: CollectivePlan.workspaceByteCount, tuning: tuning)
        if plan.lanes > 1 { workspace.lane = try Lane(die.endpoint) }
        agreement = Collective(world, workspace)
        team = try plan.team.team(world, seed: plan.seed)
        collective = team.map { Collective($0, workspace) }
        area = try world.allocate(byteCount: try plan.areaByteCount(dies: world.size), alignment: 4096)
        limits = try LimitBench(
            agreement, area: area, type: ElementType(name: plan.type) ?? .float32,
            reduction: Reduction(name: plan.reduction) ?? .sum)
    }

    private var teamCount: Int { plan.team.shapes(dies: world.size, seed: plan.seed).count }
    private var members: Int { plan.team.shapes(dies: world.size, seed: plan.seed)[0].size }

    /// Bare loops need every window mapped: over several hosts rows have no limits and no floor.
    private var hasLimits: Bool { (0..<world.size).allSatisfy { die.endpoint.isNear(world[$0]) } }

    private func tell(_ event: CollectiveEvent) throws {
        if world.rank == 0 { die.report(Array(try JSONEncoder().encode(event))) }
    }

    /// Flags, barriers, and bandwidths by one die and by as many as there are cores, over working sets up to the
    /// largest of the rows.
    func reportLimits() throws {
        guard hasLimits else { return }
        die.setPhase("bench limits")
        if let time = try limits.pingPong() {
            try tell(
                CollectiveEvent(limits: [
                    CollectiveLimit(name: "raw flag ping-pong, one way", movers: 2, nanoseconds: time)
                ]))
        }
        let name = die.endpoint.spins ? "raw spin barrier" : "raw yield barrier"
        let time = try limits.barrier(team)
        try tell(
            CollectiveEvent(limits: [CollectiveLimit(name: name, movers: min(members, limits.local), nanoseconds: time)]
            ))
        let largest = try plan.groups.map { OperationCost(try plan.trial($0, members: members)).footprint }.max() ?? 0
        var footprint = 64 << 10
        while footprint < 4 * min(max(largest * teamCount, 64 << 10), CollectivePlan.footprintLimit) {
            let byteCount = min(footprint, CollectivePlan.footprintLimit)
            for movers in Set([1, limits.movers]).sorted() {
                let rates = try limits.rates(LimitBench.Kind.allCases, footprint: byteCount, movers: movers)
                let rows = zip(LimitBench.Kind.allCases, rates).map { kind, rate in
                    CollectiveLimit(
                        name: kind.rawValue, byteCount: byteCount, movers: movers, gigabytesPerSecond: rate)
                }
                try tell(CollectiveEvent(limits: rows))
            }
            footprint *= 8
        }
    }

    /// Measures one operation at one size by its algorithms.
    func run(_ group: CollectivePlan.Group) throws {
        let trial = try plan.trial(group, members: members)
        let cost = OperationCost(trial)
        let algorithms = try group.algorithms.map { text in
            guard let algorithm = text == "automatic" ? .automatic : CollectiveAlgorithm(text: text) else {
                throw UsageError("this build has no algorithm \(text)")
            }
            return algorithm
        }
        die.setPhase("\(group.operation) \(cost.byteCount)")
        var measured = try measureLimits(trial, cost)
        if plan.checks, trial.operation.isReduction, folded.isEmpty { folded = TrialData.fold(trial) }
        let data = team.map {
            TrialData(trial, me: $0.rank, endpoint: die.endpoint, area: area, folded: folded)
        }
        try data?.fill()
        var runs: [AlgorithmRun] = []
        // The place of what automatic stands for, among those that are run.
        var chosen: Int?
        for algorithm in algorithms {
            let meant = try algorithm == .automatic && algorithms.count > 1 ? choice(trial, data) : algorithm
            if algorithm == .automatic { chosen = runs.firstIndex { $0.algorithm == meant } ?? runs.count }
            guard !runs.contains(where: { $0.algorithm == meant }) else { continue }
            let run = AlgorithmRun(meant, data: data, collective: collective)
            try prepare(run)
            runs.append(run)
        }
        for batch in 1...plan.repetitions {
            // Each time another is first, as what ran before is in the caches.
            for turn in runs.indices {
                let run = runs[(batch + turn) % runs.count]
                // What the last batch leaves is judged; in place it leaves nothing to judge, so there one more call is
                // made.
                let isJudged = plan.checks && batch == plan.repetitions
                if isJudged, !plan.isInPlace { try data?.poison() }
                run.values.append(try time(run, run.iterations))
                if isJudged { run.wrong = try judge(run) }
            }
        }
        // How dies lie on cores changes by the second; the better of before and after is nearer to what a barrier can
        // cost.
        if hasLimits { measured.barrierNanoseconds = min(measured.barrierNanoseconds, try limits.barrier(team)) }
        var event = CollectiveEvent()
        for run in runs { event.figures.append(figure(run, trial, cost, measured)) }
        if let chosen, plan.showsChoice {
            event.figures[chosen].choice = runs[chosen].algorithm.text
            var figure = event.figures[chosen]
            figure.algorithm = "automatic"
            // What only automatic asked for has no row of its own.
            if algorithms.contains(runs[chosen].algorithm) {
                event.figures.append(figure)
            } else {
                event.figures[chosen] = figure
            }
        }
        try tell(event)
    }

    /// What automatic stands for, the same at every die, also at those outside the team.
    private func choice(_ trial: CollectiveTrial, _ data: TrialData?) throws -> CollectiveAlgorithm {
        guard plan.showsChoice else { return .automatic }
        let nothing = Region(offset: 0, byteCount: 0)
        let call = trial.call(
            collective?.team.rank ?? 0, source: data?.source ?? nothing, destination: data?.destination ?? nothing,
            algorithm: .automatic)
        return collective?.resolve(call) ?? .automatic
    }

    /// The limits a floor needs, over the row's own working set.
    private func measureLimits(_ trial: CollectiveTrial, _ cost: OperationCost) throws -> MeasuredLimits {
        guard hasLimits else { return MeasuredLimits(barrierNanoseconds: 0) }
        var measured = MeasuredLimits(barrierNanoseconds: try limits.barrier(team))
        var kinds: [LimitBench.Kind] = []
        if cost.copied > 0 { kinds.append(.copy) }
        if cost.folded > 0 { kinds.append(.fold) }
        if cost.written > 0 { kinds.append(.fill) }
        guard !kinds.isEmpty else { return measured }
        let rates = try limits.rates(kinds, footprint: cost.footprint * teamCount, movers: limits.movers)
        for (kind, rate) in zip(kinds, rates) {
            switch kind {
            case .copy: measured.copy = rate
            case .fold: measured.fold = rate
            case .fill: measured.fill = rate
            }
        }
        return measured
    }

    /// Warms up, and finds how many calls a batch has time for.
    private func prepare(_ run: AlgorithmRun) throws {
        _ = try time(run, 1)
        if plan.warmUp > 1 { _ = try time(run, plan.warmUp - 1) }
        let once = try time(run, 1)
        let budget = plan.rowSeconds * 1e9 / Double(plan.repetitions)
        run.iterations = max(1, min(plan.iterations, Int(budget / max(once, 1))))
    }

    /// Nanoseconds a call of the slowest member, over so many calls; the same number at every die.
    private func time(_ run: AlgorithmRun, _ iterations: Int) throws -> Double {
        try world.barrier()
        let start = Monotonic.now()
        if let collective, let call = run.call {
            for _ in 0..<iterations { try collective.run(call) }
        }
        let elapsed = collective == nil ? 0 : Double(Monotonic.now() - start) / Double(iterations)
        return try agreement.allReduce(elapsed, .max)
    }

    /// Elements at all members that differ from what must have come out.
    private func judge(_ run: AlgorithmRun) throws -> Int {
        var wrong = 0
        if let collective, let call = run.call, let data = run.data {
            if call.operation == .barrier {
                wrong = try judgeBarrier(collective, call)
            } else {
                if plan.isInPlace {
                    try data.fill()
                    try collective.run(call)
                }
                wrong = data.wrong()
                if plan.isInPlace { try data.fill() }
            }
        }
        return Int(clamping: try agreement.allReduce(UInt64(wrong), .sum))
    }

    /// Members that had not arrived when this one was let go.
    private func judgeBarrier(_ collective: Collective, _ call: CollectiveCall) throws -> Int {
        let team = collective.team
        let endpoint = die.endpoint
        try endpoint.signal(.set, 0, at: endpoint.rank, area.offset)
        try collective.run(call)
        try endpoint.signal(.set, 1, at: endpoint.rank, area.offset)
        try collective.run(call)
        let early = try (0..<team.size).filter { try endpoint.fetch(at: team[$0], area.offset) != 1 }.count
        try collective.run(call)
        return early
    }

    private func figure(
        _ run: AlgorithmRun, _ trial: CollectiveTrial, _ cost: OperationCost, _ measured: MeasuredLimits
    ) -> CollectiveFigure {
        let sample = Sample(run.values)
        let fraction = run.algorithm.name == "concurrent" ? run.algorithm.parameter : nil
        return CollectiveFigure(
            operation: "\(trial.operation)", algorithm: run.algorithm.name, fraction: fraction, members: trial.size,
            teams: teamCount, byteCount: cost.byteCount, movedByteCount: cost.movedByteCount, count: trial.count,
            root: trial.operation.isRooted ? trial.root : nil, median: sample.median, p10: sample.percentile(0.1),
            p90: sample.percentile(0.9), iterations: run.iterations, repetitions: plan.repetitions,
            floor: hasLimits ? cost.floorNanoseconds(measured, teams: teamCount) : nil, limits: measured,
            wrong: run.wrong)
    }
}

/// One algorithm of a group, as it is measured.
final class AlgorithmRun {
    let algorithm: CollectiveAlgorithm
    let data: TrialData?
    /// The call, the same in every batch; nil for dies outside the team.
    let call: CollectiveCall?
    var iterations = 1
    var values: [Double] = []
    var wrong: Int?

    init(_ algorithm: CollectiveAlgorithm, data: TrialData?, collective: Collective?) {
        self.algorithm = algorithm
        self.data = data
        call = data.flatMap { data in
            collective.map {
                data.trial.call(
                    $0.team.rank, source: data.source, destination: data.destination, algorithm: algorithm)
            }
        }
    }
}
