/// A tuning table that cannot be used: which line breaks which rule.
public struct TuningError: Error, Equatable, CustomStringConvertible {
    /// The line, from 1.
    public var line: Int
    /// The rule it breaks.
    public var rule: String

    /// An error at a line.
    public init(line: Int, rule: String) {
        self.line = line
        self.rule = rule
    }

    /// Line and rule.
    public var description: String { "line \(line): \(rule)" }
}

/// A text of lines that starts with a heading; `#` starts a comment.
struct RuleFile {
    /// A rule that a line breaks.
    struct Fault: Error { var rule: String }

    /// What the text is, for messages, and the verb that goes with it.
    let what: String
    let verb: String
    let heading: String
    let limit: Int

    /// Hands on the words of each line after the heading.
    ///
    /// - Returns: the number of the last line.
    @discardableResult
    func read(_ text: String, _ line: ([Substring]) throws(Fault) -> Void) throws(TuningError) -> Int {
        guard text.utf8.count <= limit else {
            throw TuningError(line: 1, rule: "\(what) \(verb == "starts" ? "has" : "have") at most \(limit) bytes")
        }
        var isHeaded = false
        var number = 0
        for row in text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline) {
            number += 1
            let words = row.prefix { $0 != "#" }.split { $0 == " " || $0 == "\t" }
            guard !words.isEmpty else { continue }
            if isHeaded {
                do throws(Fault) { try line(words) } catch { throw TuningError(line: number, rule: error.rule) }
            } else if words.joined(separator: " ") == heading {
                isHeaded = true
            } else {
                throw TuningError(line: number, rule: "\(what) \(verb) with \"\(heading)\"")
            }
        }
        guard isHeaded else { throw TuningError(line: 1, rule: "\(what) \(verb) with \"\(heading)\"") }
        return number
    }
}

// ## The file
// ```
// softpod-tuning 1
// # operation  bytes  members  cores   algorithm
// allreduce    64K    any      own     concurrent:0.4
// any          any    any      any     cooperative
// ```
// A line a rule, of five words; `#` starts a comment. The first rule that fits decides. `bytes` and `members` are the
// largest that fit (suffixes K, M, G), or `any`; `cores` is `own`, `shared` or `any`; `any` for the operation stands
// for all that the algorithm can do.

extension TuningTable {
    /// What a file starts with.
    public static let heading = "softpod-tuning 1"
    /// Longer files are refused.
    public static let textLimit = 1 << 20
    /// More rules are refused.
    public static let ruleLimit = 4096

    /// Reads a table, and refuses whatever is not one.
    public init(text: String) throws(TuningError) {
        var rules: [Rule] = []
        let file = RuleFile(what: "a tuning table", verb: "starts", heading: Self.heading, limit: Self.textLimit)
        try file.read(text) { words throws(RuleFile.Fault) in
            rules += try Self.rules(words)
            guard rules.count <= Self.ruleLimit else {
                throw RuleFile.Fault(rule: "a tuning table has at most \(Self.ruleLimit) rules")
            }
        }
        self.init(rules)
    }

    /// The table as a file.
    public var text: String {
        let head = ["# operation", "bytes", "members", "cores", "algorithm"]
        let lines =
            [head]
            + rules.map { rule in
                [
                    "\(rule.operation)", Self.shown(rule.byteCount), Self.shown(rule.members), rule.cores.rawValue,
                    rule.algorithm.text,
                ]
            }
        let padded = lines.map { words in
            words.enumerated().map { index, word in
                index == 4 ? word : word + String(repeating: " ", count: max(1, (index == 0 ? 15 : 10) - word.count))
            }.joined()
        }
        return ([Self.heading] + padded).joined(separator: "\n") + "\n"
    }

    private typealias Fault = RuleFile.Fault

    private static func rules(_ words: [Substring]) throws(Fault) -> [Rule] {
        guard words.count == 5 else {
            throw Fault(
                rule: "a rule has five words (operation, bytes, members, cores, algorithm), not \(words.count)")
        }
        let isAny = words[0] == "any"
        let operation = CollectiveOperation(name: String(words[0]))
        guard isAny || operation != nil else {
            throw Fault(
                rule: "operation must be any or one of \(list(CollectiveOperation.allCases)), not \(shown(words[0]))")
        }
        guard let cores = Cores(rawValue: String(words[3])) else {
            throw Fault(rule: "cores must be own, shared or any, not \(shown(words[3]))")
        }
        guard let algorithm = CollectiveAlgorithm(text: String(words[4])) else {
            throw Fault(
                rule: "algorithm must be one of \(list(CollectiveCatalog.algorithms.map(\.name))), concurrent with a "
                    + "fraction from 0 to 1 as in concurrent:0.4, not \(shown(words[4]))")
        }
        let byteCount = try number(words[1], "bytes", from: 0)
        let members = try number(words[2], "members", from: 1)
        let chosen = operation.map { [$0] } ?? CollectiveOperation.allCases
        let rules = chosen.map { Rule($0, byteCount: byteCount, members: members, cores: cores, algorithm) }
        // A rule for any operation is for those it can be for; one that names its operation means it.
        if isAny { return rules.filter { $0.misfit == nil } }
        for rule in rules { if let misfit = rule.misfit { throw Fault(rule: misfit) } }
        return rules
    }

    private static func number(_ word: Substring, _ name: String, from lowest: Int) throws(Fault) -> Int {
        if word == "any" { return .max }
        let shifts: [Character: Int] = ["K": 10, "M": 20, "G": 30]
        let shift = word.last.flatMap { shifts[$0] } ?? 0
        let digits = shift == 0 ? word : word.dropLast()
        guard digits.allSatisfy({ $0.isASCII && $0.isWholeNumber }), let value = Int(digits), value >= lowest else {
            throw Fault(rule: "\(name) must be any or a number from \(lowest) on, not \(shown(word))")
        }
        let (product, overflow) = value.multipliedReportingOverflow(by: 1 << shift)
        guard !overflow else { throw Fault(rule: "\(name) must be a number of 63 bits, not \(shown(word))") }
        return product
    }

    private static func shown(_ value: Int) -> String {
        if value == .max { return "any" }
        for (suffix, shift) in [("G", 30), ("M", 20), ("K", 10)] where value > 0 && value % (1 << shift) == 0 {
            return "\(value >> shift)\(suffix)"
        }
        return "\(value)"
    }

    /// A word of a file, fit for a message: short, and nothing a terminal would obey.
    private static func shown(_ word: Substring) -> String {
        let clean = word.unicodeScalars.prefix(40).map { (0x20...0x7E).contains($0.value) ? String($0) : "?" }
        return "\"" + clean.joined() + "\""
    }

    private static func list(_ words: [some CustomStringConvertible]) -> String {
        words.map(\.description).joined(separator: ", ")
    }
}
