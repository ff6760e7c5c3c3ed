/// Writes JSON with one member a line, in the order it is told.
struct JSONWriter {
    private(set) var text = ""
    private var depth = 0
    private var isFirst = true

    /// An object; at the top, or as an element of a list.
    mutating func object(_ body: (inout JSONWriter) -> Void) {
        text += "{"
        nest(body)
        text += "}"
    }

    /// A text; nothing when there is none.
    mutating func member(_ key: String, _ value: String?) {
        guard let value else { return }
        begin(key)
        text += Self.quote(value)
    }

    /// A number.
    mutating func member(_ key: String, _ value: Int) {
        begin(key)
        text += "\(value)"
    }

    /// Texts on one line.
    mutating func member(_ key: String, _ values: [String]) {
        begin(key)
        text += "[" + values.map(Self.quote).joined(separator: ", ") + "]"
    }

    /// A list of objects.
    mutating func list<Element>(
        _ key: String, _ elements: [Element], _ body: (inout JSONWriter, Element) -> Void
    ) {
        begin(key)
        guard !elements.isEmpty else { return text += "[]" }
        text += "["
        nest { out in
            for element in elements {
                out.separate()
                out.object { body(&$0, element) }
            }
        }
        text += "]"
    }

    private mutating func begin(_ key: String) {
        separate()
        text += Self.quote(key) + ": "
    }

    private mutating func separate() {
        text += (isFirst ? "\n" : ",\n") + String(repeating: "    ", count: depth)
        isFirst = false
    }

    private mutating func nest(_ body: (inout JSONWriter) -> Void) {
        let outer = isFirst
        (depth, isFirst) = (depth + 1, true)
        body(&self)
        depth -= 1
        if !isFirst { text += "\n" + String(repeating: "    ", count: depth) }
        isFirst = outer
    }

    /// A JSON string literal.
    static func quote(_ value: String) -> String {
        var literal = "\""
        for scalar in value.unicodeScalars {
            switch scalar {
            case "\"": literal += "\\\""
            case "\\": literal += "\\\\"
            case _ where scalar.value < 0x20:
                let digits = String(scalar.value, radix: 16)
                literal += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: literal.unicodeScalars.append(scalar)
            }
        }
        return literal + "\""
    }
}
