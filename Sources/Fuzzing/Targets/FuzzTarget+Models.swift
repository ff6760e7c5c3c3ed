internal import Collectives
internal import Model
internal import StrictJSON

// Files of models, and what users write.

extension FuzzTarget {
    static let models: [FuzzTarget] = [
        FuzzTarget("JSON", weight: 16) {
            let texts = [FuzzTexts.safetensors, "[1,-2.5e3,\"\\ud83d\\ude00\",null,{\"a\":[true,false]}]"]
            return FuzzSubject(examples: texts.map { Array($0.utf8) }, isText: true) { input, _ in
                do {
                    let starts = try JSONParser.parseLocated(input).starts
                    try FuzzFinding.require(starts.allSatisfy { $0 < input.count }, "a value begins behind the text")
                    return true
                } catch let error as JSONError {
                    try FuzzFinding.require((0...input.count).contains(error.offset), "an error outside the text")
                    return false
                }
            }
        },
        FuzzTarget("safetensors header", weight: 8) {
            let header = Array(FuzzTexts.safetensors.utf8)
            let length = (0..<8).map { UInt8(truncatingIfNeeded: header.count >> (8 * $0)) }
            return FuzzSubject(examples: [length + header + Array(repeating: 0, count: 9)], isText: true) {
                input, random in
                var input = input
                // Mostly the length is right, so that the rest is looked at.
                if input.count >= 17, !random.oneIn(4) {
                    for index in 0..<8 { input[index] = UInt8(truncatingIfNeeded: (input.count - 17) >> (8 * index)) }
                }
                return try model(input) {
                    let entries = try SafetensorsFile.entries(ofFile: "fuzz", byteCount: input.count) {
                        Array(input[$0])
                    }
                    for (name, entry) in entries {
                        try FuzzFinding.require(
                            entry.range.lowerBound >= 8 && entry.range.upperBound <= input.count,
                            "\(name) lies outside the file")
                    }
                }
            }
        },
        FuzzTarget("config.json", weight: 4) {
            FuzzSubject(examples: [Array(FuzzTexts.configuration.utf8)], isText: true) { input, _ in
                try model(input) {
                    let found = try ModelConfiguration(parsing: input, file: "fuzz")
                    try FuzzFinding.require(found.softmaxScale.isFinite, "a scale that is no number")
                    try FuzzFinding.require(
                        found.rotary.width > 8192 || found.rotary.frequencies.allSatisfy(\.isFinite), "no frequency")
                }
            }
        },
        FuzzTarget("tokenizer.json", weight: 1) {
            FuzzSubject(examples: [Array(FuzzTexts.tokenizer.utf8)], isText: true) { input, _ in
                try model(input) {
                    let tokenizer = try Tokenizer(parsing: input, file: "fuzz")
                    let text = "the thé \u{1F600}<|endoftext|>"
                    let tokens = tokenizer.encode(text, findsAddedTokens: false)
                    try FuzzFinding.require(
                        tokens.allSatisfy { (0..<tokenizer.vocabularySize).contains($0) },
                        "a token outside the vocabulary")
                }
            }
        },
        FuzzTarget("prompt", weight: 4) {
            let tokenizer = try Tokenizer(parsing: Array(FuzzTexts.tokenizer.utf8), file: "example")
            let texts = ["the other day, I've had 12 cafés\n\n  and <|endoftext|> more", "\u{1F600}\u{301}\u{200D}"]
            return FuzzSubject(examples: texts.map { Array($0.utf8) }, isText: true) { input, _ in
                let text = String(decoding: input, as: UTF8.self)
                let tokens = tokenizer.encode(text)
                try FuzzFinding.require(
                    tokenizer.decode(tokens, skipsSpecial: false) == text, "a text is not what its tokens say")
                try FuzzFinding.require(tokens.count <= text.utf8.count, "more tokens than bytes")
                return !tokens.isEmpty
            }
        },
        FuzzTarget("prompt file", weight: 8) {
            FuzzSubject(examples: [Array(FuzzTexts.prompts.utf8)], isText: true) { input, _ in
                try model(input) { _ = try PromptText.parse(input, file: "fuzz") }
            }
        },
        FuzzTarget("rates of a machine", weight: 4) {
            FuzzSubject(examples: [Array(MachineRates(cores: 2).text.utf8)], isText: true) { input, _ in
                do {
                    let rates = try MachineRates(text: String(decoding: input, as: UTF8.self))
                    try FuzzFinding.require(try MachineRates(text: rates.text) == rates, "written again they differ")
                    return true
                } catch let error as TuningError {
                    try checkMessage("\(error)", input)
                    return false
                }
            }
        },
        FuzzTarget("tuning table", weight: 8) {
            FuzzSubject(examples: [Array(FuzzTexts.tuning.utf8)], isText: true) { input, _ in
                do {
                    let table = try TuningTable(text: String(decoding: input, as: UTF8.self))
                    let text = table.text
                    try FuzzFinding.require(try TuningTable(text: text).text == text, "written again it differs")
                    return true
                } catch let error as TuningError {
                    try checkMessage("\(error)", input)
                    return false
                }
            }
        },
    ]

    private static func model(_ input: [UInt8], _ body: () throws -> Void) throws -> Bool {
        do {
            try body()
            return true
        } catch let error as ModelFileError {
            try checkMessage("\(error)", input)
            return false
        }
    }
}
