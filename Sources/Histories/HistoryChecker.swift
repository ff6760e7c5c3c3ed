/// Proves from the histories of a run, and from nothing else, what they can prove. It shares no code with what wrote them but the form of a
/// line.
///
/// Where a member of a call has no history, or died in it, what it would have said is not known, and only what the others said is checked.
public struct HistoryChecker {
    /// What must hold in every run, whatever fails.
    public enum Invariant: String, Sendable, CaseIterable {
        /// Every row that was sent to a live owner is received exactly once.
        case conservation
        /// What was received is what its source has sent: its digest, and the expert it chose.
        case noInvention
        /// Rows received, counts told by flags, and a recount of the choices agree.
        case counts
        /// Tokens of a (source, expert) segment strictly rise.
        case order
        /// Every sum is the reference's, bit for bit, in the declared order.
        case reference
        /// Epochs never fall at a rank, all ranks begin in the same one, an epoch has one set of members, and none but they act in it.
        case epoch
        /// Every operation of a rank that lived on has an end.
        case completion
        /// No flag is accepted that was not sent so: same call, count and epoch.
        case flags
        /// Results that are the same for all members by definition are the same.
        case agreement
        /// Ranks, tokens, choices, experts and counts are in their ranges.
        case bounds
    }

    /// What was found of one invariant.
    public struct Finding: Sendable {
        /// Which.
        public let invariant: Invariant
        /// How many comparisons were made.
        public fileprivate(set) var checked = 0
        /// What broke it, a sentence each.
        public fileprivate(set) var broken: [String] = []
    }

    /// All that was found.
    public struct Report: Sendable {
        /// Histories that were read.
        public let ranks: Int
        /// Ranks that the cluster had.
        public let clusterRanks: Int
        /// By invariant.
        public fileprivate(set) var findings: [Finding]
        /// What a reader should know of it.
        public fileprivate(set) var remarks: [String] = []

        /// Whether nothing is broken.
        public var holds: Bool { findings.allSatisfy { $0.broken.isEmpty } }

        /// What broke an invariant.
        public func broken(_ invariant: Invariant) -> [String] {
            findings.first { $0.invariant == invariant }?.broken ?? []
        }

        mutating func check(_ invariant: Invariant, _ isRight: Bool, _ what: @autoclosure () -> String) {
            guard let index = findings.firstIndex(where: { $0.invariant == invariant }) else { return }
            findings[index].checked += 1
            if !isRight { findings[index].broken.append(what()) }
        }
    }

    /// A call of an exchange: the same at all its members.
    struct CallKey: Hashable, Comparable {
        var exchange: Int
        var members: [Int]
        var call: Int

        init?(_ entry: HistoryEntry) {
            guard let exchange = entry.one(.exchange), let call = entry.one(.call), !entry[.members].isEmpty else {
                return nil
            }
            (self.exchange, self.call, members) = (exchange, call, entry[.members])
        }

        static func < (left: CallKey, right: CallKey) -> Bool {
            (left.exchange, left.call, left.members[0]) < (right.exchange, right.call, right.members[0])
        }

        var text: String { "exchange \(exchange), call \(call)" }
    }

    /// What the members said of a call, by their number in the team.
    struct Call {
        var entries: [HistoryEntry.Kind: [Int: HistoryEntry]] = [:]
        var flags: [(member: Int, entry: HistoryEntry)] = []
        var seen: [(member: Int, entry: HistoryEntry)] = []

        /// What a member said of a kind.
        func entry(_ kind: HistoryEntry.Kind, _ member: Int) -> HistoryEntry? { entries[kind]?[member] }
    }

    private let files: [HistoryFile]

    /// For the histories of a run.
    public init(_ files: [HistoryFile]) { self.files = files.sorted { $0.rank < $1.rank } }

    /// Checks everything.
    public func report() -> Report {
        var report = Report(
            ranks: files.count, clusterRanks: files.map(\.ranks).max() ?? 0,
            findings: Invariant.allCases.map { Finding(invariant: $0) })
        let ranks = files.map(\.rank)
        let missing = Set(0..<report.clusterRanks).subtracting(ranks).sorted()
        if !missing.isEmpty {
            report.remarks.append("no history of ranks \(missing.map(String.init).joined(separator: ", "))")
        }
        if Set(ranks).count < ranks.count {
            report.check(.bounds, false, "two histories are of the same rank")
        }
        for file in files { checkLife(file, &report) }
        checkBeginnings(&report)
        checkMemberships(&report)
        let calls = gather(&report)
        for (key, call) in calls.sorted(by: { $0.key < $1.key }) {
            CallChecker(key: key, call: call).check(&report)
        }
        checkCollectives(&report)
        return report
    }

