internal import ArgumentParser
internal import FoundationEssentials
internal import Launching
internal import NodeRuntime
internal import SharedMemory
internal import Telemetry

/// What hundreds of dies cost when they start, meet and wait.
struct BenchScaleCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "scale",
        abstract: "Start, first barrier, barriers beside bare ones, processor time of waiting, memory, page tables.",
        discussion: """
            The barrier is timed by rank 0; its limit is a counter and a release word by bare atomics over the same processes, \
            taken in turns with it. idleProcessorShare is the share of all cores that all rank processes use while every die \
            waits for a word that no die writes, from 50 ms into the wait. memoryMebibytes is shared memory and private, each \
            process's in proportion, from every eighth die; pageTableMebibytes is the sum over all processes.
            """)

    @OptionGroup var cluster: ClusterOptions
    @Option(help: "Batches of barriers.") var repetitions = 15
    @Option(help: ArgumentHelp("How long to wait idly.", valueName: "seconds")) var idle = 2.0
    @Flag(help: "One JSON object instead of a table.") var json = false

    func validate() throws {
        guard (1...10_000).contains(repetitions) else {
            throw ValidationError("--repetitions must be 1 to 10000, not \(repetitions).")
        }
        guard idle >= 0.1, idle <= 3600 else {
            throw ValidationError("--idle must be 0.1 to 3600 seconds, not \(idle).")
        }
    }

    func run() throws {
        try Failure.guarded(cluster) {
            try HostSession.requireOneHost(
                "bench scale measures bare loops over one host's memory; for links see bench link")
            let plan = ScaleWorkload.Plan(batches: repetitions, idleSeconds: idle)
            let outcome = try Failure.launch(
                try cluster.configuration(
                    workload: ScaleWorkload.self, payload: Array(try JSONEncoder().encode(plan)),
                    windowByteCount: ScaleWorkload.windowByteCount(dies: cluster.dies)))
            try Failure.check(outcome)
            let findings = try RunResults.all(ScaleWorkload.Finding.self, of: outcome)
            Report(json: json).facts(row(findings, outcome), title: "scale (measured)")
        }
    }

    private func row(_ findings: [ScaleWorkload.Finding], _ outcome: ClusterOutcome) -> Row {
        let firstOfEach = stride(from: 0, to: findings.count, by: cluster.diesPerProcess).map { findings[$0] }
        let barrier = Sample(findings[0].barriers)
        let raw = Sample(findings[0].rawBarriers)
        let start = outcome.startNanoseconds
        let first = findings.map(\.firstBarrier).max()
        let number = { (value: Double?) -> Field in value.map { .number($0) } ?? .absent }
        let cores = Double(WaitPolicy.usableCores)
        let idle = firstOfEach.map { Double($0.idleProcessorTime) / Double($0.idleTime) }.reduce(0, +) / cores
        let sampled = firstOfEach.map(\.proportionalByteCount).filter { $0 > 0 }
        let each = sampled.isEmpty ? nil : Double(sampled.reduce(0, +)) / Double(sampled.count)
        // A process that could not read its own says 0.
        let tables = firstOfEach.map(\.pageTableByteCount)
        var row = RunFacts(cluster: cluster, outcome: outcome).row
        row.append("startMilliseconds", number(start.map { Double($0) / 1e6 }))
        let through = start.flatMap { start in first.map { Double(start + $0) / 1e6 } }
        row.append("startThroughFirstBarrierMilliseconds", number(through))
        row.append("barrierMicroseconds", .number(barrier.median / 1e3))
        row.append("p10", .number(barrier.percentile(0.1) / 1e3))
        row.append("p90", .number(barrier.percentile(0.9) / 1e3))
        row.append("bareBarrierMicroseconds", .number(raw.median / 1e3))
        row.append("ratioToBare", .number(barrier.median / raw.median))
        row.append("idleProcessorShare", .number(idle))
        row.append("memoryMebibytes", number(each.map { $0 * Double(outcome.processCount) / 1_048_576 }))
        row.append("mebibytesPerProcess", number(each.map { $0 / 1_048_576 }))
        row.append(
            "pageTableMebibytes",
            tables.contains(0) ? .absent : .number(Double(tables.reduce(0, +)) / 1_048_576))
        row.append("stopMilliseconds", .number(Double(outcome.stopNanoseconds) / 1e6))
        row.append("repetitions", .integer(barrier.count))
        return row
    }
}
