internal import NodeRuntime
internal import SharedMemory
internal import Workers

// Success is shown and not inferred: a run is one only if every die has handed in its result and every process has left by itself.

/// What the dies of a host have handed in so far, and the first failure that only follows from something else.
struct HandedIn {
    private let first: Int
    private var isHere: [Bool]
    /// The first failure that names no cause of its own, and until when a cause is awaited.
    private(set) var consequence: (die: Int, failure: ControlMessage.Failure, patience: Deadline)?

    /// Nothing yet, of these dies.
    init(_ dies: Range<Int>) {
        first = dies.lowerBound
        isHere = Array(repeating: false, count: dies.count)
    }

    /// A die's result has come.
    mutating func note(resultOf die: Int) { isHere[die - first] = true }

    /// A die failed since something changed around it. Whatever that was is usually told by others, a moment before or after.
    mutating func note(_ failure: ControlMessage.Failure, of die: Int) {
        consequence = consequence ?? (die, failure, Deadline(after: Self.patience))
    }

    /// Dies without a result.
    var missing: [Int] { isHere.indices.filter { !isHere[$0] }.map { first + $0 } }

    /// How long a cause may be on its way once a consequence is known: between threads and hosts it takes milliseconds, on a machine with
    /// hundreds of processes to wake a second or two.
    private static let patience = Duration.seconds(5)

    /// `rank 3`, or `ranks 0, 3, 4 and 9 more`.
    static func names(_ ranks: [Int]) -> String {
        guard ranks.count != 1 else { return "rank \(ranks[0])" }
        let more = ranks.count > 8 ? " and \(ranks.count - 8) more" : ""
        return "ranks " + ranks.prefix(8).map(String.init).joined(separator: ", ") + more
    }
}

extension Agent {
    /// How long processes may take to end after they have handed in everything; on a loaded machine hundreds need seconds.
    static var leavingTime: Duration { .seconds(leavingSeconds) }
    private static var leavingSeconds: Int { 10 }

    /// Milliseconds until a consequence without a cause is reported as what it is, or `longest` if that is sooner or there is none.
    func untilPatienceEnds(_ longest: Int) -> Int {
        guard let patience = handedIn.consequence?.patience else { return longest }
        let left = Int(patience.remaining / 1_000_000) + 1
        return longest < 0 ? left : min(left, longest)
    }

    /// Whether the run may end as a success, now that all have left; else says why not, or waits for the cause.
    var isWhole: Bool {
        if let consequence = handedIn.consequence {
            // The other hosts may know the cause; on one host all who could tell it have gone.
            if membership == nil || consequence.patience.remaining == 0 { reportConsequence() }
            return false
        }
        let missing = handedIn.missing
        guard let first = missing.first else { return true }
        let text = "\(HandedIn.names(missing))\(place) ended without a result"
        end(Verdict(.rankFailed, rank: first, text: text), status: .rankLost, report: text)
        return false
    }

    /// A consequence whose cause has not come in time is reported in its place.
    func reportOverdueConsequence() {
        if let consequence = handedIn.consequence, consequence.patience.remaining == 0 { reportConsequence() }
    }

    private func reportConsequence() {
        guard verdict == nil, let (die, failure, _) = handedIn.consequence else { return }
        let stopped = RankSlot.stopped(slots).prefix(4).compactMap { describe($0) }
        let why =
            segment.cluster.verdict == nil
            ? "no rank, agent or host was lost: the epoch in the run's shared memory was overwritten"
            : "the cause was not reported"
        let report = ([failure.text, why] + stopped).joined(separator: "; ")
        end(
            Verdict(.rankFailed, rank: failure.peers.first ?? die, text: failure.text), status: .rankLost,
            report: report)
    }

    /// Processes that have handed in everything and do not end are not well, and are named before they are killed.
    func reportStragglers() {
        let late = slots.filter { $0.end == nil }
        guard let first = late.first else { return }
        let known = late.prefix(4).compactMap { describe($0.dies.lowerBound) }
        let names = HandedIn.names(late.map(\.dies.lowerBound))
        let text = "\(names)\(place) had no end within \(Self.leavingSeconds) s of the results, and was killed"
        end(
            Verdict(.rankFailed, rank: first.dies.lowerBound, process: Int(first.child.id), text: text),
            status: .rankLost, report: ([text] + known).joined(separator: "; "))
    }
}
