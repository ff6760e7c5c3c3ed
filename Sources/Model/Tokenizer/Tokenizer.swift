/// Text to tokens and back: byte-level byte-pair encoding as in `tokenizer.json`.
///
/// Added tokens are cut out first, then GPT-2's pattern cuts the rest into pieces, whose bytes merge by rank. Every text
/// encodes, and decoding gives it back.
///
/// ## Source
/// The `tokenizers` library's `ByteLevel` pre-tokenizer and `BPE` model.
public struct Tokenizer: Sendable {
    var tokenBytes: [[UInt8]?] = []
    var specialTokens: Set<Int> = []
    var byteTokens: [Int32] = []
    var wholePieces: [[UInt8]: Int32]?
    var merger = BytePairMerger()
    var added = AddedTokens()

    init() {}

    /// One more than the largest token.
    public var vocabularySize: Int { tokenBytes.count }

    /// Whether the token is one of the control tokens, such as the end of a text.
    public func isSpecial(_ token: Int) -> Bool { specialTokens.contains(token) }

    /// The tokens of a text.
    ///
    /// - Parameters:
    ///   - text: any text; it may be empty.
    ///   - findsAddedTokens: whether `<|…|>` and the like in the text become the tokens of that name.
    /// - Complexity: n log n in the length of the longest piece, linear in the number of pieces.
    public func encode(_ text: String, findsAddedTokens: Bool = true) -> [Int] {
        var tokens: [Int] = []
        for (part, token) in findsAddedTokens ? added.split(text) : [(text[...], nil)] {
            for piece in PreTokenizer.pieces(of: part) {
                if let whole = wholePieces?[piece] {
                    tokens.append(Int(whole))
                } else {
                    for id in merger.merge(piece.map { byteTokens[Int($0)] }) { tokens.append(Int(id)) }
                }
            }
            if let token { tokens.append(token) }
        }
        return tokens
    }

    /// The text of tokens; bytes that are not UTF-8 become U+FFFD, tokens without text become nothing.
    public func decode(_ tokens: [Int], skipsSpecial: Bool = true) -> String {
        var bytes: [UInt8] = []
        for token in tokens where !(skipsSpecial && isSpecial(token)) {
            bytes.append(contentsOf: self.bytes(of: token))
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// The bytes one token stands for; none for a number that is no token.
    public func bytes(of token: Int) -> [UInt8] {
        guard tokenBytes.indices.contains(token) else { return [] }
        return tokenBytes[token] ?? []
    }
}
