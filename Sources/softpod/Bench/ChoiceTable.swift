internal import Telemetry

/// What `automatic` chooses, beside the best algorithm of the same run.
///
/// Where the choice is one of the algorithms that are measured, its row is that one's: `automatic` runs the same code.
struct ChoiceTable {
    /// A choice that takes more than this in the time of the best is a miss, and more than the second a bad one.
    static let limits = (miss: 1.15, bad: 1.4)

    /// One operation at one size on one cluster.
    struct Line {
        var dies: Int
        var chosen: CollectiveFigure
        var best: CollectiveFigure
        var ratio: Double { chosen.median / best.median }
    }

    let lines: [Line]

    init(_ figures: [(dies: Int, figure: CollectiveFigure)]) {
        lines = figures.filter { $0.figure.algorithm == "automatic" }.map { dies, chosen in
            let same = figures.filter {
                $0.dies == dies && $0.figure.operation == chosen.operation && $0.figure.byteCount == chosen.byteCount
            }.map(\.figure)
            // Of equals the chosen one.
            let best = same.filter { $0.median < chosen.median }.min { $0.median < $1.median } ?? chosen
            return Line(dies: dies, chosen: chosen, best: best)
        }
    }

    func print(_ report: Report) {
        report.rows(lines.map(row), title: "what automatic chooses, and the best of the same run (measured)")
        guard let worst = lines.max(by: { $0.ratio < $1.ratio }) else { return }
        func beyond(_ limit: Double) -> Int { lines.count { $0.ratio > limit } }
        let misses = beyond(Self.limits.miss)
        let share = Double(misses) / Double(lines.count)
        guard !report.json else {
            return report.line(
                Row([
                    "summary": "choice", "rows": .integer(lines.count), "beyond115": .integer(misses),
                    "beyond115Percent": .number((share * 1000).rounded() / 10),
                    "beyond140": .integer(beyond(Self.limits.bad)),
                    "worstRatio": .number(worst.ratio), "kind": "measured",
                ]).json)
        }
        report.line(
            "Of \(lines.count) rows the choice is beyond \(Figures.decimal(Self.limits.miss, 2)) of the best in \(misses) "
                + "(\(Figures.decimal(share * 100, 1)) %), beyond \(Figures.decimal(Self.limits.bad, 2)) in "
                + "\(beyond(Self.limits.bad)); the worst is \(Figures.decimal(worst.ratio, 2)): \(worst.chosen.operation) of "
                + "\(Figures.bytes(worst.chosen.byteCount)) at \(worst.dies) dies.")
    }

    private func row(_ line: Line) -> Row {
        Row([
            "op": .text(line.chosen.operation), "dies": .integer(line.dies), "bytes": .integer(line.chosen.byteCount),
            "choice": .text(line.chosen.choice ?? "-"),
            "medianMicroseconds": .number(line.chosen.median / 1000),
            "best": .text(line.best.choice ?? line.best.algorithm),
            "bestMicroseconds": .number(line.best.median / 1000), "ratio": .number(line.ratio),
            "ratioToFloor": line.chosen.floor.map { .number(line.chosen.median / $0) } ?? .absent, "kind": "measured",
        ])
    }
}
