/// One line of a rank's history: what it was asked, what it sent and saw, or what came of an operation.
///
/// ```
/// kind text key=number,number,... key=...
/// ```
///
/// All values are lists of whole numbers of 64 bits; digests and floating-point numbers stand as their bits. `text` is `-` for none. A key that is
/// not there has no numbers.
public struct HistoryEntry: Sendable, Equatable {
    /// What a line tells.
    public enum Kind: String, Sendable, CaseIterable {
        /// The first line: rank, ranks, epoch.
        case begin
        /// A dispatch begins, and is done.
        case dispatch, received
        /// A combine begins, and is done.
        case combine, combined
        /// A flag was sent to a member, or a member's was seen and accepted.
        case flag, seen
        /// A collective begins, and is done.
        case collective, collected
        /// The members of an epoch, which the rank has entered after the one before.
        case membership
        /// An operation failed; the text is the error's code.
        case failed
        /// The last line of a die that ended by itself.
        case end
    }

    /// What a list of numbers is.
    public enum Key: String, Sendable, CaseIterable {
        case rank, ranks, epoch
        /// An exchange's number, the number of the call, and the ranks of its members in order.
        case exchange, call, members
        /// E, T and K of the exchange.
        case experts, limit, choices
        /// `[tokens, K]`: the chosen experts, -1 for none.
        case chosen
        /// Digests: of rows, or of a result.
        case digest
        /// Of each row received: its expert, the member it came from, its token there, and which choice of the token it is.
        case expert, source, token, choice
        /// 0 for dispatch, 1 for combine, 2 for a collective.
        case phase
        /// Of a flag: the other member, and the rows it tells of, or -1 for a refusal.
        case peer, count
        /// Ranks an error blames.
        case peers
        /// Of a combine: whether answers travel as BF16, numbers in a row, the answers, the weights, and the sums.
        case narrow, width, answers, weights, sums
        /// Of a collective: its number on this die.
        case number
    }

    /// What it tells.
    public var kind: Kind
    /// A word: an operation's name or an error's code.
    public var text: String
    /// The numbers, by key.
    public private(set) var values: [Key: [Int]]

    /// An entry.
    public init(_ kind: Kind, text: String = "", _ values: [Key: [Int]] = [:]) {
        self.kind = kind
        self.text = text
        self.values = values.filter { !$0.value.isEmpty }
    }

    /// The numbers of a key; none where it is not there.
    public subscript(_ key: Key) -> [Int] {
        get { values[key] ?? [] }
        set { values[key] = newValue.isEmpty ? nil : newValue }
    }

    /// The one number of a key; nil if there is not exactly one.
    public func one(_ key: Key) -> Int? { self[key].count == 1 ? self[key][0] : nil }

    /// The line, without its end.
    public var line: String {
        let word = text.unicodeScalars.map { Self.isPlain($0) ? Character($0) : "-" }
        let numbers = values.sorted { $0.key.rawValue < $1.key.rawValue }.map { key, list in
            " \(key.rawValue)=" + list.map(String.init).joined(separator: ",")
        }
        return "\(kind.rawValue) \(word.isEmpty ? "-" : String(word))" + numbers.joined()
    }

    private static func isPlain(_ scalar: Unicode.Scalar) -> Bool {
        ("a"..."z").contains(scalar) || ("A"..."Z").contains(scalar) || ("0"..."9").contains(scalar) || scalar == "."
    }

    /// Reads a line; nil if it is none.
    public init?(line: some StringProtocol) {
        let words = line.split(separator: " ", omittingEmptySubsequences: false)
        guard words.count >= 2, let kind = Kind(rawValue: String(words[0])) else { return nil }
        var values: [Key: [Int]] = [:]
        for word in words.dropFirst(2) {
            let parts = word.split(separator: "=", omittingEmptySubsequences: false)
            guard parts.count == 2, let key = Key(rawValue: String(parts[0])), values[key] == nil else { return nil }
            let numbers = parts[1].split(separator: ",", omittingEmptySubsequences: false).map { Int($0) }
            guard !numbers.contains(nil) else { return nil }
            values[key] = numbers.compactMap { $0 }
        }
        self.init(kind, text: words[1] == "-" ? "" : String(words[1]), values)
    }
}

/// Takes the entries of one die, in order. For the die's own thread.
public protocol HistoryRecorder: AnyObject {
    /// Takes an entry. It has left the process when this returns, so that a rank that is killed leaves what it has noted.
    func record(_ entry: HistoryEntry)
    /// The next number of something that all members make in the same order; from 1.
    func nextNumber() -> Int
}
