internal import Workers

/// Where rows go: an aligned table for people, one JSON object a line for machines. The numbers are the same.
struct Report {
    /// Whether machines read.
    var json: Bool

    /// Prints rows with equal columns, under a title that only people see.
    func rows(_ rows: [Row], title: String? = nil, columns: [String]? = nil) {
        if json {
            for row in rows { line(row.json) }
            return
        }
        guard let first = rows.first else { return }
        if let title { line(title) }
        let names = columns ?? first.fields.map(\.name)
        let cells = rows.map { row in names.map { row[$0] ?? .absent } }
        let widths = names.indices.map { column in
            max(names[column].count, cells.map { $0[column].shown.count }.max() ?? 0)
        }
        let heading = names.indices.map { column in
            Self.pad(names[column], widths[column], right: cells.contains { $0[column].alignsRight })
        }
        line(Self.trimmed("  " + heading.joined(separator: "  ")))
        for cell in cells {
            let texts = names.indices.map { Self.pad(cell[$0].shown, widths[$0], right: cell[$0].alignsRight) }
            line(Self.trimmed("  " + texts.joined(separator: "  ")))
        }
    }

    /// Prints one row as `name  value` lines for people, or as one object.
    func facts(_ row: Row, title: String? = nil) {
        if json { return line(row.json) }
        if let title { line(title) }
        let width = row.fields.map(\.name.count).max() ?? 0
        for (name, value) in row.fields { line("  " + Self.pad(name, width, right: false) + "  " + value.shown) }
    }

    /// A line on standard output, at once.
    func line(_ text: String) { Self.output.write(Array((text + "\n").utf8)) }

    /// Text without a line's end, at once; for streamed tokens.
    func text(_ text: String) { Self.output.write(Array(text.utf8)) }

    /// A remark for people, on standard error.
    static func remark(_ text: String) { errors.write(Array(("softpod: " + text + "\n").utf8)) }

    /// A line of another program's, on standard error.
    static func passOn(_ line: String) { errors.write(Array((line + "\n").utf8)) }

    /// A line on the terminal that the next one replaces.
    static func status(_ text: String) { errors.write(Array(("\r\u{1B}[K" + text).utf8)) }

    /// What the parser of the command line has to say: help on standard output, errors on standard error.
    static func message(_ text: String, isError: Bool) { (isError ? errors : output).write(Array((text + "\n").utf8)) }

    private static func pad(_ text: String, _ width: Int, right: Bool) -> String {
        let gap = String(repeating: " ", count: max(0, width - text.count))
        return right ? gap + text : text + gap
    }

    private static func trimmed(_ text: String) -> String {
        var text = text
        while text.last == " " { text.removeLast() }
        return text
    }
}
