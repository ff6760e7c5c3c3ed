/// A parsed JSON document.
///
/// The library decoder takes the last of two equal keys without a word and gives no offsets, which will not do for files
/// that decide where tensors lie. This reader refuses duplicate keys, and takes time linear in the input.
enum JSONValue: Sendable {
    case null
    case bool(Bool)
    /// A number written without fraction and exponent that fits 64 bits.
    case integer(Int)
    /// Any other number.
    case number(Double)
    case string(String)
    case array([JSONValue])
    case object(JSONObject)

    /// What to call this kind in a message.
    var kind: String {
        switch self {
        case .null: "null"
        case .bool: "a boolean"
        case .integer: "an integer"
        case .number: "a number"
        case .string: "a string"
        case .array: "an array"
        case .object: "an object"
        }
    }

    var isNull: Bool {
        if case .null = self { return true }
        return false
    }
}

/// A JSON object: its members in the order of the file, and an index of their keys.
struct JSONObject: Sendable {
    private(set) var members: [(key: String, value: JSONValue)] = []
    private var index: [String: Int] = [:]

    /// Appends a member unless its key is there already; says whether it did.
    mutating func append(_ key: String, _ value: JSONValue) -> Bool {
        guard index.updateValue(members.count, forKey: key) == nil else { return false }
        members.append((key, value))
        return true
    }

    /// The member's value; nil if it is missing.
    subscript(key: String) -> JSONValue? { index[key].map { members[$0].value } }
}
