import StrictJSON
import TestKit
import Testing

@Suite("Strict JSON")
struct JSONParserTests {
    @Test("Every value's start is told, a container before what it holds")
    func starts() throws {
        let text = #" {"a": [1, {"b": null}], "c": "x"}"#
        let (value, starts) = try JSONParser.parseLocated(Array(text.utf8))
        let marks = ["{\"a", "[1", "1,", "{\"b", "null", "\"x\""]
        let expected = marks.map { mark in
            text.utf8.count - (text.firstRange(of: mark).map { text[$0.lowerBound...].utf8.count } ?? 0)
        }
        #expect(starts == expected)
        guard case .object(let object) = value else {
            Issue.record("not an object")
            return
        }
        #expect(object.members.map(\.key) == ["a", "c"])
    }

    @Test(
        "What RFC 8259 does not allow is refused with the byte",
        arguments: [
            ("", 0), ("[1,]", 3), ("{\"a\":1,\"a\":2}", 7), ("01", 2), ("1 2", 2), ("\"\u{1}\"", 1), ("[", 1),
            ("nul", 3),
            ("\"\\ud800\"", 7), ("1e400", 0), ("\u{FEFF}1", 0), ("{'a':1}", 1),
        ])
    func refused(text: String, offset: Int) {
        let error = #expect(throws: JSONError.self) { try JSONParser.parse(Array(text.utf8)) }
        #expect(error?.offset == offset, "\(text)")
    }

    @Test("Nesting is limited before the stack is")
    func depth() {
        let text = String(repeating: "[", count: 63) + String(repeating: "]", count: 63)
        #expect(throws: Never.self) { try JSONParser.parse(Array(text.utf8)) }
        #expect(throws: JSONError.self) { try JSONParser.parse(Array(repeating: UInt8(ascii: "["), count: 1 << 20)) }
    }

    @Test("Mutated texts give a value or an error inside the text", arguments: [UInt64(11), 12, 13])
    func fuzz(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        let text = Array(#"{"a":[1,-2.5e3,true,null,"\u00e9\n"],"b":{"c":[[],{}]}}"#.utf8)
        for _ in 0..<3000 {
            let bytes = Mutation.apply(to: text, using: &generator)
            do {
                let (_, starts) = try JSONParser.parseLocated(bytes)
                #expect(starts.allSatisfy { bytes.indices.contains($0) }, "seed \(seed)")
            } catch {
                #expect((0...bytes.count).contains(error.offset), "seed \(seed)")
            }
        }
    }
}
