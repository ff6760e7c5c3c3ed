internal import ArgumentParser
internal import Collectives
internal import Telemetry

/// How rows of `softpod bench collectives` are written, each as it is done.
enum CollectiveFormat: String, CaseIterable, ExpressibleByArgument {
    /// Columns for people.
    case table
    /// The table of nccl-tests.
    case nccl
    /// The table of the OSU micro-benchmarks.
    case osu
    /// The columns of HCCL Test.
    case hccl
    /// One object a line.
    case json

    /// Whether rows of one algorithm belong together, so that a heading serves them.
    var isBySection: Bool { self == .nccl || self == .osu || self == .hccl }
}

/// Writes limits and rows in one of the formats.
struct CollectiveWriter {
    let format: CollectiveFormat
    let report: Report
    /// What is said of the run in every row, for the formats with room for it.
    let facts: Row
    let type: String
    let reduction: String
    let isInPlace: Bool
    private var section = ""
    private var hasHeading = false
    /// Elements that were wrong in all rows that were judged; nil while none was.
    private var wrong: Int?
    private var busRates: [Double] = []

    init(format: CollectiveFormat, facts: Row, type: String, reduction: String, isInPlace: Bool) {
        self.format = format
        report = Report(json: format == .json)
        self.facts = facts
        self.type = type
        self.reduction = reduction
        self.isInPlace = isInPlace
    }

    private static let columns: [(name: String, width: Int)] = [
        ("op", 13), ("algorithm", 12), ("f", 5), ("dies", 5), ("processes", 9), ("bytes", 10),
        ("medianMicroseconds", 18), ("p10", 9), ("p90", 9), ("algGBps", 8), ("busGBps", 8),
        ("floorMicroseconds", 17), ("ratioToFloor", 12), ("wrong", 5),
    ]

    /// A limit: a row of its own for machines, a comment for people.
    func limit(_ limit: CollectiveLimit) {
        guard format == .json else {
            let size = limit.byteCount.map { " over \(Figures.bytes($0))" } ?? ""
            let value =
                limit.nanoseconds.map { "\(Figures.text($0 / 1000)) us" }
                ?? limit.gigabytesPerSecond.map { "\(Figures.text($0)) GB/s" } ?? "-"
            return report.line("# limit: \(limit.name)\(size), \(limit.movers) at once: \(value)")
        }
        var row = facts
        row.append("limit", .text(limit.name))
        row.append("bytes", limit.byteCount.map { .integer($0) } ?? .absent)
        row.append("atOnce", .integer(limit.movers))
        row.append("medianMicroseconds", limit.nanoseconds.map { .number($0 / 1000) } ?? .absent)
        row.append("GBps", limit.gigabytesPerSecond.map { .number($0) } ?? .absent)
        report.line(row.json)
    }

    /// One row of results.
    mutating func figure(_ figure: CollectiveFigure) {
        if let count = figure.wrong { wrong = (wrong ?? 0) + count }
        if let rate = figure.busGBps { busRates.append(rate) }
        switch format {
        case .json: report.line(row(figure).json)
        case .table: table(figure)
        case .nccl: nccl(figure)
        case .osu: osu(figure)
        case .hccl: hccl(figure)
        }
    }

    /// The last lines.
    func finish() {
        guard format == .nccl else { return }
        let judged = wrong.map { "\($0) \($0 == 0 ? "OK" : "FAILED")" } ?? "N/A (not checked)"
        report.line("# Out of bounds values : \(judged)")
        let mean = busRates.isEmpty ? nil : busRates.reduce(0, +) / Double(busRates.count)
        report.line("# Avg bus bandwidth    : \(mean.map { Figures.decimal($0, 4) } ?? "N/A")")
    }

    /// A row with all that is known of it.
    func row(_ figure: CollectiveFigure) -> Row {
        var row = facts
        row.append("op", .text(figure.operation))
        row.append("algorithm", .text(figure.algorithm))
        row.append("f", figure.fraction.map { .number($0) } ?? .absent)
        row.append("members", .integer(figure.members))
        row.append("teams", .integer(figure.teams))
        row.append("bytes", .integer(figure.byteCount))
        row.append("count", .integer(figure.count))
        row.append("type", .text(type))
        row.append("reduction", .text(reduction))
        row.append("root", figure.root.map { .integer($0) } ?? .absent)
        row.append("inPlace", .flag(isInPlace))
        row.append("medianMicroseconds", .number(figure.median / 1000))
        row.append("p10", .number(figure.p10 / 1000))
        row.append("p90", .number(figure.p90 / 1000))
        row.append("algGBps", figure.algGBps.map { .number($0) } ?? .absent)
        row.append("busGBps", figure.busGBps.map { .number($0) } ?? .absent)
        row.append("floorMicroseconds", figure.floor.map { .number($0 / 1000) } ?? .absent)
        row.append("ratioToFloor", figure.floor.map { .number(figure.median / $0) } ?? .absent)
        row.append("wrong", figure.wrong.map { .integer($0) } ?? .absent)
        row.append("repetitions", .integer(figure.repetitions))
        row.append("iterations", .integer(figure.iterations))
        row.append(
            "barrierMicroseconds", figure.floor == nil ? .absent : .number(figure.limits.barrierNanoseconds / 1000))
        return row
    }

