/// Turns tokens into text as they come: a character whose bytes are spread over tokens comes out whole, once.
///
/// The pieces joined are exactly ``Tokenizer/decode(_:skipsSpecial:)`` of all the tokens.
public struct TextStream: Sendable {
    private let tokenizer: Tokenizer
    private let skipsSpecial: Bool
    private var pending: [UInt8] = []

    /// A stream at the start of a text.
    public init(_ tokenizer: Tokenizer, skipsSpecial: Bool = true) {
        self.tokenizer = tokenizer
        self.skipsSpecial = skipsSpecial
    }

    /// The text that is certain now that this token has come; often empty in the middle of a character.
    public mutating func append(_ token: Int) -> String {
        if skipsSpecial, tokenizer.isSpecial(token) { return "" }
        pending.append(contentsOf: tokenizer.bytes(of: token))
        let whole = pending.count - Self.incompleteSuffix(of: pending)
        defer { pending.removeFirst(whole) }
        return String(decoding: pending[..<whole], as: UTF8.self)
    }

    /// What is left when no more tokens come: an unfinished character becomes U+FFFD.
    public mutating func finish() -> String {
        defer { pending = [] }
        return String(decoding: pending, as: UTF8.self)
    }

    /// How many bytes at the end are the start of a character that more bytes could complete (0...3).
    private static func incompleteSuffix(of bytes: [UInt8]) -> Int {
        for length in 1...3 where length <= bytes.count {
            let byte = bytes[bytes.count - length]
            if byte & 0xC0 == 0x80 { continue }
            let needed = byte >= 0xF0 ? 4 : byte >= 0xE0 ? 3 : byte >= 0xC0 ? 2 : 1
            return needed > length ? length : 0
        }
        return 0
    }
}
