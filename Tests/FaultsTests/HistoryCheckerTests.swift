import Histories
import Testing

/// Histories of a call that went well, to be broken: two ranks, an expert each, rows of two numbers.
struct MadeHistory {
    var files: [HistoryFile]

    /// Rank 0 sends its first token to expert 1 and its second to expert 0; rank 1 sends its token to expert 0, and one without an expert.
    init() {
        let key: [HistoryEntry.Key: [Int]] = [.exchange: [1], .call: [1], .members: [0, 1]]
        func entry(_ kind: HistoryEntry.Kind, _ values: [HistoryEntry.Key: [Int]]) -> HistoryEntry {
            HistoryEntry(kind, key.merging(values) { $1 })
        }
        func bits(_ values: [Float]) -> [Int] { values.map { Int($0.bitPattern) } }
        func flags(_ kind: HistoryEntry.Kind, _ phase: Int, _ counts: [Int]) -> [HistoryEntry] {
            counts.enumerated().map { peer, count in
                entry(kind, [.phase: [phase], .peer: [peer], .count: [count], .epoch: [0]])
            }
        }
        func dispatch(_ chosen: [Int], _ digests: [Int]) -> HistoryEntry {
            entry(
                .dispatch,
                [.experts: [2], .limit: [2], .choices: [1], .chosen: chosen, .digest: digests])
        }
        func received(_ rows: [(source: Int, token: Int, digest: Int)], expert: Int) -> HistoryEntry {
            entry(
                .received,
                [
                    .source: rows.map(\.source), .token: rows.map(\.token), .choice: rows.map { _ in 0 },
                    .expert: rows.map { _ in expert }, .digest: rows.map(\.digest),
                ])
        }
        func combine(_ answers: [Float], _ weights: [Float]) -> HistoryEntry {
            entry(.combine, [.narrow: [0], .width: [2], .answers: bits(answers), .weights: bits(weights)])
        }
        func combined(_ sums: [Float]) -> HistoryEntry { entry(.combined, [.digest: [5], .sums: bits(sums)]) }
        let first =
            [dispatch([1, 0], [11, 12])] + flags(.flag, 0, [1, 1]) + flags(.seen, 0, [1, 1])
            + [received([(0, 1, 12), (1, 0, 21)], expert: 0), combine([1, 2, 3, 4], [0.5, 2])]
            + flags(.flag, 1, [1, 1]) + flags(.seen, 1, [1, 1]) + [combined([2.5, 3, 2, 4])]
        let second =
            [dispatch([0, -1], [21, 22])] + flags(.flag, 0, [1, 0]) + flags(.seen, 0, [1, 0])
            + [received([(0, 0, 11)], expert: 1), combine([5, 6], [3, 1])]
            + flags(.flag, 1, [1, 0]) + flags(.seen, 1, [1, 0]) + [combined([9, 12, 0, 0])]
        let collective = [
            HistoryEntry(.collective, [.number: [1], .members: [0, 1]]),
            HistoryEntry(.collected, [.number: [1], .digest: [77]]), HistoryEntry(.end),
        ]
        files = [first, second].enumerated().map { rank, entries in
            HistoryFile(rank: rank, ranks: 2, entries: entries + collective)
        }
    }

    /// Changes the first entry of a kind in a rank's history.
    mutating func change(_ rank: Int, _ kind: HistoryEntry.Kind, _ body: (inout HistoryEntry) -> Void) {
        guard let index = files[rank].entries.firstIndex(where: { $0.kind == kind }) else { return }
        body(&files[rank].entries[index])
    }

    /// Ranks enter an epoch at the end, or at the beginning, each with the members given for it.
    mutating func enter(_ epoch: Int, members: [[Int]], first: Bool = false) {
        for (rank, list) in members.enumerated() {
            let place = first ? 1 : files[rank].entries.count - 1
            files[rank].entries.insert(HistoryEntry(.membership, [.epoch: [epoch], .members: list]), at: place)
        }
    }

    /// Takes the first entry of a kind out of a rank's history.
    mutating func remove(_ rank: Int, _ kind: HistoryEntry.Kind) {
        guard let index = files[rank].entries.firstIndex(where: { $0.kind == kind }) else { return }
        files[rank].entries.remove(at: index)
    }
}

