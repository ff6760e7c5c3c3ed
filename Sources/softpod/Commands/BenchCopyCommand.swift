internal import ArgumentParser
internal import Fabric
internal import Telemetry

/// What a copy between windows gives, by length and alignment.
struct BenchCopyCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "copy",
        abstract: "The fabric's copy by length and alignment, beside memcpy and a vector loop.",
        discussion: """
            One thread copies between two windows of this process: by the fabric, as puts and gets do; by memcpy; and by a loop over the \
            widest vectors of the processor, whatever the length. The three take turns; figures are medians in GB/s, bytes \
            counted once. The ratio is the fabric's to the faster of the two others. An offset is where a copy starts behind the \
            start of a page: alignment decides how the C library's copy does.
            """)

    /// Lengths and places that show what differs: vector and line, the library's changes of method, the caches.
    private static let standardByteCounts = [
        256, 512, 1 << 10, 2 << 10, 4 << 10, 16 << 10, 64 << 10, 256 << 10, 1 << 20, 4 << 20,
    ]
    private static let standardOffsets: [CopyBench.Offsets] = [
        (0, 0), (0, 8), (0, 64), (8, 0), (0, 100), (0, 2048), (3, 17),
    ].map { CopyBench.Offsets(source: $0.0, destination: $0.1) }

    @Option(help: "Times each measurement is taken.") var repetitions = 31
    @Option(help: ArgumentHelp("Bytes of a copy; may be given several times.", valueName: "bytes"))
    var bytes: [ByteCount] = []
    @Option(
        help: ArgumentHelp(
            "Offsets of source and destination, as 0:8; may be given several times.", valueName: "source:destination"))
    var offset: [CopyBench.Offsets] = []
    @Flag(help: "One JSON object a row instead of a table.") var json = false

    func validate() throws {
        guard (3...10_000).contains(repetitions) else {
            throw ValidationError("--repetitions must be 3 to 10000, not \(repetitions).")
        }
        guard bytes.allSatisfy({ (1...(256 << 20)).contains($0.value) }) else {
            throw ValidationError("--bytes must be 1 to 256M.")
        }
    }

    func run() throws {
        try Failure.guarded {
            let counts = bytes.isEmpty ? Self.standardByteCounts : bytes.map(\.value)
            let bench = try CopyBench(byteCount: counts.max() ?? 0, repetitions: repetitions)
            let rows = counts.flatMap { count in
                (offset.isEmpty ? Self.standardOffsets : offset).map { row(bench.figure(count, $0)) }
            }
            Report(json: json).rows(
                rows, title: "copies between windows, GB/s (measured)",
                columns: ["bytes", "source", "destination", "fabric", "memcpy", "loop", "ratioToBest"])
        }
    }

    private func row(_ figure: CopyBench.Figure) -> Row {
        var row = RunFacts(dies: 1).row
        row.append("op", .text("copy"))
        row.append("bytes", .integer(figure.byteCount))
        row.append("source", .integer(figure.offsets.source))
        row.append("destination", .integer(figure.offsets.destination))
        row.append("unit", .text("GB/s"))
        for (name, sample) in [("fabric", figure.fabric), ("memcpy", figure.library), ("loop", figure.loop)] {
            row.append(name, .number(sample.median))
            row.append(name + "P10", .number(sample.percentile(0.1)))
            row.append(name + "P90", .number(sample.percentile(0.9)))
        }
        row.append("ratioToBest", .number(figure.ratioToBest))
        row.append("repetitions", .integer(repetitions))
        return row
    }
}

extension CopyBench.Offsets: ExpressibleByArgument {
    init?(argument: String) {
        let parts = argument.split(separator: ":", omittingEmptySubsequences: false).map { Int($0) }
        guard parts.count == 2, let source = parts[0], let destination = parts[1],
            (0..<Self.limit).contains(source), (0..<Self.limit).contains(destination)
        else { return nil }
        self.init(source: source, destination: destination)
    }
}
