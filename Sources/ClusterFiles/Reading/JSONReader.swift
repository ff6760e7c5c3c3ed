internal import StrictJSON

/// Reads JSON into nodes with lines.
enum JSONReader {
    static func read(_ file: TextFile) throws(ClusterFileError) -> Node {
        let bytes = Array(file.text.utf8)
        let lines = LineIndex(bytes)
        do {
            let (value, starts) = try JSONParser.parseLocated(bytes)
            var next = 0
            return convert(value, starts, &next, lines)
        } catch {
            throw ClusterFileError(
                file: file.file, line: lines.line(at: error.offset), rule: "is not JSON: \(error.rule)")
        }
    }

    /// Walks in the order the parser found the values, so the n-th value begins at the n-th start.
    private static func convert(_ value: JSONValue, _ starts: [Int], _ next: inout Int, _ lines: LineIndex) -> Node {
        let line = lines.line(at: starts[next])
        next += 1
        switch value {
        case .null: return Node(value: .null, line: line)
        case .bool(let bool): return Node(value: .bool(bool), line: line)
        case .integer(let integer): return Node(value: .integer(integer), line: line)
        case .number(let number): return Node(value: .number(number), line: line)
        case .string(let string): return Node(value: .string(string), line: line)
        case .array(let array):
            return Node(value: .sequence(array.map { convert($0, starts, &next, lines) }), line: line)
        case .object(let object):
            let members = object.members.map { key, member in
                let node = convert(member, starts, &next, lines)
                return Node.Member(key: key, line: node.line, node: node)
            }
            return Node(value: .mapping(members), line: line)
        }
    }
}

/// Lines of byte offsets.
struct LineIndex {
    private let ends: [Int]

    init(_ bytes: [UInt8]) { ends = bytes.indices.filter { bytes[$0] == 0x0A } }

    /// The line of a byte, from 1; O(log lines).
    func line(at offset: Int) -> Int {
        var (low, high) = (0, ends.count)
        while low < high {
            let middle = (low + high) / 2
            if ends[middle] < offset { low = middle + 1 } else { high = middle }
        }
        return low + 1
    }
}
