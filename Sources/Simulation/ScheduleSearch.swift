internal import Fuzzing
internal import SharedMemory

/// Looks for a schedule that breaks something: by chance, all with few decisions, or with a death at every step.
public struct ScheduleSearch: Sendable {
    /// What a search has found.
    public struct Report: Sendable {
        /// Schedules run.
        public var schedules = 0
        /// Steps of all of them.
        public var steps = 0
        /// Those in which a rank died.
        public var crashes = 0
        /// Ranks of those that lived on and ended in a typed failure.
        public var failures = 0
        /// Digest of everything, the same for the same seed.
        public var digest = 0
        /// The first that broke something.
        public var finding: Finding?

        /// Of nothing.
        public init() {}

        /// Adds what another part of the same search has found.
        public mutating func add(_ other: Report) {
            schedules += other.schedules
            steps += other.steps
            crashes += other.crashes
            failures += other.failures
            digest = digest &+ other.digest
            finding = finding ?? other.finding
        }

        mutating func add(_ run: SimulatedRun) {
            schedules += 1
            steps += run.steps
            crashes += run.crashed == nil ? 0 : 1
            failures += run.outcomes.count { !$0.hasSuffix(": right") && !$0.hasSuffix(": died") }
            // A sum, so that it does not depend on how schedules are dealt out over threads.
            digest = digest &+ run.digest
        }
    }

    /// A schedule that broke something, made as small as could be.
    public struct Finding: Sendable {
        /// What was run.
        public let simulated: SimulatedCase
        /// The least decisions that were found to break something.
        public let plan: SchedulePlan
        /// How many decisions it had when it was found.
        public let decisionsFound: Int
        /// What breaks.
        public let violation: String
        /// How each rank ended.
        public let outcomes: [String]

        /// What a replay is told: the case and its decisions.
        public var text: String { "\(simulated):\(plan)" }
    }

    /// The core that simulated ranks share, by its place among those that may be used; nil for any.
    let core: Int?

    /// A search whose simulated ranks share a core.
    public init(core: Int? = nil) { self.core = core }

    /// Runs one schedule once more.
    public func replay(_ simulated: SimulatedCase, _ plan: SchedulePlan) throws -> SimulatedRun {
        try ScheduleRunner(simulated, core: core).run(DecisionSource(plan), mayCrash: true)
    }

    /// Runs random schedules of a seed, dealt out over scenarios.
    ///
    /// The number of a schedule and the seed fix everything about it: ranks, data, odds, decisions.
    /// - Parameters:
    ///   - progress: told the number of each schedule before it runs.
    /// - Throws: where there is no memory or no thread.
    public func random(
        _ scenarios: [Scenario], count: Int, seed: UInt64, first: Int = 0, progress: (Int) -> Void = { _ in }
    ) throws -> Report {
        var report = Report()
        var usual: [String: [Int]] = [:]
        for number in first..<first + count {
            progress(number)
            var random = FuzzRandom(seed: FuzzRandom.mixed(seed, UInt64(number)))
            let scenario = scenarios[number % scenarios.count]
            let ranks = Int.random(in: scenario.ranks, using: &random)
            let simulated = SimulatedCase(scenario, ranks: ranks, data: random.next() % 64)
            let runner = ScheduleRunner(simulated, core: core)
            var crash: (Int, Int)?
            if random.next() % 3 == 0 {
                // Where a rank may die is counted in the usual schedule.
                let steps =
                    try usual["\(simulated)"] ?? runner.run(DecisionSource(SchedulePlan()), mayCrash: false).stepsByRank
                usual["\(simulated)"] = steps
                let rank = Int.random(in: 0..<ranks, using: &random)
                crash = (rank, Int.random(in: 1...max(1, steps[rank] + steps[rank] / 4), using: &random))
            }
            let odds = Odds(using: &random, crash: crash)
            let run = try runner.run(DecisionSource(random, odds), mayCrash: crash != nil)
            report.add(run)
            if run.violation != nil {
                report.finding = try shrink(runner, run)
                return report
            }
        }
        return report
    }

