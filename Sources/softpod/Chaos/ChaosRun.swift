internal import Faults
internal import FoundationEssentials
internal import Launching
internal import NodeRuntime

/// One run of `softpod chaos`: one seed.
struct ChaosRun {
    /// What came of it.
    struct Result {
        var seed: UInt64
        /// Numbers of the plan's faults that the run had.
        var faults: Set<Int>
        var outcomes: [ChaosJudge.Outcome]
        /// `O1`, `O2`, `O3` or `O4`.
        var promise: String
        var violations: [String]
    }

    let command: ChaosCommand
    let source: FaultSource?
    /// The text to compare with, for `generate`.
    let text: ChaosText?
    let seed: UInt64
    var historyFolder: String?
    /// Numbers of the plan's faults to inject; nil for all.
    var keep: Set<Int>?
    /// What people are told of it.
    var telling = Telling.everything

    /// How much is told.
    enum Telling {
        case everything
        /// Only what is wrong: it is one of many.
        case violations
        case nothing
    }

    /// Reduces a run that has a violation to faults of which none can be left out: each is left out in turn, with the same seed, and stays
    /// out if there is still a violation.
    ///
    /// - Complexity: a run for each fault.
    func shrunk(_ faults: Set<Int>) throws -> Set<Int> {
        var kept = faults
        for number in faults.sorted() where kept.count > 1 {
            var smaller = self
            smaller.keep = kept.subtracting([number])
            smaller.historyFolder = nil
            smaller.telling = .nothing
            let violations = try smaller.result().violations
            if violations.contains(where: { !$0.hasPrefix(ChaosJudge.nothingInjected) }) { kept.remove(number) }
        }
        return kept
    }

    /// Runs it, and prints what came of it.
    ///
    /// - Throws: ``ExitStatus`` where a signal, or the end of standard output's reader, has ended it.
    func result() throws -> Result {
        var configuration = try self.configuration()
        let plan = source?.plan ?? DrawnPlan.plan(seed: seed, survives: command.survival.survive)
        let drawn =
            try source?.drawn(ranks: configuration.dieCount, seed: seed)
            ?? DrawnPlan.faults(plan, ranks: configuration.dieCount, seed: seed)
        let faults = drawn.filter { keep?.contains($0.number) ?? true }
        if let keep, keep.count != faults.count {
            throw UsageError("--keep: the plan has faults 1 to \(drawn.count)")
        }
        configuration.instruments.faults = faults
        configuration.instruments.historyFolder = historyFolder
        if telling == .everything, !command.json {
            Report.remark(
                "plan \(plan.name), seed \(seed), \(configuration.dieCount) dies, workload \(command.workload.rawValue)"
            )
        }
        let leftovers = Leftovers()
        var judge = ChaosJudge(faults: faults, configuration: configuration)
        var timeline = Timeline()
        var tokens = ChaosText.Tokens()
        let outcome = try launch(configuration, faults) { event in
            switch event {
            case .noted(let die, let note): timeline.add(die, note)
            case .said(let die, let bytes):
                if text != nil { return tokens.take(event) }
                if let operation = OperationEvent(decoding: bytes) { judge.take(die, operation) }
            case .lost(_, let ranks, _): judge.lose(ranks)
            default: break
            }
        }
        // The other hosts' agents go with the session, and are left over if they do not.
        HostSession.close()
        // Its user wants no verdict.
        if [.interrupted, .terminated, .hungUp, .outputClosed].contains(outcome.status) { throw outcome.status }
        let injected = timeline.injected
        var outcomes = judge.outcomes(injected: injected)
        if command.workload != .operations, command.workload != .survive {
            outcomes = text?.outcomes(tokens, outcome) ?? [whole(outcome)]
        }
        let violations = judge.violations(
            outcome, outcomes, injected: injected, promises: plan.promises, leftovers: leftovers.find())
        let promise = ChaosJudge.promise(outcome, outcomes).rawValue
        let result = Result(
            seed: seed, faults: Set(faults.map(\.number)), outcomes: outcomes,
            promise: violations.isEmpty ? promise : "violation", violations: violations)
        if telling == .everything || telling == .violations && !violations.isEmpty { show(result, timeline, plan) }
        return result
    }