@Suite("Histories and their checker")
struct HistoryCheckerTests {
    @Test("A good history holds, and every invariant was checked on something")
    func good() {
        let report = HistoryChecker(MadeHistory().files).report()
        #expect(report.holds, "\(report.findings.flatMap(\.broken))")
        #expect(report.remarks == [])
        for finding in report.findings { #expect(finding.checked > 0, "\(finding.invariant)") }
    }

    /// What breaks a history, and the invariant that must be found broken.
    static let breaks: [(String, HistoryChecker.Invariant, @Sendable (inout MadeHistory) -> Void)] = [
        (
            "a row is lost", .conservation,
            {
                $0.change(1, .received) {
                    $0[.source] = []; $0.clearRows()
                }
            }
        ),
        ("a row comes twice", .conservation, { $0.change(0, .received) { $0.repeatLastRow() } }),
        ("an entry is there twice", .conservation, { $0.files[0].entries.insert($0.files[0].entries[1], at: 2) }),
        ("a row is not what was sent", .noInvention, { $0.change(0, .received) { $0[.digest] = [12, 99] } }),
        (
            "a row is at another expert than it chose", .noInvention,
            { $0.change(1, .dispatch) { $0[.chosen] = [1, -1] } }
        ),
        (
            "a flag tells of more rows than were chosen", .counts,
            { history in
                history.change(1, .flag) { $0[.count] = [2] }
                for index in history.files[0].entries.indices where history.files[0].entries[index].kind == .seen {
                    if history.files[0].entries[index].one(.peer) == 1, history.files[0].entries[index].one(.phase) == 0
                    {
                        history.files[0].entries[index][.count] = [2]
                    }
                }
            }
        ),
        (
            "tokens do not rise", .order,
            {
                $0.change(0, .received) {
                    $0[.source] = [0, 0]
                    $0[.token] = [1, 0]
                }
            }
        ),
        ("a sum is off by a bit", .reference, { $0.change(0, .combined) { $0[.sums][3] ^= 1 } }),
        ("an answer is stale", .reference, { $0.change(1, .combine) { $0[.answers][0] ^= 1 << 20 } }),
        ("an epoch falls", .epoch, { $0.change(0, .flag) { $0[.epoch] = [3] } }),
        ("ranks begin in two epochs", .epoch, { $0.change(1, .begin) { $0[.epoch] = [1] } }),
        ("an epoch has two sets of members", .epoch, { $0.enter(1, members: [[0, 1], [1]]) }),
        ("an epoch comes twice", .epoch, { $0.enter(0, members: [[0, 1], [0, 1]]) }),
        ("a rank enters an epoch of which it is no member", .epoch, { $0.enter(1, members: [[0], [0]]) }),
        ("a lost rank takes part", .epoch, { $0.enter(1, members: [[0]], first: true) }),
        ("a dispatch has no end", .completion, { $0.remove(0, .received) }),
        ("a combine has no end", .completion, { $0.remove(1, .combined) }),
        ("a collective has no end", .completion, { $0.remove(1, .collected) }),
        ("an end has no beginning", .completion, { $0.remove(0, .collective) }),
        ("a flag is accepted that was not sent", .flags, { $0.change(0, .seen) { $0[.count] = [0] } }),
        ("a flag of another epoch is accepted", .flags, { $0.change(1, .seen) { $0[.epoch] = [1] } }),
        ("a flag of no member is accepted", .bounds, { $0.change(1, .seen) { $0[.peer] = [2] } }),
        ("members have different results", .agreement, { $0.change(1, .collected) { $0[.digest] = [78] } }),
        ("a token is out of range", .bounds, { $0.change(1, .received) { $0[.token] = [2] } }),
        ("a source is out of range", .bounds, { $0.change(1, .received) { $0[.source] = [-1] } }),
        ("lists have different lengths", .bounds, { $0.change(1, .received) { $0[.token] = [0, 1] } }),
        (
            "a rank speaks of a call that is not its own", .bounds,
            { $0.change(1, .dispatch) { $0[.members] = [0, 2] } }
        ),
        ("two histories are of one rank", .bounds, { $0.files.append($0.files[0]) }),
    ]

    @Test("Each way to break a history is found, by the invariant it breaks", arguments: breaks.indices)
    func broken(index: Int) {
        let (what, invariant, spoil) = Self.breaks[index]
        var history = MadeHistory()
        spoil(&history)
        let report = HistoryChecker(history.files).report()
        #expect(!report.broken(invariant).isEmpty, "\(what): \(report.findings.filter { !$0.broken.isEmpty })")
    }

    @Test("Ranks that enter an epoch together and go on without the others keep every invariant")
    func membership() {
        var history = MadeHistory()
        history.files[0].entries.removeLast()
        history.files[0].entries += [
            HistoryEntry(.membership, [.epoch: [1], .members: [0]]),
            HistoryEntry(.collective, [.number: [2], .members: [0]]),
            HistoryEntry(.collected, [.number: [2], .digest: [78]]), HistoryEntry(.end),
        ]
        let report = HistoryChecker(history.files).report()
        #expect(report.holds, "\(report.findings.flatMap(\.broken))")
    }

    @Test("Every invariant is broken by one of them")
    func complete() {
        #expect(Set(Self.breaks.map(\.1)) == Set(HistoryChecker.Invariant.allCases))
    }

    @Test("A rank that was killed owes no end, and what the others said is still checked")
    func killed() {
        var history = MadeHistory()
        while history.files[1].entries.last?.kind != .flag { history.files[1].entries.removeLast() }
        var report = HistoryChecker(history.files).report()
        #expect(report.broken(.completion) == [])
        #expect(
            report.remarks.contains { $0.contains("rank 1 ended without a last word, in combine") }, "\(report.remarks)"
        )
        history.change(0, .received) { $0[.digest] = [12, 99] }
        report = HistoryChecker(history.files).report()
        #expect(!report.broken(.noInvention).isEmpty)
        let alone = HistoryChecker([history.files[0]]).report()
        #expect(alone.remarks.contains("no history of ranks 1"), "\(alone.remarks)")
    }

