internal import ArgumentParser
internal import Launching
internal import Telemetry

/// What a link between two hosts gives, beside the library's own sockets.
struct BenchLinkCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "link",
        abstract: "Puts between two hosts on this machine, beside bare ZeroMQ sockets.",
        discussion: """
            Two segments and two switches in this process, one die each, linked by tcp over loopback and by ipc. Bandwidth is \
            of puts from the window until all have been carried out, non-blocking (the next may follow at once) or blocking; its \
            limit is a bare PUSH/PULL of the same payload, which is not stored. Latency is of a put of 8 bytes until it has \
            been carried out; its limit is a bare DEALER/ROUTER round trip of 8 bytes. The rate is of puts of 8 bytes; its \
            limit is the same with a message each. Fabric and limit take turns; figures are medians, with the 10th and \
            90th percentile.
            """)

    @Option(help: "Times each measurement is taken.") var repetitions = 15
    @Option(
        help: ArgumentHelp(
            "Bytes of the puts whose bandwidth is measured; may be given several times.", valueName: "bytes"))
    var bytes: [ByteCount] = []
    @Option(
        help:
            "How the hosts are linked; may be given several times: \(HostSplit.Carrier.allCases.map(\.rawValue).joined(separator: ", "))."
    )
    var carrier: [String] = ["tcp", "ipc"]
    @Option(help: "What is measured; may be given several times: bandwidth, latency, rate.")
    var operation: [LinkBench.Operation] = LinkBench.Operation.allCases
    @Flag(help: "One JSON object a row instead of a table.") var json = false

    func validate() throws {
        guard (3...10_000).contains(repetitions) else {
            throw ValidationError("--repetitions must be 3 to 10000, not \(repetitions).")
        }
        guard bytes.allSatisfy({ (1...(256 << 20)).contains($0.value) }) else {
            throw ValidationError("--bytes must be 1 to 256M.")
        }
        for name in carrier where HostSplit.Carrier(rawValue: name) == nil {
            throw ValidationError(
                "--carrier must be one of \(HostSplit.Carrier.allCases.map(\.rawValue).joined(separator: ", ")), not \(name)."
            )
        }
    }

    func run() throws {
        try Failure.guarded {
            let counts = bytes.isEmpty ? [64 << 10, 1 << 20, 16 << 20] : bytes.map(\.value)
            let interruption = try Interruption()
            var rows: [Row] = []
            for carrier in carrier.compactMap(HostSplit.Carrier.init(rawValue:)) {
                let bench = LinkBench(carrier: carrier, repetitions: repetitions, interruption: interruption)
                for figure in try operation.flatMap({ try bench.figures(of: $0, byteCounts: counts) }) {
                    rows.append(row(figure, carrier))
                }
            }
            Report(json: json).rows(
                rows, title: "links between two hosts of one machine, in one process (measured)",
                columns: [
                    "op", "carrier", "bytes", "median", "p10", "p90", "unit", "limit", "limitMedian", "ratioToLimit",
                ])
        }
    }

    private func row(_ figure: LinkBench.Figure, _ carrier: HostSplit.Carrier) -> Row {
        var row = RunFacts(dies: 2).row
        row.append("op", .text(figure.operation))
        row.append("carrier", .text(carrier.rawValue))
        row.append("bytes", .integer(figure.byteCount))
        row.append("median", .number(figure.values.median))
        row.append("p10", .number(figure.values.percentile(0.1)))
        row.append("p90", .number(figure.values.percentile(0.9)))
        row.append("unit", .text(figure.unit))
        row.append("limit", .text(figure.limit))
        row.append("limitMedian", .number(figure.limits.median))
        row.append("limitP10", .number(figure.limits.percentile(0.1)))
        row.append("limitP90", .number(figure.limits.percentile(0.9)))
        row.append("ratioToLimit", .number(figure.values.median / figure.limits.median))
        row.append("repetitions", .integer(repetitions))
        row.append("batch", .integer(figure.batch))
        return row
    }
}

extension LinkBench.Operation: ExpressibleByArgument {}
