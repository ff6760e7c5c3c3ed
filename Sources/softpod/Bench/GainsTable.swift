internal import Telemetry

/// What concurrent push and pull gains over the better of the two, and where it does not.
struct GainsTable {
    /// Less than this is no difference: the goal of the project, and more than medians of one run repeat to.
    static let margin = 0.03

    /// One operation at one size on one cluster.
    struct Line {
        var dies: Int
        var pull: CollectiveFigure
        var push: CollectiveFigure
        var concurrent: [CollectiveFigure]
        /// With the fraction that is tuned for the operation.
        var tuned: CollectiveFigure?

        var better: Double { min(pull.median, push.median) }
        var best: CollectiveFigure? { concurrent.min { $0.median < $1.median } }
        /// Share of time won over the better of push and pull; negative where it is slower.
        func gain(_ figure: CollectiveFigure) -> Double { better / figure.median - 1 }
        /// `helps`, `same` or `costs`, by the best fraction.
        var verdict: String {
            guard let best else { return "-" }
            let gain = gain(best)
            return gain > GainsTable.margin ? "helps" : gain < -GainsTable.margin ? "costs" : "same"
        }
    }

    let lines: [Line]

    init(_ figures: [(dies: Int, figure: CollectiveFigure)]) {
        var lines: [Line] = []
        for (dies, pull) in figures where pull.algorithm == "pull" {
            let same = figures.filter {
                $0.dies == dies && $0.figure.operation == pull.operation && $0.figure.byteCount == pull.byteCount
            }.map(\.figure)
            guard let push = same.first(where: { $0.algorithm == "push" }) else { continue }
            lines.append(
                Line(
                    dies: dies, pull: pull, push: push, concurrent: same.filter { $0.algorithm == "concurrent" },
                    tuned: same.first { $0.algorithm == "tuned" }))
        }
        self.lines = lines
    }

    func print(_ report: Report) {
        report.rows(lines.map(row), title: "concurrent against the better of push and pull (measured)")
        if !report.json { for sentence in statements { report.line(sentence) } }
    }

    private func row(_ line: Line) -> Row {
        var row = Row([
            "op": .text(line.pull.operation), "dies": .integer(line.dies), "bytes": .integer(line.pull.byteCount),
            "pullMicroseconds": .number(line.pull.median / 1000),
            "pushMicroseconds": .number(line.push.median / 1000),
        ])
        for figure in line.concurrent {
            let fraction = figure.fraction.map { Figures.decimal($0, 2) } ?? "-"
            row.append("percent:\(fraction)", .number(Self.tenths(line.gain(figure))))
        }
        row.append("tunedPercent", line.tuned.map { .number(Self.tenths(line.gain($0))) } ?? .absent)
        row.append("bestFraction", line.best?.fraction.map { .number($0) } ?? .absent)
        row.append("bestPercent", line.best.map { .number(Self.tenths(line.gain($0))) } ?? .absent)
        row.append("verdict", .text(line.verdict))
        row.append("kind", "measured")
        return row
    }

    /// Percent, to a tenth.
    private static func tenths(_ share: Double) -> Double { (share * 1000).rounded() / 10 }

    private static func percent(_ share: Double) -> String {
        (share < 0 ? "-" : "+") + Figures.decimal(abs(share) * 100, 1) + " %"
    }

    /// Where it helps and where not, in plain words. The best of several fractions is picked after the fact, which
    /// flatters it.
    private var statements: [String] {
        func places(_ verdict: String) -> String {
            lines.filter { $0.verdict == verdict }.map { line in
                let gain = line.best.map { Self.percent(line.gain($0)) } ?? ""
                return "\(line.pull.operation) \(Figures.bytes(line.pull.byteCount)) at \(line.dies) (\(gain))"
            }.joined(separator: ", ")
        }
        let margin = Figures.decimal(Self.margin * 100, 0)
        func tuned(_ isSo: (Double) -> Bool) -> Int {
            lines.filter { line in line.tuned.map { isSo(line.gain($0)) } ?? false }.count
        }
        let helps = lines.filter { $0.verdict == "helps" }.count
        let costs = lines.filter { $0.verdict == "costs" }.count
        return [
            "With the best of its fractions, picked after the fact, concurrent is faster by more than \(margin) % in "
                + "\(helps) of \(lines.count) rows, slower by more than \(margin) % in \(costs), and the same in the others.",
            "With the fraction tuned for the operation, which may be none or all, it is faster by more than \(margin) % in "
                + "\(tuned { $0 > Self.margin }) rows and slower by more than \(margin) % in \(tuned { $0 < -Self.margin }).",
            "It helps: " + (helps == 0 ? "nowhere." : places("helps") + "."),
            "It costs: " + (costs == 0 ? "nowhere." : places("costs") + "."),
        ]
    }
}
