internal import ArgumentParser
internal import Faults
internal import FoundationEssentials
internal import Launching
internal import NodeRuntime
internal import SharedMemory
internal import Telemetry

/// How soon survivors of a lost rank have noticed it, agreed on the next epoch, and done an operation in it.
struct BenchRecoveryCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "recovery",
        abstract:
            "Kill, or stop, a rank of a working cluster: until it is noticed, agreed on, and the next operation is right.",
        discussion: """
            Each repetition starts a cluster of the workload survive, and does the fault to one rank at a moment drawn from the seed. Times are             from just before the signal until the slowest survivor has left what it waited for (noticed), is in the team of the new epoch             (agreed), and has done the interrupted operation again and found it bit-exact (right). Figures are medians in milliseconds,             with the 90th percentile. A rank that is stopped keeps its lease (--lease), and is then killed.
            """)

    @OptionGroup var cluster: ClusterOptions
    @Option(help: "Clusters of each fault.") var repetitions = 15
    @Option(
        help: ArgumentHelp("How long a stopped rank keeps its membership.", valueName: "seconds")) var lease = 0.5
    @Option(help: "Draws ranks and moments; printed.") var seed: UInt64?
    @Flag(help: "One JSON object a row instead of a table.") var json = false

    /// The milliseconds of one repetition.
    private struct Times {
        var noticed: Double
        var agreed: Double
        var right: Double
    }

    func validate() throws {
        guard (1...1000).contains(repetitions) else {
            throw ValidationError("--repetitions must be 1 to 1000, not \(repetitions).")
        }
        guard (0.02...60).contains(lease) else {
            throw ValidationError("--lease must be 0.02 to 60 seconds, not \(lease).")
        }
    }

    func run() throws {
        try Failure.guarded(cluster) {
            try HostSession.requireOneHost("bench recovery is about the ranks of one host")
            guard cluster.dies > cluster.diesPerProcess else {
                throw UsageError("a cluster of one process has no survivors")
            }
            let seed = seed ?? UInt64.random(in: 0...UInt64(UInt32.max))
            let report = Report(json: json)
            let rows = try [(name: "kill", action: FaultAction.kill), (name: "stop", action: .stop(nanoseconds: nil))]
                .map {
                    fault in
                    let times = try (0..<repetitions).map {
                        try once(fault.name, fault.action, CheckRandom(seed: seed, UInt64($0)))
                    }
                    return row(fault.name, times, seed)
                }
            report.rows(
                rows, title: "recovery, \(cluster.dies) dies, seed \(seed), milliseconds since the fault (measured)",
                columns: [
                    "fault", "noticedMilliseconds", "noticedP90", "agreedMilliseconds", "agreedP90",
                    "rightMilliseconds",
                    "rightP90", "repetitions",
                ])
        }
    }

    /// One cluster, one fault.
    private func once(_ name: String, _ action: FaultAction, _ seeded: CheckRandom) throws -> Times {
        var random = seeded
        let plan = SurviveWorkload.Plan(seed: random.next(), operations: 0, after: 10)
        var configuration = try cluster.configuration(
            workload: SurviveWorkload.self, payload: Array(try JSONEncoder().encode(plan)),
            windowByteCount: SurviveWorkload.windowByteCount(dies: cluster.dies))
        configuration.survives = true
        configuration.lease = .milliseconds(Int64(lease * 1000))
        let rank = Int.random(in: 0..<cluster.dies, using: &random)
        let moment = UInt64.random(in: 100_000_000...200_000_000, using: &random)
        configuration.instruments.faults = [
            ScheduledFault(number: 1, kind: name, rank: rank, trigger: .after(nanoseconds: moment), action: action)
        ]
        var begin: UInt64?
        var isLost = Set<Int>()
        // Its own lines of the loss are what is measured, and not told.
        let outcome = try Failure.launch(configuration, tellsLosses: false) { event in
            // The agent notes a fault just before it does it.
            if case .noted(_, let note) = event, note.kind == .injected { begin = Monotonic.now() }
            if case .lost(_, let ranks, _) = event { isLost.formUnion(ranks) }
        }
        try Failure.check(outcome)
        guard let begin, !isLost.isEmpty else {
            throw InputError(.software, "the fault was not injected")
        }
        let findings = try outcome.results.indices.filter { !isLost.contains($0) }.map {
            try RunResults.one(SurviveWorkload.Finding.self, of: outcome, rank: $0)
        }
        if let wrong = findings.compactMap(\.first).first { throw WrongResult.told([wrong], replay: []) }
        func slowest(_ moment: (SurviveWorkload.Recovery) -> UInt64) -> Double {
            let last = findings.compactMap { $0.recoveries.first.map(moment) }.max() ?? 0
            return Double(last > begin ? last - begin : 0) / 1e6
        }
        return Times(noticed: slowest(\.noticed), agreed: slowest(\.agreed), right: slowest(\.right))
    }

    private func row(_ fault: String, _ times: [Times], _ seed: UInt64) -> Row {
        var row = RunFacts(cluster: cluster, processes: cluster.dies / max(1, cluster.diesPerProcess)).row
        row.append("fault", .text(fault))
        row.append("leaseMilliseconds", fault == "stop" ? .number(lease * 1000) : .absent)
        let columns = [
            ("noticed", times.map(\.noticed)), ("agreed", times.map(\.agreed)), ("right", times.map(\.right)),
        ]
        for (name, values) in columns {
            let sample = Sample(values)
            row.append("\(name)Milliseconds", .number(sample.median))
            row.append("\(name)P90", .number(sample.percentile(0.9)))
            row.append("\(name)Maximum", .number(sample.maximum))
        }
        row.append("repetitions", .integer(times.count))
        row.append("seed", .integer(Int(truncatingIfNeeded: seed)))
        return row
    }
}
