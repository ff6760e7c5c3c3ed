/// The keys of a file's text, taken out before anything parses it: YAML's checks would trip over the characters of Z85, and what a parser
/// never sees it cannot tell in a message.
struct QuotedKeys {
    /// The text with each longer quoted word replaced by a mark in the same quotes, on the same line.
    let text: TextFile
    private let words: [String]
    /// Private use: no key and no keyboard has it.
    private static let mark = "\u{E000}"
    /// Quoted words from this length on are taken out, so that part of a key is told to be none rather than a breach of YAML's rules.
    private static let shortestWord = 8
    /// Words from this length on are hidden in messages; all that were taken out are.
    private static let shortestSecret = 20

    init(_ file: TextFile) throws(ClusterFileError) {
        guard !file.text.contains(Self.mark) else {
            throw ClusterFileError(file: file.file, rule: "holds U+E000, which no key has")
        }
        var words: [String] = []
        let lines = file.lines.map { _, line in Self.replacing(in: line, &words) }
        self.words = words
        text = try TextFile(bytes: Array(lines.joined(separator: "\n").utf8), file: file.file)
    }

    /// The word that a value stands for: itself if it was not taken out.
    func word(_ value: String) -> String {
        guard value.hasPrefix(Self.mark), let index = Int(value.dropFirst()), words.indices.contains(index) else {
            return value
        }
        return words[index]
    }

    private static func replacing(in line: Substring, _ words: inout [String]) -> String {
        var result = ""
        var rest = line
        while let open = rest.firstIndex(where: { $0 == "\"" || $0 == "'" }) {
            let start = rest.index(after: open)
            guard let end = rest[start...].firstIndex(of: rest[open]) else { break }
            let word = rest[start..<end]
            if word.utf8.count >= shortestWord, word.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) {
                result += rest[...open] + "\(mark)\(words.count)" + rest[end...end]
                words.append(String(word))
                rest = rest[rest.index(after: end)...]
            } else {
                // The second quote may be another word's first.
                result += rest[..<end]
                rest = rest[end...]
                if word.utf8.count < shortestWord {
                    result += rest[end...end]
                    rest = rest[rest.index(after: end)...]
                }
            }
        }
        return result + rest
    }

    /// An error without long words: keys that stand where none belongs are not told on.
    static func hidingLongWords(_ error: ClusterFileError) -> ClusterFileError {
        func hiding(_ text: String) -> String {
            text.split(separator: " ", omittingEmptySubsequences: false).map {
                $0.utf8.count >= shortestSecret || $0.contains(mark) ? "..." : String($0)
            }.joined(separator: " ")
        }
        var hidden = error
        hidden.place = hiding(error.place)
        hidden.rule = hiding(error.rule)
        return hidden
    }
}
