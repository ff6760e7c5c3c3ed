import TestKit
import Testing
import YAML

@Suite("YAML")
struct YAMLTreeTests {
    /// A tree of any shape: texts of odd characters, quoted or not.
    static func tree(depth: Int, _ random: inout SeededGenerator) -> YAMLTree {
        switch Int.random(in: 0..<(depth > 0 ? 4 : 1), using: &random) {
        case 1:
            return YAMLTree(
                .sequence((0..<Int.random(in: 0..<4, using: &random)).map { _ in tree(depth: depth - 1, &random) }))
        case 2, 3:
            let members = (0..<Int.random(in: 0..<4, using: &random)).map { index in
                YAMLTree.Member("\(index)" + text(&random), tree(depth: depth - 1, &random))
            }
            return YAMLTree(.mapping(members))
        default: return YAMLTree(.scalar(text(&random), isPlain: false))
        }
    }

    static func text(_ random: inout SeededGenerator) -> String {
        let odd = [
            "a", "0", " ", "\n", "\t", ":", "#", "&", "*", "!", "'", "\"", "\\", "-", "[", "}", "\u{0}", "\u{85}", "ß",
            "日", "😀", "\u{2028}",
        ]
        return (0..<Int.random(in: 0..<8, using: &random)).map { _ in odd.randomElement(using: &random) ?? "" }.joined()
    }

    static func isSame(_ one: YAMLTree, _ other: YAMLTree) -> Bool {
        switch (one.content, other.content) {
        // Which texts need quotes as keys is the library's matter.
        case (.scalar(let first, _), .scalar(let second, _)): first == second
        case (.sequence(let first), .sequence(let second)):
            first.count == second.count && zip(first, second).allSatisfy(isSame)
        case (.mapping(let first), .mapping(let second)):
            first.count == second.count
                && zip(first, second).allSatisfy { $0.key == $1.key && isSame($0.value, $1.value) }
        default: false
        }
    }

    @Test("What is written reads back the same, whatever characters it holds")
    func roundTrip() throws {
        let seed = UInt64.random(in: .min ... .max)
        var random = SeededGenerator(seed: seed)
        for _ in 0..<2000 {
            let tree = Self.tree(depth: 4, &random)
            let text = try tree.text()
            let read = try YAMLTree(reading: text, maximumDepth: 8)
            #expect(read.map { Self.isSame($0, tree) } == true, "seed \(seed): \(text)")
        }
    }

    @Test("Values know their lines, and whether they were quoted")
    func lines() throws {
        let text = "# first\na: 1\nb:\n  - 'x'\n  - {c: \"d\\u0041\"}\n"
        guard case .mapping(let members) = try YAMLTree(reading: text, maximumDepth: 4)?.content,
            case .scalar("1", isPlain: true) = members[0].value.content,
            case .sequence(let values) = members[1].value.content,
            case .scalar("x", isPlain: false) = values[0].content,
            case .mapping(let inner) = values[1].content, case .scalar("dA", isPlain: false) = inner[0].value.content
        else {
            Issue.record("another tree")
            return
        }
        #expect(members.map(\.line) == [2, 3] && values.map(\.line) == [4, 5] && inner[0].key == "c")
    }

    @Test(
        "What is no plain document is refused with its line",
        arguments: [
            ("a: [1\nb: 2", 2, "is not YAML"), ("a: 1\n\tb: 2", 2, "is not YAML"), ("a: \"\\ud800\"", 1, "is not YAML"),
            ("a: 1\n---\nb: 2", 2, "second document"), ("a: 1\nb: 2\na: 3", 3, "there twice"),
            ("? [a]\n: 1", 1, "a key must be a text"), ("a: &x 1", 1, "anchors"), ("- &x\n- *x", 1, "anchors"),
            ("a: 1\nb: *a", 2, "anchors"), ("a: !!str 1", 1, "tags"), ("a: !x [1]", 1, "tags"),
            ("[[[[[1]]]]]", 1, "deeper than 4"), ("a:\n - b:\n    - c:\n       - d: 1", 3, "deeper than 4"),
        ])
    func refused(text: String, line: Int, rule: String) {
        let error = #expect(throws: YAMLError.self) { try YAMLTree(reading: text, maximumDepth: 4) }
        #expect(error?.line == line && error?.rule.contains(rule) == true, "\(String(describing: error))")
    }

    @Test("Text without a document is none, and a control character is refused by its place")
    func nothing() throws {
        for text in ["", "\n\n", "# only a comment\n"] {
            let tree = try YAMLTree(reading: text, maximumDepth: 4)
            #expect(tree == nil)
        }
        let error = #expect(throws: YAMLError.self) { try YAMLTree(reading: "abc: \u{1}", maximumDepth: 4) }
        #expect(error?.offset == 5, "\(String(describing: error))")
    }
}
