internal import YAML

/// Reads YAML into nodes with lines: one document, plain data.
///
/// Plain scalars are read as in YAML's core schema, without its octal
/// and hexadecimal numbers; `yes`, `on` and `012` are texts, so a key that wants something else says so.
enum YAMLReader {
    private static let maximumDepth = 32
    /// A configuration of 4096 hosts with comments fits.
    static let maximumByteCount = 1 << 20

    static func read(_ file: TextFile) throws(ClusterFileError) -> Node {
        guard file.text.utf8.count <= maximumByteCount else {
            throw ClusterFileError(
                file: file.file, rule: "has \(file.text.utf8.count) bytes, more than the \(maximumByteCount) allowed")
        }
        // YAML takes these for ends of lines; no editor does, so lines in messages would be wrong.
        if file.text.unicodeScalars.contains(where: { [0x85, 0x2028, 0x2029].contains($0.value) }) {
            throw ClusterFileError(
                file: file.file, rule: "holds U+0085, U+2028 or U+2029, which end a line in YAML only")
        }
        let root: YAMLTree?
        do { root = try YAMLTree(reading: file.text, maximumDepth: maximumDepth) } catch {
            let line = error.line ?? error.offset.map { LineIndex(Array(file.text.utf8)).line(at: $0) }
            throw ClusterFileError(file: file.file, line: line, rule: error.rule)
        }
        guard let root else { throw ClusterFileError(file: file.file, rule: "is empty") }
        return convert(root)
    }

    private static func convert(_ tree: YAMLTree) -> Node {
        switch tree.content {
        case .scalar(let text, let isPlain): Node(value: isPlain ? plain(text) : .string(text), line: tree.line)
        case .sequence(let values): Node(value: .sequence(values.map(convert)), line: tree.line)
        case .mapping(let members):
            Node(
                value: .mapping(members.map { Node.Member(key: $0.key, line: $0.line, node: convert($0.value)) }),
                line: tree.line)
        }
    }

    /// YAML's core schema, decimal only.
    private static func plain(_ text: String) -> Node.Value {
        switch text {
        case "", "~", "null", "Null", "NULL": return .null
        case "true", "True", "TRUE": return .bool(true)
        case "false", "False", "FALSE": return .bool(false)
        default: break
        }
        let digits = text.hasPrefix("-") || text.hasPrefix("+") ? text.dropFirst() : text[...]
        guard let first = digits.utf8.first, (0x30...0x39).contains(first) else { return .string(text) }
        guard digits.utf8.allSatisfy({ (0x30...0x39).contains($0) || Array(".eE+-".utf8).contains($0) }) else {
            return .string(text)
        }
        if digits.utf8.count > 1, first == 0x30, digits.utf8.dropFirst().first != UInt8(ascii: ".") {
            return .string(text)
        }
        if let integer = Int(text) { return .integer(integer) }
        guard digits.utf8.count <= 64, let number = Double(text), number.isFinite else { return .string(text) }
        return .number(number)
    }
}