    private mutating func table(_ figure: CollectiveFigure) {
        let row = row(figure)
        if !hasHeading {
            hasHeading = true
            report.line(Self.line(Self.columns.map { ($0.name, $0.width, $0.name == "op" || $0.name == "algorithm") }))
        }
        report.line(
            Self.line(
                Self.columns.map { column in
                    (row[column.name]?.shown ?? "-", column.width, column.name == "op" || column.name == "algorithm")
                }))
    }

    private mutating func nccl(_ figure: CollectiveFigure) {
        if let title = begin(figure) {
            report.line(title)
            report.line("#" + String(repeating: " ", count: 57) + "out-of-place                       in-place")
            let head = ["time", "algbw", "busbw", "#wrong"]
            report.line(
                Self.cells(["#      size", "count", "type", "redop", "root"] + head + head, Self.ncclWidths))
            let units = ["(us)", "(GB/s)", "(GB/s)", ""]
            report.line(Self.cells(["#       (B)", "(elements)", "", "", ""] + units + units, Self.ncclWidths))
        }
        let measured = [
            Figures.text(figure.median / 1000), figure.algGBps.map { Figures.decimal($0, 2) } ?? "N/A",
            figure.busGBps.map { Figures.decimal($0, 2) } ?? "N/A", figure.wrong.map { "\($0)" } ?? "N/A",
        ]
        let absent = [String](repeating: "N/A", count: 4)
        let isReduction = figure.operation.contains("reduce")
        let head = [
            "\(figure.byteCount)", "\(figure.count)", Self.ncclTypes[type] ?? type,
            isReduction ? (reduction == "product" ? "prod" : reduction) : "none",
            figure.root.map { "\($0)" } ?? "-1",
        ]
        report.line(Self.cells(head + (isInPlace ? absent + measured : measured + absent), Self.ncclWidths))
    }

    private mutating func osu(_ figure: CollectiveFigure) {
        if let title = begin(figure) {
            report.line(title)
            report.line("# Size       Avg Latency(us)   p10 Latency(us)   p90 Latency(us)  Iterations")
        }
        let cells = [figure.median, figure.p10, figure.p90].map { Figures.decimal($0 / 1000, 2) }
        report.line(
            Self.line(
                [("\(figure.byteCount)", 10, true)] + cells.map { ($0, 18, false) }
                    + [("\(figure.iterations * figure.repetitions)", 12, false)]))
    }

    private mutating func hccl(_ figure: CollectiveFigure) {
        if let title = begin(figure) {
            report.line(title)
            report.line("data_size(Bytes):    | aveg_time(us):    | alg_bandwidth(GB/s):    | check_result:")
        }
        let check = figure.wrong.map { $0 == 0 ? "success" : "failed" } ?? "NULL"
        report.line(
            Self.line([
                ("\(figure.byteCount)", 20, true), ("| " + Figures.decimal(figure.median / 1000, 2), 20, true),
                ("| " + (figure.algGBps.map { Figures.decimal($0, 5) } ?? "NULL"), 26, true), ("| " + check, 10, true),
            ]))
    }

    /// The title of a section, if the row begins one.
    private mutating func begin(_ figure: CollectiveFigure) -> String? {
        let fraction = figure.fraction.map { ":\($0)" } ?? ""
        let name = "\(figure.operation) \(figure.algorithm)\(fraction)"
        guard name != section else { return nil }
        section = name
        return "# SoftPod \(name), \(figure.members) dies" + (figure.teams > 1 ? ", \(figure.teams) teams" : "")
    }

    private static let ncclWidths = [11, 13, 9, 7, 7, 9, 8, 8, 7, 9, 8, 8, 7]
    private static let ncclTypes = ["float32": "float", "float64": "double", "float16": "half"]

    private static func cells(_ texts: [String], _ widths: [Int]) -> String {
        line(zip(texts, widths).map { ($0, $1, false) })
    }

    /// Cells padded to their widths, one space at least between them.
    private static func line(_ cells: [(text: String, width: Int, isLeft: Bool)]) -> String {
        let padded = cells.map { text, width, isLeft in
            let gap = String(repeating: " ", count: max(0, width - text.count))
            return isLeft ? text + gap : gap + text
        }
        var joined = padded.joined(separator: " ")
        while joined.last == " " { joined.removeLast() }
        return joined
    }
}

extension CollectiveFigure {
    /// Bytes a nanosecond: the size over the time; nil for a barrier.
    var algGBps: Double? { byteCount == 0 ? nil : Double(movedByteCount) / median }
    /// The same times the factor that makes team sizes compare.
    var busGBps: Double? {
        guard let operation = CollectiveOperation(name: operation) else { return nil }
        return algGBps.map { $0 * OperationCost.busFactor(operation, members: members) }
    }
}
