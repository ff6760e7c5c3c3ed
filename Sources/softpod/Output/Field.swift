internal import FoundationEssentials
internal import Telemetry

/// One value of a row: the same for people and for machines.
enum Field: Equatable {
    case text(String)
    case integer(Int)
    case number(Double)
    case flag(Bool)
    case integers([Int])
    case numbers([Double])
    case texts([String])
    case absent

    /// As a table shows it.
    var shown: String {
        switch self {
        case .text(let value): value
        case .integer(let value): "\(value)"
        case .number(let value): Figures.text(value)
        case .flag(let value): value ? "yes" : "no"
        case .integers(let values): values.map(String.init).joined(separator: " ")
        case .numbers(let values): values.map(Figures.text).joined(separator: " ")
        case .texts(let values): values.joined(separator: "; ")
        case .absent: "-"
        }
    }

    /// As JSON has it; a number that JSON cannot write is null.
    var json: String {
        switch self {
        case .text(let value): Self.quote(value)
        case .integer(let value): "\(value)"
        case .number(let value): value.isFinite ? "\(value)" : "null"
        case .flag(let value): value ? "true" : "false"
        case .integers(let values): "[" + values.map(String.init).joined(separator: ",") + "]"
        case .numbers(let values): "[" + values.map { $0.isFinite ? "\($0)" : "null" }.joined(separator: ",") + "]"
        case .texts(let values): "[" + values.map(Self.quote).joined(separator: ",") + "]"
        case .absent: "null"
        }
    }

    /// Numbers stand at the right of their column.
    var alignsRight: Bool {
        switch self {
        case .integer, .number: true
        default: false
        }
    }

    /// A JSON string literal.
    static func quote(_ text: String) -> String {
        // Encoding a string cannot fail; an empty literal would only lose the text, never break the line.
        let data = try? JSONEncoder().encode(text)
        return data.map { String(decoding: $0, as: UTF8.self) } ?? "\"\""
    }
}

extension Field: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByBooleanLiteral {
    init(stringLiteral value: String) { self = .text(value) }
    init(integerLiteral value: Int) { self = .integer(value) }
    init(booleanLiteral value: Bool) { self = .flag(value) }
}

/// An ordered record: a line of a table or one JSON object.
struct Row: Equatable {
    /// Names and values, in the order they are shown.
    var fields: [(name: String, value: Field)]

    init(_ fields: KeyValuePairs<String, Field>) { self.fields = fields.map { ($0.key, $0.value) } }

    /// The value of a name, if the row has it.
    subscript(name: String) -> Field? { fields.first { $0.name == name }?.value }

    mutating func append(_ name: String, _ value: Field) { fields.append((name, value)) }

    /// One JSON object on one line.
    var json: String { "{" + fields.map { Field.quote($0.name) + ":" + $0.value.json }.joined(separator: ",") + "}" }

    static func == (left: Row, right: Row) -> Bool {
        left.fields.elementsEqual(right.fields) { $0.name == $1.name && $0.value == $1.value }
    }
}
