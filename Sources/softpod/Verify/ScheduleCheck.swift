internal import ArgumentParser
internal import Fabric
internal import NodeRuntime
internal import SharedMemory
internal import Simulation
internal import Synchronization
internal import Workers

/// `softpod verify --schedules`: the project's protocols under a scheduler that decides which rank runs, what arrives, and which rank dies.
struct ScheduleCheck {
    let command: VerifyCommand

    /// Runs so many random schedules, on as many threads as there are cores.
    func run(_ count: Int) throws {
        let seed = command.seed ?? UInt64.random(in: 0...UInt64(UInt32.max))
        let scenarios = ScenarioCatalog.all.filter { scenario in
            command.only.map { scenario.name.contains($0) } ?? true
        }
        guard !scenarios.isEmpty else { throw UsageError("no scenario's name contains \(command.only ?? "")") }
        let workers = min(WaitPolicy.usableCores, max(1, count / 64))
        if !command.json {
            Report.remark("\(count) schedules of \(scenarios.count) scenarios, seed \(seed)")
        }
        let begun = ContinuousClock.now
        let report = try share(scenarios, count, seed, workers)
        let seconds = ContinuousClock.now - begun
        Report(json: command.json).facts(
            Row([
                "scenarios": .integer(scenarios.count), "schedules": .integer(report.schedules),
                "steps": .integer(report.steps), "deaths": .integer(report.crashes),
                "typedFailures": .integer(report.failures), "violations": .integer(report.finding == nil ? 0 : 1),
                "digest": .text(String(UInt64(bitPattern: Int64(report.digest)), radix: 16)),
                "seed": .integer(Int(truncatingIfNeeded: seed)), "seconds": .number(seconds / .seconds(1)),
                "finding": report.finding.map { .text($0.violation) } ?? .absent,
                "schedule": report.finding.map { .text($0.text) } ?? .absent,
                "kind": "measured", "commit": .text(RunFacts.commit),
            ]), title: "simulated schedules")
        if let finding = report.finding { throw tell(finding) }
    }

    /// Gives each thread a part of the numbers; the first finding by number is the one reported.
    private func share(
        _ scenarios: [Scenario], _ count: Int, _ seed: UInt64, _ workers: Int
    ) throws -> ScheduleSearch.Report {
        let parts = Parts(workers)
        let size = (count + workers - 1) / workers
        let first = Int(command.first)
        let threads = try (0..<workers).map { index in
            try Worker.start(name: "schedules \(index)", stackByteCount: 8 << 20) {
                let start = first + index * size
                let share = min(size, first + count - start)
                let result = Result {
                    try ScheduleSearch(core: index).random(scenarios, count: max(0, share), seed: seed, first: start)
                }
                parts.results.withLock { $0[index] = result }
            }
        }
        for thread in threads { thread.join() }
        var sum = ScheduleSearch.Report()
        for result in parts.results.withLock({ $0 }) { if let result { sum.add(try result.get()) } }
        return sum
    }

    private final class Parts: Sendable {
        let results: Mutex<[Result<ScheduleSearch.Report, any Error>?]>

        init(_ count: Int) { results = Mutex(Array(repeating: nil, count: count)) }
    }

    /// Runs one schedule: the case and the decisions as a finding names them.
    func replay(_ text: String) throws {
        let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        guard let simulated = SimulatedCase(text: parts[0]),
            let plan = SchedulePlan(text: parts.count > 1 ? String(parts[1]) : "")
        else {
            throw UsageError(
                "--schedule takes scenario/ranks/data:decisions, such as team.barrier.board/3/1:run0.2=1, not \(text)")
        }
        let run = try ScheduleSearch(core: 0).replay(simulated, plan)
        Report(json: command.json).rows(
            run.outcomes.map { Row(["outcome": .text($0)]) }, title: "\(simulated): \(run.plan)")
        Report(json: command.json).facts(
            Row([
                "steps": .integer(run.steps), "decisions": .text("\(run.plan)"),
                "digest": .text(String(UInt64(bitPattern: Int64(run.digest)), radix: 16)),
                "violation": run.violation.map { .text($0) } ?? .absent, "kind": "measured",
                "commit": .text(RunFacts.commit),
            ]))
        guard let violation = run.violation else { return }
        throw WrongResult.told(["\(simulated): \(violation)"], replay: [])
    }

    private func tell(_ finding: ScheduleSearch.Finding) -> ExitStatus {
        Report.remark("wrong: \(finding.simulated): \(finding.violation)")
        for outcome in finding.outcomes { Report.remark("wrong:   \(outcome)") }
        Report.remark(
            "\(finding.decisionsFound) decisions when it was found, \(finding.plan.decisions.count) of them are enough")
        Report.remark("replay: softpod verify --schedule '\(finding.text)'")
        return .wrongResult
    }
}