    /// Epochs of one rank, and the ends of its operations.
    private func checkLife(_ file: HistoryFile, _ report: inout Report) {
        var epoch = Int.min
        var open: [String: HistoryEntry] = [:]
        var lastFailure = false
        for entry in file.entries {
            if let now = entry.one(.epoch) {
                report.check(.epoch, now >= epoch, "rank \(file.rank): epoch \(now) after \(epoch)")
                epoch = max(epoch, now)
            }
            lastFailure = entry.kind == .failed
            if let name = Self.opens(entry) {
                if let before = open.updateValue(entry, forKey: name) {
                    report.check(.completion, false, "rank \(file.rank): \(Self.name(before)) has no end")
                }
            } else if let name = Self.closes(entry) {
                let begun = open.removeValue(forKey: name)
                report.check(
                    .completion, begun != nil || entry.kind == .failed,
                    "rank \(file.rank): an end without a beginning: \(entry.line.prefix(60))")
            }
        }
        // A failure of the fabric may come outside an operation, as in a barrier: then the die ended by it.
        let lived = file.entries.last?.kind == .end || lastFailure
        for (_, entry) in open.sorted(by: { $0.key < $1.key }) where lived {
            report.check(.completion, false, "rank \(file.rank): \(Self.name(entry)) has no end")
        }
        if !lived {
            let last = open.values.first.map { "in \(Self.name($0))" } ?? "between operations"
            report.remarks.append(
                "rank \(file.rank) ended without a last word, \(last)" + (file.isTorn ? ", while it wrote" : ""))
        }
    }

    /// What an entry begins: one operation of a kind at a time, except collectives, which may overlap.
    private static func opens(_ entry: HistoryEntry) -> String? {
        switch entry.kind {
        case .dispatch: "dispatch"
        case .combine: "combine"
        case .collective: "collective \(entry.one(.number) ?? 0)"
        default: nil
        }
    }

    /// What an entry ends.
    private static func closes(_ entry: HistoryEntry) -> String? {
        switch (entry.kind, entry.one(.phase)) {
        case (.received, _), (.failed, 0): "dispatch"
        case (.combined, _), (.failed, 1): "combine"
        case (.collected, _), (.failed, 2): "collective \(entry.one(.number) ?? 0)"
        default: nil
        }
    }

    private static func name(_ entry: HistoryEntry) -> String {
        entry.kind.rawValue + (entry.one(.call).map { " of call \($0)" } ?? "")
    }

    private func checkBeginnings(_ report: inout Report) {
        let epochs = Set(files.compactMap { $0.entries.first?.one(.epoch) })
        report.check(.epoch, epochs.count <= 1, "ranks begin in epochs \(epochs.sorted())")
    }

    /// The members of each epoch, as those say that entered it, and who acts in it.
    private func checkMemberships(_ report: inout Report) {
        var sets: [Int: (rank: Int, members: [Int])] = [:]
        for file in files {
            var members: [Int]?
            var epoch = file.entries.first?.one(.epoch) ?? 0
            for entry in file.entries {
                if entry.kind == .membership, let next = entry.one(.epoch) {
                    let before = sets[next] ?? (file.rank, entry[.members])
                    sets[next] = before
                    report.check(
                        .epoch,
                        next > epoch && before.members == entry[.members] && entry[.members].contains(file.rank),
                        "rank \(file.rank) enters epoch \(next) after \(epoch) with ranks \(entry[.members]), rank "
                            + "\(before.rank) with \(before.members)")
                    (members, epoch) = (entry[.members], next)
                } else if let members, !entry[.members].isEmpty {
                    report.check(
                        .epoch, Set(entry[.members]).isSubset(of: members),
                        "rank \(file.rank): \(entry.kind.rawValue) of ranks \(entry[.members]) in epoch \(epoch) of ranks \(members)"
                    )
                }
            }
        }
    }

    /// Sorts entries of exchanges by call and member.
    private func gather(_ report: inout Report) -> [CallKey: Call] {
        var calls: [CallKey: Call] = [:]
        for file in files {
            for entry in file.entries {
                guard let key = CallKey(entry) else { continue }
                guard let member = key.members.firstIndex(of: file.rank) else {
                    report.check(.bounds, false, "rank \(file.rank) speaks of \(key.text), of which it is no member")
                    continue
                }
                switch entry.kind {
                case .flag: calls[key, default: Call()].flags.append((member, entry))
                case .seen: calls[key, default: Call()].seen.append((member, entry))
                default:
                    let before = calls[key, default: Call()].entries[entry.kind, default: [:]].updateValue(
                        entry, forKey: member)
                    report.check(
                        .conservation, before == nil || entry.kind == .failed,
                        "rank \(file.rank): \(entry.kind.rawValue) of \(key.text) is there twice")
                }
            }
        }
        return calls
    }

    /// Results of collectives that are the same at all members: those that carry a digest.
    private func checkCollectives(_ report: inout Report) {
        struct Place: Hashable {
            var epoch: Int
            var members: [Int]
            var ordinal: Int
        }
        var results: [Place: [Int: Int]] = [:]
        for file in files {
            // Numbers count all collectives of a die; those of one team have the same order at all its members.
            var ordinals: [[Int]: Int] = [:]
            var places: [Int: Place] = [:]
            var epoch = 0
            for entry in file.entries {
                // In a new epoch members count anew: in the old one some may have begun what others have not.
                if entry.kind == .membership { (epoch, ordinals) = (entry.one(.epoch) ?? 0, [:]) }
                guard let number = entry.one(.number) else { continue }
                if entry.kind == .collective {
                    let members = entry[.members]
                    places[number] = Place(epoch: epoch, members: members, ordinal: ordinals[members, default: 0])
                    ordinals[members, default: 0] += 1
                } else if entry.kind == .collected, let digest = entry.one(.digest), let place = places[number] {
                    results[place, default: [:]][file.rank] = digest
                }
            }
        }
        for (place, digests) in results where digests.count > 1 {
            report.check(
                .agreement, Set(digests.values).count == 1,
                "collective \(place.ordinal) of ranks \(place.members): members have different results")
        }
    }
}
