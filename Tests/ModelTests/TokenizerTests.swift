import FoundationEssentials
import Model
import TestKit
import Testing

@Suite("Tokenizer")
struct TokenizerTests {
    @Test("every golden prompt and the held-out text give the golden tokens")
    func goldenPrompts() throws {
        let tokenizer = try SmallModel.tokenizer()
        let golden = try SmallModel.golden()
        for prompt in golden.prompts {
            #expect(tokenizer.encode(prompt.prompt) == prompt.ids)
            #expect(tokenizer.decode(prompt.greedy) == prompt.text)
        }
        #expect(tokenizer.encode(golden.perplexity.text).count == golden.perplexity.ids_count)
        #expect(tokenizer.vocabularySize == 2048)
    }

    @Test("awkward texts give the tokens the reference library gives", arguments: TokenizerGolden.cases)
    func awkwardTexts(text: String, tokens: [Int]) throws {
        #expect(try SmallModel.tokenizer().encode(text) == tokens)
    }

    @Test("random Unicode survives the way to tokens and back, whole and streamed")
    func roundTrip() throws {
        let tokenizer = try SmallModel.tokenizer()
        for seed in UInt64(1)...300 {
            var random = SeededGenerator(seed: seed)
            var scalars = String.UnicodeScalarView()
            let ranges: [ClosedRange<UInt32>] = [
                0...0x7F, 0x80...0x7FF, 0x800...0xD7FF, 0xE000...0xFFFF, 0x10000...0x10FFFF,
            ]
            for _ in 0..<Int.random(in: 0...40, using: &random) {
                let range = ranges[Int.random(in: 0..<ranges.count, using: &random)]
                if let scalar = Unicode.Scalar(UInt32.random(in: range, using: &random)) { scalars.append(scalar) }
            }
            let text = String(scalars)
            let tokens = tokenizer.encode(text)
            #expect(Array(tokenizer.decode(tokens).utf8) == Array(text.utf8), "seed \(seed)")
            var stream = TextStream(tokenizer)
            var pieces: [String] = []
            for token in tokens { pieces.append(stream.append(token)) }
            pieces.append(stream.finish())
            #expect(pieces.joined().utf8.elementsEqual(text.utf8), "seed \(seed)")
            #expect(
                pieces.allSatisfy { !$0.unicodeScalars.contains("\u{FFFD}") } || text.contains("\u{FFFD}"),
                "seed \(seed)")
        }
    }

    @Test("random tokens stream to exactly what they decode to")
    func streamEqualsDecode() throws {
        let tokenizer = try SmallModel.tokenizer()
        for seed in UInt64(1)...200 {
            var random = SeededGenerator(seed: seed)
            // The first 300 tokens are mostly single bytes, so invalid sequences are common.
            let tokens = (0..<30).map { _ in Int.random(in: 0..<300, using: &random) }
            var stream = TextStream(tokenizer)
            let text = tokens.map { stream.append($0) }.joined() + stream.finish()
            #expect(text == tokenizer.decode(tokens), "seed \(seed)")
        }
    }

    @Test("a long piece without white space encodes in well under quadratic time")
    func longPiece() throws {
        let tokenizer = try SmallModel.tokenizer()
        let text = String(repeating: "th", count: 100_000)
        #expect(tokenizer.decode(tokenizer.encode(text)) == text)
    }

    @Test("control tokens in a text are found or not, as asked")
    func addedTokens() throws {
        let tokenizer = try SmallModel.tokenizer()
        #expect(tokenizer.encode("a<|end_of_sentence|>").last == 1)
        let plain = tokenizer.encode("a<|end_of_sentence|>", findsAddedTokens: false)
        #expect(!plain.contains(1))
        #expect(tokenizer.decode(plain) == "a<|end_of_sentence|>")
        #expect(tokenizer.decode([1, 2]) == "")
        #expect(tokenizer.decode([1], skipsSpecial: false) == "<|end_of_sentence|>")
        #expect(tokenizer.decode([-1, 99_999_999]) == "")
    }

    @Test(
        "a file of another kind, or one that lies, is refused with the key",
        arguments: [
            ("\"type\": \"BPE\"", "\"type\": \"WordPiece\"", "model.type"),
            ("\"normalizer\": null", "\"normalizer\": {\"type\": \"NFC\"}", "normalizer"),
            ("\"use_regex\": true", "\"use_regex\": false", "pre_tokenizer.use_regex"),
            ("\"add_prefix_space\": false", "\"add_prefix_space\": true", "pre_tokenizer.add_prefix_space"),
            ("\"byte_fallback\": false", "\"byte_fallback\": true", "model.byte_fallback"),
            ("\"dropout\": null", "\"dropout\": 0.1", "model.dropout"),
            ("\"lstrip\": false", "\"lstrip\": true", "added_tokens[0].lstrip"),
            ("\"id\": 0,", "\"id\": -1,", "added_tokens[0].id"),
            ("\"id\": 0,", "\"id\": 99999999999,", "added_tokens[0].id"),
            ("\"!\": 3,", "", "model.vocab"),
            ("\"!\": 3,", "\"!\": 4,", "model.vocab.\""),
            ("\"!\": 3,", "\"!\": 3, \"!\": 3,", "byte"),
            ("\"merges\": [", "\"merges\": [\"a\",", "model.merges[0]"),
            ("\"merges\": [", "\"merges\": [[\"!\", \"zz\"],", "model.merges[0]"),
            (
                "\"post_processor\": null", "\"post_processor\": {\"type\": \"TemplateProcessing\"}",
                "post_processor.type"
            ),
        ])
    func hostileFiles(old: String, new: String, place: String) throws {
        let file = SmallModel.directory + "/tokenizer.json"
        let text = try String(contentsOf: URL(filePath: file), encoding: .utf8)
        let found = try #require(text.firstRange(of: old))
        let broken = text[..<found.lowerBound] + new + text[found.upperBound...]
        let error = #expect(throws: ModelFileError.self) {
            try Tokenizer(parsing: Array(broken.utf8), file: "tokenizer.json")
        }
        #expect(error.map { $0.place.hasPrefix(place) } == true, "\(String(describing: error))")
    }

    @Test("old files that write merges as one string read the same")
    func stringMerges() throws {
        let file = SmallModel.directory + "/tokenizer.json"
        let text = try String(contentsOf: URL(filePath: file), encoding: .utf8)
        let merges = try #require(text.firstRange(of: "\"merges\": "))
        var tail = String(text[merges.upperBound...])
        tail = tail.replacing("[\n        \"", with: "\"").replacing("\",\n        \"", with: " ")
        tail = tail.replacing("\"\n      ]", with: "\"")
        let old = try Tokenizer(parsing: Array((text[..<merges.upperBound] + tail).utf8), file: "tokenizer.json")
        for prompt in try SmallModel.golden().prompts { #expect(old.encode(prompt.prompt) == prompt.ids) }
    }

    @Test("a cut file is refused at every length")
    func truncatedFile() throws {
        let bytes = [UInt8](try Data(contentsOf: URL(filePath: SmallModel.directory + "/tokenizer.json")))
        for length in stride(from: 0, to: bytes.count - 1, by: 4999) {
            #expect(throws: ModelFileError.self) {
                try Tokenizer(parsing: Array(bytes[..<length]), file: "tokenizer.json")
            }
        }
    }
}