    /// Runs the cluster. A start that is refused for what was done to it is an outcome; any other one is an error.
    private func launch(
        _ configuration: ClusterConfiguration, _ faults: [ScheduledFault],
        _ onEvent: @escaping (ClusterEvent) -> Void
    ) throws -> ClusterOutcome {
        do { return try Failure.launch(configuration, onEvent: onEvent) } catch let status as ExitStatus {
            throw status
        } catch {
            guard faults.contains(where: \.action.isOfStart) else { throw error }
            Report.remark("\(error)")
            return ClusterOutcome(refusal: "\(error)")
        }
    }

    private func show(_ result: Result, _ timeline: Timeline, _ plan: FaultPlan) {
        let report = Report(json: command.json)
        report.rows(
            timeline.rows, title: "plan \(plan.name), seed \(seed): ms since the ranks of the host began",
            columns: ["ms", "event", "rank", "text"])
        let rows = result.outcomes.map { outcome in
            Row([
                "operation": .integer(outcome.number), "name": .text(outcome.name), "outcome": .text(outcome.verdict),
                "detail": .text(outcome.detail), "epoch": .integer(Int(truncatingIfNeeded: outcome.epoch)),
            ])
        }
        // Of those that went well people want the number.
        let shown = command.json ? rows : rows.filter { $0["outcome"] != .text("O1") }
        if shown.count < rows.count { report.line("operations: \(rows.count - shown.count) bit-exact (O1)") }
        report.rows(
            shown, title: "operations that came to something else",
            columns: ["operation", "name", "outcome", "detail"])
    }

    /// Operations of the workload `survive` in a round.
    private static let survivalsPerRound = 10

    private func configuration() throws -> ClusterConfiguration {
        let cluster = command.cluster
        var configuration: ClusterConfiguration
        switch command.workload {
        case .operations:
            let checks = CheckCatalog.all.map(\.name).filter(isChosen)
            guard !checks.isEmpty else {
                throw UsageError("no check's name contains \(command.only ?? "")")
            }
            let plan = OperationsWorkload.Plan(seed: seed, checks: checks, rounds: command.rounds)
            configuration = try cluster.configuration(
                workload: OperationsWorkload.self, payload: Array(try JSONEncoder().encode(plan)),
                windowByteCount: CheckBench.windowByteCount(cluster))
        case .generate:
            guard let text else { throw UsageError("--workload generate needs --model") }
            configuration = try text.configuration(cluster)
        case .survive:
            let plan = SurviveWorkload.Plan(seed: seed, operations: command.rounds * Self.survivalsPerRound)
            configuration = try cluster.configuration(
                workload: SurviveWorkload.self, payload: Array(try JSONEncoder().encode(plan)),
                windowByteCount: SurviveWorkload.windowByteCount(dies: cluster.dies))
        case .smoke:
            let plan = SmokeWorkload.Plan(allToAllByteCount: 4096)
            configuration = try cluster.configuration(
                workload: SmokeWorkload.self, payload: Array(try JSONEncoder().encode(plan)),
                windowByteCount: SmokeWorkload.windowByteCount(dies: cluster.dies, plan: plan))
        case .soak:
            let plan = SoakWorkload.Plan(seed: seed, seconds: command.seconds, largest: 8 << 10)
            configuration = try cluster.configuration(
                workload: SoakWorkload.self, payload: Array(try JSONEncoder().encode(plan)),
                windowByteCount: SoakWorkload.windowByteCount(dies: cluster.dies, largest: plan.largest))
        }
        if cluster.givenDeadline == nil { configuration.deadline = .seconds(5) }
        try command.survival.apply(to: &configuration)
        return configuration
    }

    /// By default what moves rows to experts and keys to shards.
    private func isChosen(_ name: String) -> Bool {
        if let only = command.only { return name.contains(only) }
        return name.hasPrefix("attention.") || name.hasPrefix("experts.") && name != "experts.gate"
    }

