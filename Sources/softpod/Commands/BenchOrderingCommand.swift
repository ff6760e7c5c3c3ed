internal import ArgumentParser
internal import Fabric
internal import FoundationEssentials
internal import Launching
internal import NodeRuntime

/// Ordered delivery: channels, batching, relays, Data-as-Flag.
struct BenchOrderingCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ordering",
        abstract: "Ordered messages: by push, pull or both, batched, relayed, or with the flag in the line.",
        discussion: """
            Ranks 0 and 1 stream and exchange messages; with four dies or more, all measure the relays that need a third rank. \
            Figures are nanoseconds a message, medians of batches; the ratio is to the limit named in the row, taken in the \
            same run.
            """)

    @OptionGroup var cluster: ClusterOptions
    @Option(help: "Batches of each measurement.") var repetitions = 31
    @Option(
        help: ArgumentHelp(
            "Bytes of messages; may be given several times. By default 8, 56, 512, 4K and 64K.", valueName: "bytes"))
    var bytes: [ByteCount] = []
    @Option(
        help: ArgumentHelp("Messages a flag; may be given several times. By default 1, 8 and 64.", valueName: "count"))
    var perFlag: [Int] = []
    @Option(
        help: ArgumentHelp(
            "Share pushed on concurrent channels; may be given several times. By default 0.4.", valueName: "share"))
    var fraction: [Double] = []
    @Flag(help: "One JSON object a row instead of a table.") var json = false

    func validate() throws {
        guard cluster.dies >= 2 else {
            throw ValidationError("--dies must be at least 2: messages go from one to another.")
        }
        guard (3...10_000).contains(repetitions) else {
            throw ValidationError("--repetitions must be 3 to 10000, not \(repetitions).")
        }
        guard bytes.allSatisfy({ (1...(1 << 28)).contains($0.value) }) else {
            throw ValidationError("--bytes must be 1 to 256M.")
        }
        guard perFlag.allSatisfy({ (1...64).contains($0) }) else {
            throw ValidationError("--per-flag must be 1 to 64.")
        }
        guard fraction.allSatisfy({ (0...1).contains($0) }) else {
            throw ValidationError("--fraction must be 0 to 1.")
        }
    }

    func run() throws {
        try Failure.guarded(cluster) {
            try HostSession.requireOneHost(
                "bench ordering measures bare loops over one host's memory; for links see bench link")
            let plan = OrderingWorkload.Plan(
                byteCounts: bytes.isEmpty ? [8, 56, 512, 4096, 65_536] : Array(Set(bytes.map(\.value))),
                batches: perFlag.isEmpty ? [1, 8, 64] : perFlag, fractions: fraction.isEmpty ? [0.4] : fraction,
                repetitions: repetitions)
            let configuration = try cluster.configuration(
                workload: OrderingWorkload.self, payload: Array(try JSONEncoder().encode(plan)),
                windowByteCount: OrderingWorkload.windowByteCount(plan) + Endpoint.reservedByteCount(dies: cluster.dies)
            )
            let outcome = try Failure.launch(configuration)
            try Failure.check(outcome)
            let figures = try RunResults.one([OrderingWorkload.Figure].self, of: outcome, rank: 0)
            Report(json: json).rows(
                figures.map { row($0, outcome) },
                title: "ordering, \(cluster.dies) dies in \(outcome.processCount) processes (measured)",
                columns: [
                    "op", "bytes", "messagesPerFlag", "medianNanoseconds", "p10", "p90", "messagesPerSecond", "limit",
                    "limitNanoseconds", "ratioToLimit",
                ])
        }
    }

    private func row(_ entry: OrderingWorkload.Figure, _ outcome: ClusterOutcome) -> Row {
        let figure = entry.figure
        var row = RunFacts(cluster: cluster, outcome: outcome).row
        row.append("op", .text(entry.mechanism))
        row.append("bytes", .integer(figure.byteCount))
        row.append("messagesPerFlag", .integer(entry.messagesPerFlag))
        row.append("medianNanoseconds", .number(figure.median))
        row.append("p10", .number(figure.p10))
        row.append("p90", .number(figure.p90))
        row.append("messagesPerSecond", .number(1e9 / figure.median))
        row.append("limit", .text(figure.limit))
        row.append("limitNanoseconds", figure.limitNanoseconds.map { .number($0) } ?? .absent)
        row.append("ratioToLimit", figure.limitNanoseconds.map { .number(figure.median / $0) } ?? .absent)
        row.append("repetitions", .integer(figure.repetitions))
        row.append("batch", .integer(figure.batch))
        return row
    }
}
