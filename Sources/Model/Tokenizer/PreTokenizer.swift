/// Cuts text into the pieces within which byte pairs may merge, as GPT-2's pattern does.
///
/// The pattern is `'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`, the first alternative that
/// matches wins. By hand: a contraction; one blank at most with a run of letters, of numbers, or of what is neither nor
/// white space; a run of white space without its last character if something follows it, else the whole run.
///
/// - Complexity: linear in the text.
struct PreTokenizer {
    private enum Class {
        case letter, number, space, other

        init(_ scalar: Unicode.Scalar) {
            switch scalar.value {
            case 0x61...0x7A, 0x41...0x5A: self = .letter
            case 0x30...0x39: self = .number
            case 0x09...0x0D, 0x20: self = .space
            case 0..<0x80: self = .other
            default:
                switch scalar.properties.generalCategory {
                case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter: self = .letter
                case .decimalNumber, .letterNumber, .otherNumber: self = .number
                default: self = scalar.properties.isWhitespace ? .space : .other
                }
            }
        }
    }

    private static let contractions: [[Unicode.Scalar]] = [
        ["s"], ["t"], ["r", "e"], ["v", "e"], ["m"], ["l", "l"], ["d"],
    ]

    private let scalars: [Unicode.Scalar]
    private let classes: [Class]

    private init(_ text: Substring) {
        scalars = Array(text.unicodeScalars)
        classes = scalars.map(Class.init)
    }

    /// The UTF-8 bytes of each piece, in order; together they are the text.
    static func pieces(of text: Substring) -> [[UInt8]] {
        let cutter = PreTokenizer(text)
        var pieces: [[UInt8]] = []
        var start = 0
        while start < cutter.scalars.count {
            let end = cutter.end(from: start)
            var piece: [UInt8] = []
            for scalar in cutter.scalars[start..<end] { piece.append(contentsOf: UTF8.encode(scalar) ?? .init()) }
            pieces.append(piece)
            start = end
        }
        return pieces
    }

    /// Where the piece that begins at `start` ends.
    private func end(from start: Int) -> Int {
        if let end = contractionEnd(from: start) { return end }
        let isBlank = scalars[start] == " "
        let first = isBlank ? start + 1 : start
        if first < classes.count, classes[first] != .space { return runEnd(from: first) }
        // White space. If something follows, its last character is left for what follows, unless it is all there is.
        let end = runEnd(from: start)
        return end == classes.count || end == start + 1 ? end : end - 1
    }

    private func runEnd(from first: Int) -> Int {
        var end = first + 1
        while end < classes.count, classes[end] == classes[first] { end += 1 }
        return end
    }

    private func contractionEnd(from start: Int) -> Int? {
        guard scalars[start] == "'" else { return nil }
        for suffix in Self.contractions where scalars[(start + 1)...].starts(with: suffix) {
            return start + 1 + suffix.count
        }
        return nil
    }
}