    /// A workload that tells nothing of its operations is one: its dies say what was wrong.
    private func whole(_ outcome: ClusterOutcome) -> ChaosJudge.Outcome {
        var operation = ChaosJudge.Outcome(
            number: 0, name: command.workload.rawValue, verdict: "O2", detail: outcome.report ?? "")
        guard outcome.status == .success else { return operation }
        struct Finding: Decodable { var wrong: Int }
        let findings = outcome.results.map { bytes in
            bytes.flatMap { try? JSONDecoder().decode(Finding.self, from: Data($0)) }  // What is none is not right.
        }
        let bad = findings.firstIndex { $0?.wrong != 0 }
        operation.verdict = bad == nil ? "O1" : "violation"
        operation.detail = bad.map { "a silent wrong answer at rank \($0)" } ?? "bit-exact at all ranks"
        return operation
    }
}

/// A plan made up from a seed: one fault, or two, of the kinds whose outcome is promised.
enum DrawnPlan {
    /// Bytes that no defence covers: what comes of them is only known where results are judged.
    private static let unprotected: Set<FaultPlace> = [.payload]
    /// Kinds whose outcome is not to go on or to fail, or that need more than a seed.
    private static let unusual: Set<String> = [
        "flip", "kill-agent", "truncate", "shortage", "falsify", "stale",
    ]

    static func plan(seed: UInt64, survives: Bool = false) -> FaultPlan {
        var random = CheckRandom(seed: seed, 1)
        let rules = (0..<Int.random(in: 1...2, using: &random)).map { _ in rule(&random, survives) }
        return FaultPlan(
            name: "drawn", rules: rules, promises: survives ? [.right, .failed, .degraded] : [.right, .failed])
    }

    static func faults(_ plan: FaultPlan, ranks: Int, seed: UInt64) -> [ScheduledFault] {
        var random = CheckRandom(seed: seed)
        let drawn = try? plan.drawn(ranks: ranks, using: &random)  // It names no rank, so it goes with every cluster.
        return drawn ?? []
    }

    /// Points that a run passes for certain.
    private static func points(_ survives: Bool) -> [FaultPoint] {
        FaultPoint.allCases.filter { point in
            guard survives else { return point != .collectiveEntry && !point.isOfSurvivors }
            return !point.rawValue.hasPrefix("decode.") && (!point.isOfSurvivors || point == .agreePost)
        }
    }

    private static func rule(_ random: inout CheckRandom, _ survives: Bool) -> FaultRule {
        let kinds = FaultCatalog.all.filter { kind in
            // Links are only there over several hosts.
            if case .wire(let damage, _, _) = kind.action(FaultArguments()) {
                return HostSession.hasHosts
                    && [.lose, .duplicate, .reorder, .corrupt, .cut].contains(damage)
            }
            return !unusual.contains(kind.name)
        }
        let kind = kinds[Int.random(in: 0..<kinds.count, using: &random)]
        let places = FaultPlace.allCases.filter { !unprotected.contains($0) }
        let values: [FaultValue] = [.zero, .one, .ones, .more, .less, .bit(-1)]
        let arguments = FaultArguments(
            nanoseconds: UInt64.random(in: 1...500, using: &random) * 1_000_000,
            percent: Int.random(in: 5...90, using: &random),
            place: places[Int.random(in: 0..<places.count, using: &random)],
            value: values[Int.random(in: 0..<values.count, using: &random)])
        let points = arguments.place?.points ?? points(survives)
        let point = points[Int.random(in: 0..<points.count, using: &random)]
        let isMoment = kind.time == .any && Bool.random(using: &random)
        let trigger: FaultTrigger =
            kind.time == .none
            ? .always
            : isMoment
                ? .within(nanoseconds: 100_000_000)
                : .point(point, peer: nil, entry: point == .agreePost ? 1 : Int.random(in: 1...20, using: &random))
        return FaultRule(kind: kind.name, rank: nil, trigger: trigger, action: kind.action(arguments))
    }
}
