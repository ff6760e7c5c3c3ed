/// The history of one rank, read back: what a checker sees of a run.
public struct HistoryFile: Sendable {
    /// The rank, by its first line.
    public var rank: Int
    /// Ranks in the cluster.
    public var ranks: Int
    /// Its entries, the first line among them.
    public var entries: [HistoryEntry]
    /// Whether the last line is torn: its rank was killed while it wrote.
    public var isTorn = false

    /// Entries a file may have, so that a wrong file does not fill the memory.
    public static let mostBytes = 1 << 30

    /// Why a file is no history.
    public struct Fault: Error, Sendable, Equatable {
        /// The line, from 1.
        public var line: Int
        /// What is wrong with it.
        public var rule: String
    }

    /// The file's name in a folder of histories.
    public static func name(rank: Int) -> String {
        let digits = String(rank)
        return "rank-" + String(repeating: "0", count: max(0, 4 - digits.count)) + digits + ".history"
    }

    /// Entries made elsewhere, for tests of a checker.
    public init(rank: Int, ranks: Int, entries: [HistoryEntry]) {
        self.rank = rank
        self.ranks = ranks
        self.entries = [HistoryEntry(.begin, [.rank: [rank], .ranks: [ranks], .epoch: [0]])] + entries
    }

    /// Reads a text. A last line without an end is torn and left out.
    public init(text: String) throws(Fault) {
        var lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        isTorn = lines.popLast().map { !$0.isEmpty } ?? false
        entries = []
        entries.reserveCapacity(lines.count)
        for (index, line) in lines.enumerated() {
            guard let entry = HistoryEntry(line: line) else {
                throw Fault(line: index + 1, rule: "is no entry of a history: \(line.prefix(80))")
            }
            guard (entry.kind == .begin) == (index == 0) else {
                throw Fault(line: index + 1, rule: "begin is the first line, and no other")
            }
            entries.append(entry)
        }
        guard let first = entries.first, let rank = first.one(.rank), let ranks = first.one(.ranks),
            ranks >= 1, ranks <= 1 << 20, (0..<ranks).contains(rank)
        else { throw Fault(line: 1, rule: "must begin with rank and ranks") }
        self.rank = rank
        self.ranks = ranks
    }
}
