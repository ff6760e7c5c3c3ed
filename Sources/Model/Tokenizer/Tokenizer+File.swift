internal import StrictJSON

extension Tokenizer {
    /// Tokens a vocabulary may have.
    private static let maximumTokens = 1 << 24

    /// The longest table for so many tokens: some holes, but no table that is out of all proportion to the file.
    private static func largestTable(of tokens: Int) -> Int { 4 * tokens + 4096 }

    /// Reads and checks a `tokenizer.json`.
    ///
    /// - Throws: ``ModelFileError`` with the key and the rule: another model or pre-tokenizer, a vocabulary that lacks a
    ///   byte, a merge of tokens it does not have, or a number out of range.
    public init(file: String) throws(ModelFileError) {
        try self.init(JSONFile.read(file, maximumByteCount: 1 << 28))
    }

    /// Checks the text of a `tokenizer.json`; `file` is its name for messages.
    public init(parsing text: [UInt8], file: String) throws(ModelFileError) {
        try self.init(JSONFile.parse(text, file: file))
    }

    private init(_ json: JSONFile) throws(ModelFileError) {
        self.init()
        try Self.refuseUnsupported(json)
        guard let model = try json.member("model") else { throw json.error("model", "is missing") }
        let vocabulary = try readVocabulary(model)
        try readMerges(model, vocabulary)
        if json.present("added_tokens") != nil { try readAddedTokens(json) }
        for (text, token) in vocabulary where tokenBytes[token] == nil {
            throw model.error("vocab", "\"\(text)\" has characters that are not of the byte-level alphabet")
        }
        if try model.bool("ignore_merges", default: false) {
            var pieces: [[UInt8]: Int32] = [:]
            for (token, bytes) in tokenBytes.enumerated() {
                if let bytes, !specialTokens.contains(token) { pieces[bytes] = Int32(token) }
            }
            wholePieces = pieces
        }
    }

    private static func refuseUnsupported(_ json: JSONFile) throws(ModelFileError) {
        guard json.present("normalizer") == nil else { throw json.error("normalizer", "must be null") }
        guard let before = try json.member("pre_tokenizer") else { throw json.error("pre_tokenizer", "is missing") }
        guard try before.string("type") == "ByteLevel" else {
            throw before.error("type", "must be \"ByteLevel\", is \"\(try before.string("type"))\"")
        }
        try before.require("add_prefix_space", false)
        try before.require("use_regex", true)
        for key in ["decoder", "post_processor"] {
            guard let part = try json.member(key) else { continue }
            guard try part.string("type") == "ByteLevel" else {
                throw part.error("type", "must be \"ByteLevel\", is \"\(try part.string("type"))\"")
            }
        }
        guard let model = try json.member("model") else { throw json.error("model", "is missing") }
        guard try model.string("type", default: "BPE") == "BPE" else { throw model.error("type", "must be \"BPE\"") }
        for key in ["dropout", "continuing_subword_prefix", "end_of_word_suffix"] where model.present(key) != nil {
            if case .string("")? = model.present(key) { continue }
            throw model.error(key, "must be null")
        }
        try model.require("byte_fallback", false)
    }

    private mutating func readVocabulary(_ model: JSONFile) throws(ModelFileError) -> [String: Int] {
        guard let vocab = try model.member("vocab") else { throw model.error("vocab", "is missing") }
        var vocabulary: [String: Int] = [:]
        var texts: [Int: String] = [:]
        for (text, _) in vocab.object.members {
            let token = try vocab.integer(text, 0...(Self.maximumTokens - 1))
            if let other = texts.updateValue(text, forKey: token) {
                throw vocab.error(text, "has the number \(token), as has \"\(other)\"")
            }
            vocabulary[text] = token
        }
        let largest = texts.keys.max() ?? -1
        guard largest < Self.largestTable(of: texts.count) else {
            throw model.error("vocab", "has the number \(largest), with only \(texts.count) tokens")
        }
        tokenBytes = Array(repeating: nil, count: largest + 1)
        for (token, text) in texts { tokenBytes[token] = ByteAlphabet.decode(text) }
        for (byte, character) in ByteAlphabet.characters.enumerated() {
            guard let token = vocabulary[String(character)] else {
                throw model.error("vocab", "has no token for the byte \(byte), \"\(character)\"")
            }
            byteTokens.append(Int32(token))
        }
        return vocabulary
    }

    private mutating func readMerges(_ model: JSONFile, _ vocabulary: [String: Int]) throws(ModelFileError) {
        for (rank, value) in try model.array("merges").enumerated() {
            var pair: [String] = []
            switch value {
            case .string(let text): pair = text.split(separator: " ", omittingEmptySubsequences: false).map(String.init)
            case .array(let items):
                for case .string(let text) in items { pair.append(text) }
                if items.count != 2 { pair = [] }
            default: break
            }
            guard pair.count == 2 else {
                throw model.error("merges[\(rank)]", "must be a pair of tokens, as [\"a\", \"b\"] or \"a b\"")
            }
            guard let left = vocabulary[pair[0]], let right = vocabulary[pair[1]],
                let result = vocabulary[pair[0] + pair[1]]
            else {
                throw model.error("merges[\(rank)]", "a part or the result of the merge is not in the vocabulary")
            }
            merger.append(Int32(left), Int32(right), result: Int32(result), rank: rank)
        }
    }

    private mutating func readAddedTokens(_ json: JSONFile) throws(ModelFileError) {
        let vocabularyCount = tokenBytes.count
        for (index, value) in try json.array("added_tokens").enumerated() {
            guard case .object(let object) = value else {
                throw json.error("added_tokens[\(index)]", "must be an object")
            }
            let entry = JSONFile(file: json.file, object: object, path: json.place("added_tokens[\(index)]"))
            for key in ["single_word", "lstrip", "rstrip"] { try entry.require(key, false) }
            let token = try entry.integer("id", 0...(Self.maximumTokens - 1))
            let content = try entry.string("content")
            guard (1...AddedTokens.maximumByteCount).contains(content.utf8.count) else {
                throw entry.error("content", "must have 1 to \(AddedTokens.maximumByteCount) bytes")
            }
            guard token < Self.largestTable(of: vocabularyCount + index + 1) else {
                throw entry.error("id", "is \(token), with only \(vocabularyCount + index + 1) tokens")
            }
            if token >= tokenBytes.count {
                tokenBytes.append(contentsOf: Array(repeating: nil, count: token + 1 - tokenBytes.count))
            }
            tokenBytes[token] = Array(content.utf8)
            if try entry.bool("special", default: false) { specialTokens.insert(token) }
            added.insert(content, token)
        }
    }
}
