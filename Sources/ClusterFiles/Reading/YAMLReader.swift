internal import Yams

/// Reads YAML into nodes with lines: one document, plain data.
///
/// Anchors, aliases and tags are refused before the library sees them: a few lines of aliases can stand for more nodes than
/// memory holds, and a tag can make a number of a text. Plain scalars are read as in YAML's core schema, without its octal
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
        try refuseMachinery(file)
        let root: Yams.Node?
        do { root = try Yams.compose(yaml: file.text, .basic, .default, .utf8) } catch {
            throw refusal(error, file)
        }
        guard let root else { throw ClusterFileError(file: file.file, rule: "is empty") }
        return try convert(root, depth: 0, file: file.file)
    }

    /// Looks for `&name` and `!` where a value may begin. Anchors are looked for in comments and quotes too: telling those apart
    /// exactly takes a parser, and the parser is what must not see them. Without an anchor every alias is an error.
    private static func refuseMachinery(_ file: TextFile) throws(ClusterFileError) {
        var line = 1
        var before: UInt8 = 0x0A
        var isComment = false
        var flowDepth = 0
        var bytes = file.text.utf8.makeIterator()
        var next = bytes.next()
        while let byte = next {
            next = bytes.next()
            defer { before = byte }
            let afterSpace = before == 0x0A || before == 0x20 || before == 0x09
            let begins = afterSpace || Array(",[{:-?".utf8).contains(before)
            switch byte {
            case 0x0A:
                line += 1
                isComment = false
            case UInt8(ascii: "&") where begins && isName(next):
                throw ClusterFileError(file: file.file, line: line, rule: "anchors and aliases are not allowed")
            case UInt8(ascii: "#") where afterSpace: isComment = true
            case UInt8(ascii: "!") where begins && !isComment && isName(next):
                throw ClusterFileError(
                    file: file.file, line: line, rule: "tags (a value that begins with !) are not allowed")
            case UInt8(ascii: "["), UInt8(ascii: "{"):
                flowDepth += 1
                guard flowDepth <= maximumDepth * 4 else {
                    throw ClusterFileError(file: file.file, line: line, rule: "is nested too deep")
                }
            case UInt8(ascii: "]"), UInt8(ascii: "}"): flowDepth -= 1
            default: break
            }
        }
    }

    private static func isName(_ byte: UInt8?) -> Bool { byte.map { $0 > 0x20 && $0 != UInt8(ascii: "&") } ?? false }

    private static func convert(_ node: Yams.Node, depth: Int, file: String) throws(ClusterFileError) -> Node {
        let line = node.mark?.line ?? 1
        guard depth < maximumDepth else {
            throw ClusterFileError(file: file, line: line, rule: "is nested deeper than \(maximumDepth)")
        }
        switch node {
        case .scalar(let scalar):
            return Node(value: scalar.style == .plain ? plain(scalar.string) : .string(scalar.string), line: line)
        case .sequence(let sequence):
            var nodes: [Node] = []
            for element in sequence { nodes.append(try convert(element, depth: depth + 1, file: file)) }
            return Node(value: .sequence(nodes), line: line)
        case .mapping(let mapping):
            var members: [Node.Member] = []
            for (key, value) in mapping {
                guard case .scalar(let name) = key else {
                    throw ClusterFileError(file: file, line: key.mark?.line ?? line, rule: "a key must be a text")
                }
                let member = try convert(value, depth: depth + 1, file: file)
                members.append(Node.Member(key: name.string, line: name.mark?.line ?? line, node: member))
            }
            return Node(value: .mapping(members), line: line)
        case .alias: throw ClusterFileError(file: file, line: line, rule: "aliases are not allowed")
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

    private static func refusal(_ error: any Error, _ file: TextFile) -> ClusterFileError {
        var line: Int?
        var rule = "cannot be read"
        switch error as? YamlError {
        case .scanner(_, let problem, let mark, _), .parser(_, let problem, let mark, _),
            .composer(_, let problem, let mark, _):
            (line, rule) = (mark.line, problem)
        case .reader(let problem, let offset, _, _):
            line = offset.map { LineIndex(Array(file.text.utf8)).line(at: $0) }
            rule = problem
        case .duplicatedKeysInMapping(let names, let context):
            (line, rule) = (context.mark.line, "the key \"\(names.first ?? "")\" is there twice")
        default: break
        }
        return ClusterFileError(file: file.file, line: line, rule: "is not YAML: \(rule)")
    }
}