    /// Runs every schedule of a case with at most so many decisions that differ from the usual ones, each of the kinds `run`, `poll` and `land`:
    /// delay bounding (Emmi, Qadeer and Rakamaric, POPL 2011), which bounds the switches that the protocol does not itself cause.
    ///
    /// - Complexity: with n decisions in a schedule and m ways to make each, at most the sum of C(n, k) (m - 1)^k for k up to the bound.
    /// - Throws: as ``random(_:count:seed:first:progress:)``.
    public func exhaustive(_ simulated: SimulatedCase, decisions bound: Int) throws -> Report {
        let runner = ScheduleRunner(simulated, core: core)
        var report = Report()
        var open = [SchedulePlan()]
        while let plan = open.popLast() {
            let run = try runner.run(DecisionSource(plan, notesPoints: true), mayCrash: false)
            report.add(run)
            if run.violation != nil {
                report.finding = try shrink(runner, run)
                return report
            }
            guard plan.decisions.count < bound else { continue }
            // Only behind the last decision, so that each set is met once.
            let last = plan.decisions.last.flatMap { last in run.points.firstIndex { $0.place == last.place } } ?? -1
            for point in run.points[(last + 1)...] where [.run, .poll, .land].contains(point.place.kind) {
                for item in point.items where item != point.taken {
                    open.append(SchedulePlan(plan.decisions + [Decision(place: point.place, value: item)]))
                }
            }
        }
        return report
    }

    /// Lets each rank die at each of its steps of the usual schedule, once with the others told and once without.
    ///
    /// - Throws: as ``random(_:count:seed:first:progress:)``.
    public func everyDeath(_ simulated: SimulatedCase) throws -> Report {
        let runner = ScheduleRunner(simulated, core: core)
        var report = Report()
        let usual = try runner.run(DecisionSource(SchedulePlan()), mayCrash: false)
        report.add(usual)
        for rank in 0..<simulated.ranks {
            for step in 1...max(1, usual.stepsByRank[rank]) {
                for tells in [0, 1] {
                    let death = Decision(place: .init(kind: .crash, rank: rank, step: step, turn: 0), value: 1)
                    let tell = Decision(place: .init(kind: .tell, rank: rank, step: step, turn: 0), value: tells)
                    let run = try runner.run(DecisionSource(SchedulePlan([death, tell])), mayCrash: true)
                    report.add(run)
                    if run.violation != nil {
                        report.finding = try shrink(runner, run)
                        return report
                    }
                }
            }
        }
        return report
    }

    /// Leaves out decisions as long as something still breaks: halves, quarters, and so on, then one by one.
    private func shrink(_ runner: ScheduleRunner, _ found: SimulatedRun) throws -> Finding {
        var best = found
        var size = max(1, best.plan.decisions.count / 2)
        var runs = 0
        while runs < Self.mostShrinkRuns, !best.plan.decisions.isEmpty {
            var start = 0
            var isSmaller = false
            while start < best.plan.decisions.count, runs < Self.mostShrinkRuns {
                var left = best.plan.decisions
                left.removeSubrange(start..<min(start + size, left.count))
                let run = try runner.run(DecisionSource(SchedulePlan(left)), mayCrash: true)
                runs += 1
                if run.violation != nil, run.plan.decisions.count < best.plan.decisions.count {
                    best = run
                    isSmaller = true
                } else {
                    start += size
                }
            }
            if size == 1, !isSmaller { break }
            size = max(1, size / 2)
        }
        return Finding(
            simulated: runner.simulated, plan: best.plan, decisionsFound: found.plan.decisions.count,
            violation: best.violation ?? "", outcomes: best.outcomes)
    }

    private static let mostShrinkRuns = 400
}

extension FuzzRandom {
    /// The seed of one of a seed's streams.
    static func mixed(_ seed: UInt64, _ stream: UInt64) -> UInt64 {
        var random = FuzzRandom(seed: seed)
        random = FuzzRandom(seed: random.next() ^ stream)
        return random.next()
    }
}

extension SimulatedCase {
    /// Reads `name/ranks/data`, as its description writes it.
    ///
    /// - Returns: nil where there is no such scenario, or not with so many ranks.
    public init?(text: some StringProtocol) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 3, let ranks = Int(parts[1]), let data = UInt64(parts[2]),
            let scenario = ScenarioCatalog.all.first(where: { $0.name == parts[0] }), scenario.ranks.contains(ranks)
        else { return nil }
        self.init(scenario, ranks: ranks, data: data)
    }
}
