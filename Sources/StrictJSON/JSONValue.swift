/// A parsed JSON document.
///
/// The library decoder takes the last of two equal keys without a word and gives no offsets, which will not do for files
/// that decide where tensors lie. This reader refuses duplicate keys, and takes time linear in the input.
public enum JSONValue: Sendable {
    /// `null`.
    case null
    /// `true` or `false`.
    case bool(Bool)
    /// A number written without fraction and exponent that fits 64 bits.
    case integer(Int)
    /// Any other number.
    case number(Double)
    /// A string, escapes resolved.
    case string(String)
    /// An array.
    case array([JSONValue])
    /// An object.
    case object(JSONObject)

    /// What to call this kind in a message.
    public var kind: String {
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

    /// Whether this is null.
    public var isNull: Bool {
        if case .null = self { return true }
        return false
    }
}

/// A JSON object: its members in the order of the file, and an index of their keys.
public struct JSONObject: Sendable {
    /// Members in the order of the text.
    public private(set) var members: [(key: String, value: JSONValue)] = []
    private var index: [String: Int] = [:]

    /// An object without members.
    public init() {}

    /// Appends a member unless its key is there already; says whether it did.
    public mutating func append(_ key: String, _ value: JSONValue) -> Bool {
        guard index.updateValue(members.count, forKey: key) == nil else { return false }
        members.append((key, value))
        return true
    }

    /// The member's value; nil if it is missing.
    public subscript(key: String) -> JSONValue? { index[key].map { members[$0].value } }
}
