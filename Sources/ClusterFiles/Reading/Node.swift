/// A value of a YAML or JSON file and the line it stands on.
struct Node: Sendable {
    indirect enum Value: Sendable {
        case null
        case bool(Bool)
        case integer(Int)
        case number(Double)
        case string(String)
        case sequence([Node])
        case mapping([Member])
    }

    /// A key and its value.
    struct Member: Sendable {
        var key: String
        var line: Int
        var node: Node
    }

    var value: Value
    var line: Int

    /// What to call this kind in a message.
    var kind: String {
        switch value {
        case .null: "empty"
        case .bool: "true or false"
        case .integer: "an integer"
        case .number: "a number"
        case .string: "a text"
        case .sequence: "a list"
        case .mapping: "a mapping"
        }
    }
}
