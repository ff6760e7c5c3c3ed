/// Slurm's short form of many host names: `n[01-04,7],login`.
public enum HostList {
    /// The names a list stands for, in order. Numbers keep their leading zeros; several brackets multiply.
    ///
    /// - Parameter limit: the most names; a list that stands for more is refused before it is written out.
    /// - Throws: the rule that the text breaks.
    public static func expand(_ text: String, limit: Int = 4096) throws(HostListError) -> [String] {
        guard text.utf8.count <= 1 << 20 else { throw HostListError("is longer than a megabyte") }
        var names: [String] = []
        for part in try split(text) {
            let expanded = try expand(part: part, limit: limit - names.count)
            for name in expanded where !HostName.isValid(name) {
                throw HostListError("\"\(Printable.line(name))\" is not a host's name")
            }
            names += expanded
        }
        return names
    }

    /// Cuts at commas outside brackets.
    private static func split(_ text: String) throws(HostListError) -> [Substring] {
        var parts: [Substring] = []
        var start = text.startIndex
        var depth = 0
        for index in text.indices {
            switch text[index] {
            case "[":
                depth += 1
                guard depth == 1 else { throw HostListError("has a bracket inside a bracket") }
            case "]":
                depth -= 1
                guard depth == 0 else { throw HostListError("has a ] without a [") }
            case "," where depth == 0:
                parts.append(text[start..<index])
                start = text.index(after: index)
            default: break
            }
        }
        guard depth == 0 else { throw HostListError("has a [ without a ]") }
        parts.append(text[start...])
        guard parts.allSatisfy({ !$0.isEmpty }) else { throw HostListError("has an empty name") }
        return parts
    }

    /// One name with any number of brackets.
    private static func expand(part: Substring, limit: Int) throws(HostListError) -> [String] {
        // What stands outside brackets is in every name, so its length is bounded before it is multiplied.
        var depth = 0
        let literal = part.count { character in
            if character == "[" { depth += 1 } else if character == "]" { depth -= 1 }
            return depth == 0
        }
        guard literal <= 255 else { throw HostListError("has a name of more than 255 characters") }
        var names = [""]
        var rest = part
        while let open = rest.firstIndex(of: "["), let close = rest.firstIndex(of: "]") {
            let head = rest[..<open]
            let numbers = try numbers(rest[rest.index(after: open)..<close], limit: limit)
            // Both are at most the limit, so the product cannot overflow.
            guard names.count * numbers.count <= limit else { throw tooMany }
            names = names.flatMap { name in numbers.map { name + head + $0 } }
            // Before the next bracket makes them longer still: no name of a host is, and copying them takes the square of their length.
            guard names.allSatisfy({ $0.utf8.count <= 255 }) else {
                throw HostListError("has a name of more than 255 characters")
            }
            rest = rest[rest.index(after: close)...]
        }
        guard names.count <= limit else { throw tooMany }
        return names.map { $0 + rest }
    }

    private static func numbers(_ text: Substring, limit: Int) throws(HostListError) -> [String] {
        var result: [String] = []
        for item in text.split(separator: ",", omittingEmptySubsequences: false) {
            let ends = item.split(separator: "-", omittingEmptySubsequences: false)
            guard (1...2).contains(ends.count), let first = Digits.value(of: ends[0]),
                let last = Digits.value(of: ends[ends.count - 1]), first <= last
            else {
                throw HostListError(
                    "\"\(Printable.line(String(item)))\" in brackets must be a number or a rising range")
            }
            guard last - first < limit - result.count else { throw tooMany }
            let width = ends[0].count
            for number in first...last {
                let digits = "\(number)"
                result.append(String(repeating: "0", count: max(0, width - digits.count)) + digits)
            }
        }
        return result
    }

    private static var tooMany: HostListError { HostListError("stands for too many hosts") }
}

/// Why a host list was refused.
public struct HostListError: Error, CustomStringConvertible, Sendable, Equatable {
    /// What is wrong with the list.
    public var description: String

    init(_ description: String) { self.description = description }
}
