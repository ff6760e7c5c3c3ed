internal import Fabric
internal import Histories
internal import Workers

/// Writes a die's history, a line an entry, each by a call of its own: what a rank that is killed has noted is there.
final class HistoryWriter: HistoryRecorder {
    private let file: AppendedFile
    private var number = 0
    /// Why the history is not whole, if it is not.
    private(set) var fault: SystemError?

    /// Makes the die's file in a folder, and its first line.
    init(folder: String, _ endpoint: Endpoint) throws(SystemError) {
        file = try AppendedFile(path: folder + "/" + HistoryFile.name(rank: endpoint.rank.index))
        record(
            HistoryEntry(
                .begin,
                [
                    .rank: [endpoint.rank.index], .ranks: [endpoint.rankCount],
                    .epoch: [Int(truncatingIfNeeded: endpoint.epoch)],
                ]))
    }

    func record(_ entry: HistoryEntry) {
        // Members of a new epoch may have come differently far in the old one: they number anew, and apart from it.
        if entry.kind == .membership { number = (entry.one(.epoch) ?? 0) * 1_000_000 }
        guard fault == nil else { return }
        do throws(SystemError) { try file.append(Array((entry.line + "\n").utf8)) } catch { fault = error }
    }

    func nextNumber() -> Int {
        number += 1
        return number
    }
}
