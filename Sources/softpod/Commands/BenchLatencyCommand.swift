internal import ArgumentParser
internal import Fabric
internal import FoundationEssentials
internal import Launching
internal import NodeRuntime
internal import Workers

/// Latencies of the fabric.
struct BenchLatencyCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "latency",
        abstract: "Flag ping-pong beside a bare loop, one-sided operations beside a private copy, barriers.",
        discussion: """
            Ranks 0 and 1 measure the one-sided operations, all ranks the barrier. Figures are medians of batches, with the \
            10th and 90th percentile; the ratio is to the limit named in the row, taken in the same run. Ranks beyond the \
            cores share them, and then waits give way instead of spinning.
            """)

    @OptionGroup var cluster: ClusterOptions
    @Option(help: "Batches of each measurement.") var repetitions = 31
    @Option(
        help: ArgumentHelp(
            "Bytes of puts and gets; may be given several times. By default 8, 8K, 1M, and 64M where memory allows.",
            valueName: "bytes"))
    var bytes: [ByteCount] = []
    @Flag(help: "One JSON object a row instead of a table.") var json = false

    func validate() throws {
        guard (3...10_000).contains(repetitions) else {
            throw ValidationError("--repetitions must be 3 to 10000, not \(repetitions).")
        }
        guard bytes.allSatisfy({ (1...(1 << 30)).contains($0.value) }) else {
            throw ValidationError("--bytes must be 1 to 1G.")
        }
    }

    func run() throws {
        try Failure.guarded(cluster) {
            try HostSession.requireOneHost(
                "bench latency measures bare loops over one host's memory; for links see bench link")
            let counts = bytes.isEmpty ? defaultByteCounts : bytes.map(\.value)
            let plan = LatencyWorkload.Plan(
                byteCounts: counts, repetitions: repetitions, batchNanoseconds: 200_000)
            let configuration = try cluster.configuration(
                workload: LatencyWorkload.self, payload: Array(try JSONEncoder().encode(plan)),
                windowByteCount: max(counts.max() ?? 8, LatencyWorkload.messageByteCount) + (1 << 17)
                    + Endpoint.reservedByteCount(dies: cluster.dies))
            let outcome = try Failure.launch(configuration)
            try Failure.check(outcome)
            let figures = try RunResults.one([BenchFigure].self, of: outcome, rank: 0)
            let rows = figures.map { row($0, outcome) }
            Report(json: json).rows(
                rows, title: "latency, \(cluster.dies) dies in \(outcome.processCount) processes (measured)",
                columns: [
                    "op", "bytes", "medianNanoseconds", "p10", "p90", "limit", "limitNanoseconds", "ratioToLimit",
                ])
        }
    }

    /// Up to 64 MB, where a window of that size for each die is well within the memory for segments.
    private var defaultByteCounts: [Int] {
        let small = [8, 8 << 10, 1 << 20]
        let large = 64 << 20
        if let windowBytes = cluster.windowBytes {
            return small + (windowBytes.value >= large + 1 << 17 ? [large] : [])
        }
        guard let free = ProcessControl.sharedMemoryFreeByteCount(), free / 4 / cluster.dies > large else {
            return small
        }
        return small + [large]
    }

    private func row(_ figure: BenchFigure, _ outcome: ClusterOutcome) -> Row {
        var row = RunFacts(cluster: cluster, outcome: outcome).row
        row.append("op", .text(figure.operation))
        row.append("bytes", .integer(figure.byteCount))
        row.append("medianNanoseconds", .number(figure.median))
        row.append("p10", .number(figure.p10))
        row.append("p90", .number(figure.p90))
        row.append("limit", .text(figure.limit))
        row.append("limitNanoseconds", figure.limitNanoseconds.map { .number($0) } ?? .absent)
        row.append("ratioToLimit", figure.limitNanoseconds.map { .number(figure.median / $0) } ?? .absent)
        row.append("repetitions", .integer(figure.repetitions))
        row.append("batch", .integer(figure.batch))
        return row
    }
}
