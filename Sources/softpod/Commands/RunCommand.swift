internal import ArgumentParser
internal import FoundationEssentials
internal import Launching
internal import NodeRuntime
internal import Telemetry

/// Launches a cluster and a small workload.
struct RunCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run", abstract: "Launch a cluster and run a workload on it.",
        discussion: """
            Workloads:
              smoke   start, barrier, all-gather of 64 bytes a die (checked), stop; prints how long each took. With --all-to-all
                      every die also sends every other a block of so many bytes (checked)
              idle    barriers without end, until a signal stops the run: for trying what happens when ranks die
              survive collectives and dispatch/combine, --operations of them, each checked against the oracle. With --survive ranks
                      that are lost are left out: the others agree on a new epoch, shrink their team, do the interrupted operation
                      again, and go on; experts of lost ranks are masked, and the weight that tokens keep is told

            With --announce a line on standard error says when ranks are started and running.
            """)

    enum Name: String, ExpressibleByArgument, CaseIterable {
        case smoke, idle, survive
    }

    @OptionGroup var cluster: ClusterOptions
    @OptionGroup(title: "Options for faults") var faults: FaultOptions
    @OptionGroup(title: "Options for going on without lost ranks") var survival: SurvivalOptions
    @Option(help: ArgumentHelp("With survive: operations.", valueName: "number")) var operations = 200
    @Option(help: "With survive: makes all data; printed.") var seed: UInt64?
    @Flag(help: "One JSON object instead of a table.") var json = false
    @Flag(help: "Say on standard error when processes are started and when the workload runs.") var announce = false
    @Option(help: ArgumentHelp("With smoke: bytes every die sends to every other; up to 64K.", valueName: "bytes"))
    var allToAll = ByteCount(0)
    @Argument(help: "What to run.") var workload: Name

    func validate() throws {
        guard (0...(64 << 10)).contains(allToAll.value) else {
            throw ValidationError("--all-to-all must be 0 to 64K, not \(allToAll.value).")
        }
        guard allToAll.value == 0 || workload == .smoke else {
            throw ValidationError("--all-to-all goes with smoke.")
        }
        guard (1...10_000_000).contains(operations) else {
            throw ValidationError("--operations must be 1 to 10000000, not \(operations).")
        }
    }

    func run() throws {
        try Failure.guarded(cluster) {
            if workload == .survive { return try SurvivalRun(command: self).run() }
            if survival.survive { throw UsageError("--survive goes with generate and the workload survive") }
            let type: any Workload.Type = workload == .smoke ? SmokeWorkload.self : IdleWorkload.self
            let plan = SmokeWorkload.Plan(allToAllByteCount: allToAll.value)
            var configuration = try cluster.configuration(
                workload: type, payload: workload == .smoke ? Array(try JSONEncoder().encode(plan)) : [],
                windowByteCount: SmokeWorkload.windowByteCount(dies: cluster.dies, plan: plan))
            try faults.apply(to: &configuration)
            let outcome = try Failure.launch(configuration) { event in
                tell(event)
                if announce, case .said(let die, let bytes) = event {
                    Report.remark("rank \(die): " + String(decoding: bytes, as: UTF8.self))
                }
            }
            try Failure.check(outcome)
            if workload == .smoke { try report(outcome) }
        }
    }

    /// Tells what is asked for of an event: the timeline, and how far the start is.
    func tell(_ event: ClusterEvent) {
        faults.tell(event)
        guard announce else { return }
        switch event {
        case .spawned(let processes): Report.remark("started \(processes) processes")
        case .started: Report.remark("running")
        case .failed, .noted, .lost, .said: break
        }
    }

    private func report(_ outcome: ClusterOutcome) throws {
        let findings = try RunResults.all(SmokeWorkload.Finding.self, of: outcome)
        let wrong = findings.map(\.wrong).reduce(0, +)
        let milliseconds = { (value: UInt64?) -> Field in value.map { .number(Double($0) / 1e6) } ?? .absent }
        let sampled = findings.map(\.proportionalByteCount).filter { $0 > 0 }
        let memory = sampled.isEmpty ? nil : sampled.reduce(0, +) / sampled.count * outcome.processCount
        var row = RunFacts(cluster: cluster, outcome: outcome).row
        row.append("startMilliseconds", milliseconds(outcome.startNanoseconds))
        row.append("firstBarrierMilliseconds", milliseconds(findings.map(\.firstBarrier).max()))
        row.append("barrierMilliseconds", milliseconds(findings.map(\.barrier).max()))
        row.append("allGatherMilliseconds", milliseconds(findings.map(\.allGather).max()))
        if allToAll.value > 0 {
            row.append("allToAllMilliseconds", milliseconds(findings.compactMap(\.allToAll).max()))
        }
        row.append("stopMilliseconds", milliseconds(outcome.stopNanoseconds))
        row.append("totalMilliseconds", milliseconds(outcome.totalNanoseconds))
        row.append("memoryMebibytes", memory.map { .number(Double($0) / 1_048_576) } ?? .absent)
        row.append("wrong", .integer(wrong))
        Report(json: json).facts(row, title: "smoke: every die gathered 64 bytes from every die")
        guard wrong > 0 else { return }
        let lines = findings.enumerated().filter { $1.wrong > 0 }.prefix(4).map { rank, finding in
            "rank \(rank): \(finding.wrong) bytes differ from what was sent to it"
        }
        throw WrongResult.told(Array(lines), replay: [])
    }
}