    @Test("Every entry is read as it was written, and a torn last line is left out")
    func text() throws {
        let file = MadeHistory().files[0]
        let text = file.entries.map { $0.line + "\n" }.joined()
        let read = try HistoryFile(text: text)
        #expect(read.entries == file.entries && !read.isTorn && read.rank == 0 && read.ranks == 2)
        let torn = try HistoryFile(text: text + "combine - call=1,")
        #expect(torn.entries == file.entries && torn.isTorn)
        let odd = HistoryEntry(.failed, text: "no good", [.peers: [.min, .max]])
        #expect(HistoryEntry(line: odd.line)?.text == "no-good")
        #expect(HistoryEntry(line: odd.line)?[.peers] == [.min, .max])
    }

    @Test(
        "What is no history is refused with the line",
        arguments: [
            ("", 1), ("\n", 1), ("end -\n", 1), ("begin - rank=0 ranks=1\nwhat -\n", 2),
            ("begin - rank=0 ranks=1\nend - rank=x\n", 2), ("begin - rank=1 ranks=1\n", 1), ("begin - rank=0\n", 1),
            ("begin - rank=0 ranks=1\nbegin - rank=0 ranks=1\n", 2), ("begin - rank=0 ranks=1 rank=0\n", 1),
            ("begin - rank=0 ranks=1\nend - rank=99999999999999999999\n", 2), ("begin - ranks=-1 rank=0\n", 1),
        ])
    func refused(text: String, line: Int) {
        let error = #expect(throws: HistoryFile.Fault.self) { try HistoryFile(text: text) }
        #expect(error?.line == line, "\(String(describing: error))")
    }
}

extension HistoryEntry {
    fileprivate mutating func clearRows() {
        for key in [Key.source, .token, .choice, .expert, .digest] { self[key] = [] }
    }

    fileprivate mutating func repeatLastRow() {
        for key in [Key.source, .token, .choice, .expert, .digest] { self[key] += self[key].suffix(1) }
    }
}
