internal import FoundationEssentials
internal import Launching
internal import NodeRuntime

/// Runs the workload `survive` and says what came of every operation: `softpod run survive`.
struct SurvivalRun {
    let command: RunCommand

    func run() throws {
        let cluster = command.cluster
        let seed = command.seed ?? UInt64.random(in: 0...UInt64(UInt32.max))
        let plan = SurviveWorkload.Plan(seed: seed, operations: command.operations)
        var configuration = try cluster.configuration(
            workload: SurviveWorkload.self, payload: Array(try JSONEncoder().encode(plan)),
            windowByteCount: SurviveWorkload.windowByteCount(dies: cluster.dies))
        try command.faults.apply(to: &configuration)
        try command.survival.apply(to: &configuration)
        var judge = ChaosJudge(faults: [], configuration: configuration)
        var lost: [Int] = []
        let outcome = try Failure.launch(configuration) { event in
            command.tell(event)
            switch event {
            case .said(let die, let bytes):
                if let operation = OperationEvent(decoding: bytes) { judge.take(die, operation) }
            case .lost(_, let ranks, _):
                judge.lose(ranks)
                lost += ranks
            default: break
            }
        }
        try Failure.check(outcome)
        let findings = try outcome.results.indices.filter { !lost.contains($0) }.map {
            try RunResults.one(SurviveWorkload.Finding.self, of: outcome, rank: $0)
        }
        try report(judge.outcomes(injected: []), findings, outcome, lost: lost.sorted(), seed: seed)
    }

    private func report(
        _ outcomes: [ChaosJudge.Outcome], _ findings: [SurviveWorkload.Finding], _ outcome: ClusterOutcome, lost: [Int],
        seed: UInt64
    ) throws {
        let report = Report(json: command.json)
        if command.json {
            report.rows(
                outcomes.map {
                    Row([
                        "operation": .integer($0.number), "name": .text($0.name), "outcome": .text($0.verdict),
                        "epoch": .integer(Int(truncatingIfNeeded: $0.epoch)), "detail": .text($0.detail),
                    ])
                })
        } else {
            report.rows(Self.spans(outcomes), title: "operations")
        }
        func count(_ verdict: String) -> Field { .integer(outcomes.count { $0.verdict == verdict }) }
        let last = findings.first
        var row = RunFacts(cluster: command.cluster, outcome: outcome).row
        row.append("seed", .integer(Int(truncatingIfNeeded: seed)))
        row.append("epoch", .integer(Int(truncatingIfNeeded: last?.epoch ?? 0)))
        row.append("members", .integers(last?.members ?? []))
        row.append("lost", .integers(lost))
        row.append("O1", count("O1"))
        row.append("O2", count("O2"))
        row.append("O3", count("O3"))
        row.append("violations", count("violation"))
        row.append("comparisons", .integer(findings.map(\.comparisons).reduce(0, +)))
        row.append("maskedChoices", .integer(findings.map(\.maskedChoices).reduce(0, +)))
        row.append("leastShare", .number(Double(findings.map(\.leastShare).min() ?? 1)))
        report.facts(row, title: "survive: every result compared with the oracle's over the ranks that were left")
        let wrong = outcomes.filter { $0.verdict == "violation" }.map { "operation \($0.number): \($0.detail)" }
        let found = findings.compactMap(\.first) + wrong
        guard found.isEmpty, Set(findings.map(\.members)).count == 1 else {
            throw WrongResult.told(
                found.isEmpty ? ["ranks ended in different epochs"] : found, replay: [("--seed", "\(seed)")])
        }
    }

    /// Operations that follow each other with the same outcome in the same epoch are one row for people.
    private static func spans(_ outcomes: [ChaosJudge.Outcome]) -> [Row] {
        var spans: [(first: ChaosJudge.Outcome, last: Int)] = []
        for outcome in outcomes {
            if let end = spans.last, end.first.verdict == outcome.verdict, end.first.epoch == outcome.epoch {
                spans[spans.count - 1].last = outcome.number
            } else {
                spans.append((outcome, outcome.number))
            }
        }
        return spans.map { first, last in
            Row([
                "operations": .text(first.number == last ? "\(last)" : "\(first.number)-\(last)"),
                "outcome": .text(first.verdict), "epoch": .integer(Int(truncatingIfNeeded: first.epoch)),
                "of the first": .text(first.detail),
            ])
        }
    }
}
