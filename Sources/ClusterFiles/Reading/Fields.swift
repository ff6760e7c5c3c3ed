/// The members of one mapping of a file, taken key by key with range checks; a key that was not taken is refused at the end.
///
/// Every error names the file, the line and the keys that lead to the value.
struct Fields {
    let file: String
    let line: Int
    /// The keys that lead here; empty at the top.
    let path: String
    private var members: [String: Node.Member] = [:]
    private var order: [String] = []

    /// The mapping `node`; refuses another kind and a key that is there twice.
    init(_ node: Node, file: String, path: String = "") throws(ClusterFileError) {
        self.file = file
        self.line = node.line
        self.path = path
        guard case .mapping(let list) = node.value else {
            throw ClusterFileError(
                file: file, line: node.line, place: path, rule: "must be a mapping of keys to values, is \(node.kind)")
        }
        for member in list {
            guard members.updateValue(member, forKey: member.key) == nil else {
                throw ClusterFileError(
                    file: file, line: member.line, place: path, rule: "the key \"\(member.key)\" is there twice")
            }
            order.append(member.key)
        }
    }

    /// An error at a key, or at this mapping if the key is not there.
    func error(_ key: String, _ rule: String) -> ClusterFileError {
        ClusterFileError(file: file, line: members[key]?.line ?? line, place: place(key), rule: rule)
    }

    /// An error about the mapping as a whole.
    func error(_ rule: String) -> ClusterFileError {
        ClusterFileError(file: file, line: line, place: path, rule: rule)
    }

    func place(_ key: String) -> String { path.isEmpty ? key : "\(path).\(key)" }

    /// The keys, in the order of the file.
    var keys: [String] { order }

    func has(_ key: String) -> Bool { node(key) != nil }

    /// The value unless it is missing or empty.
    func node(_ key: String) -> Node? {
        guard let node = members[key]?.node else { return nil }
        if case .null = node.value { return nil }
        return node
    }

    /// Refuses keys that no reader of this mapping knows.
    func refuseOthers(than known: String...) throws(ClusterFileError) {
        for key in order where !known.contains(key) {
            throw error(
                key, "is not a key of this mapping; known are \(known.sorted().joined(separator: ", "))")
        }
    }

    /// An integer in a range; nil if it is missing.
    func optionalInteger(_ key: String, _ range: ClosedRange<Int>) throws(ClusterFileError) -> Int? {
        guard let node = node(key) else { return nil }
        guard case .integer(let integer) = node.value, range.contains(integer) else {
            throw error(key, "must be an integer from \(range.lowerBound) to \(range.upperBound)")
        }
        return integer
    }

    /// An integer in a range.
    func integer(_ key: String, _ range: ClosedRange<Int>) throws(ClusterFileError) -> Int {
        guard let integer = try optionalInteger(key, range) else { throw missing(key) }
        return integer
    }

    /// A text of 1 to `limit` characters; nil if it is missing.
    func optionalText(_ key: String, limit: Int = 256) throws(ClusterFileError) -> String? {
        guard let node = node(key) else { return nil }
        guard case .string(let text) = node.value else { throw error(key, "must be a text, is \(node.kind)") }
        guard (1...limit).contains(text.count) else { throw error(key, "must have 1 to \(limit) characters") }
        return text
    }

    /// A text of 1 to `limit` characters.
    func text(_ key: String, limit: Int = 256) throws(ClusterFileError) -> String {
        guard let text = try optionalText(key, limit: limit) else { throw missing(key) }
        return text
    }

    /// One of a few words.
    func word<Word: RawRepresentable & CaseIterable>(_ key: String, _ type: Word.Type) throws(ClusterFileError) -> Word
    where Word.RawValue == String {
        let text = try text(key)
        guard let word = Word(rawValue: text) else {
            throw error(key, "must be \(Word.allCases.map(\.rawValue).joined(separator: " or ")), is \"\(text)\"")
        }
        return word
    }

    /// A quantity with its unit.
    func quantity(_ key: String, _ unit: Quantity, default fallback: Int? = nil) throws(ClusterFileError) -> Int {
        guard let node = node(key) else {
            guard let fallback else { throw missing(key) }
            return fallback
        }
        guard case .string(let text) = node.value, let value = unit.value(of: text) else {
            throw error(key, "must be \(unit.name) with its unit, such as \"\(unit.example)\"")
        }
        return value
    }

    /// A list of at most `limit` values, each with its path; empty if it is missing.
    func list(_ key: String, limit: Int) throws(ClusterFileError) -> [(path: String, node: Node)] {
        guard let node = node(key) else { return [] }
        guard case .sequence(let nodes) = node.value else { throw error(key, "must be a list, is \(node.kind)") }
        guard nodes.count <= limit else {
            throw error(key, "has \(nodes.count) entries, more than the \(limit) allowed")
        }
        return nodes.enumerated().map { ("\(place(key))[\($0.offset)]", $0.element) }
    }

    /// The mappings of a list that must have one at least.
    func mappings(_ key: String, limit: Int) throws(ClusterFileError) -> [Fields] {
        guard has(key) else { throw missing(key) }
        var result: [Fields] = []
        for (path, node) in try list(key, limit: limit) { result.append(try Fields(node, file: file, path: path)) }
        guard !result.isEmpty else { throw error(key, "must have one entry at least") }
        return result
    }

    /// The mapping under a key; nil if it is missing.
    func optionalMapping(_ key: String) throws(ClusterFileError) -> Fields? {
        guard let node = node(key) else { return nil }
        return try Fields(node, file: file, path: place(key))
    }

    /// The mapping under a key.
    func mapping(_ key: String) throws(ClusterFileError) -> Fields {
        guard let fields = try optionalMapping(key) else { throw missing(key) }
        return fields
    }

    /// Refuses a file of another format or version.
    func require(format: String) throws(ClusterFileError) {
        let found = try text("format")
        guard found == format else { throw error("format", "must be \"\(format)\", is \"\(found)\"") }
    }

    func missing(_ key: String) -> ClusterFileError { error(key, "is missing") }
}
