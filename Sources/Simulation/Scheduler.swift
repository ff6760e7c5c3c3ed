internal import Fabric
internal import SharedMemory
internal import Synchronization
internal import Workers

/// Lets one rank of a simulated cluster run at a time, and decides at every access and every wait which one that is, what arrives, and what dies.
///
/// The rank that runs holds the baton: it alone reads and writes what is here, and hands it on through a turnstile, which orders the
/// accesses. Time is virtual: a microsecond a step, and a deadline fires only when no rank can run and nothing is under way.
final class Scheduler: @unchecked Sendable {
    /// What a rank is doing.
    enum Status {
        case ready
        case waiting(SimulatedWait, polls: Bool)
        case crashed
        case ended
    }

    /// What the scheduler knows of a rank.
    struct RankState {
        var status = Status.ready
        /// Accesses and waits so far.
        var steps = 0
        /// Whether its deadline has fired.
        var isOverdue = false
        /// Whether its thread is through.
        var hasLeft = false
        /// Steps since everything is to end.
        var lastSteps = 0
        /// Whether its thread was left behind.
        var isAbandoned = false
    }

    private let segments: [Segment]
    let clock: SimulatedClock
    var source: DecisionSource
    var ranks: [RankState]
    /// What each rank has under way.
    let underWay: [UnderWay]
    /// The same, and what hosts have.
    private let arrivals: [any Arrivals]
    private let turnstiles: [Turnstile]
    private let done = Turnstile()
    private let mayCrash: Bool
    /// Whether the schedule is over and threads are only let out.
    private(set) var isEnding = false
    /// The rank that died, if one did.
    private(set) var crashed: Int?
    /// A death that the others are to be told of.
    private var untold: Int?
    private(set) var steps = 0
    /// What went wrong first that must not.
    private(set) var violation: String?

    /// A schedule that takes longer does not end.
    private static let mostSteps = 60_000
    /// A thread that goes on longer after the end is left behind.
    private static let mostLastSteps = 20_000
    /// What stands for a death among what is under way.
    private static let verdict = 1 << 40

    /// - Parameters:
    ///   - segments: one a host.
    ///   - hosts: what may happen at hosts, where there are several.
    init(
        segments: [Segment], underWay: [UnderWay], hosts: [any Arrivals], clock: SimulatedClock, source: DecisionSource,
        mayCrash: Bool
    ) {
        self.segments = segments
        self.clock = clock
        self.underWay = underWay
        arrivals = underWay + hosts
        self.source = source
        self.mayCrash = mayCrash
        ranks = Array(repeating: RankState(), count: underWay.count)
        turnstiles = ranks.map { _ in Turnstile() }
    }

    /// Gives the baton to a first rank, and returns when all have left. Called by the thread that starts the ranks.
    func run() {
        let first = source.choose(.run, ranks.count, 0, from: Array(ranks.indices))
        turnstiles[first].open()
        done.pass()
    }

    /// What a rank's thread does first.
    func enter(_ rank: Int) { turnstiles[rank].pass() }

    /// A rank is about to access a window, or passes a named point.
    func step(_ rank: Int, _ access: FabricAccess?) {
        guard !isEnding else { return stepToEnd(rank) }
        underWay[rank].settle()
        count(rank)
        if isEnding { return }
        if mayCrash, crashed == nil, source.choose(.crash, rank, ranks[rank].steps, from: [0, 1]) == 1 {
            return crash(rank)
        }
        maybeLand(rank)
        passOn(from: rank, mayGoOn: true)
        guard !isEnding, let access else { return }
        let underWay = underWay[rank]
        underWay.release(before: access)
        if underWay.canDelay(access), source.choose(.delay, rank, ranks[rank].steps, from: [0, 1]) == 1 {
            underWay.hold(access)
        }
    }

    private func count(_ rank: Int) {
        ranks[rank].steps += 1
        steps += 1
        clock.nanoseconds += 1_000
        if steps > Self.mostSteps {
            violate("no end after \(Self.mostSteps) steps: ranks run in circles; \(waitGraph)")
        }
    }

    /// The rank waits, until what it waits for has come, or has not.
    func wait(_ rank: Int, _ wait: SimulatedWait) -> Waiter.Outcome {
        let since = clock.nanoseconds
        guard !isEnding else { return .epochMoved(0) }
        underWay[rank].settle()
        count(rank)
        let polls = source.choose(.poll, rank, ranks[rank].steps, from: [0, 1]) == 1
        ranks[rank].isOverdue = false
        while !isEnding {
            if wait.isSatisfied { return .satisfied(wait.value) }
            if wait.hasEpochMoved { return .epochMoved(clock.nanoseconds - since) }
            if ranks[rank].isOverdue { return .timedOut(clock.nanoseconds - since) }
            wait.tell(since: since)
            if !polls {
                wait.fallAsleep()
                // Another rank may store and look at doorbells just between this one's doorbell and its last look.
                passOn(from: rank, mayGoOn: true)
            }
            if !isEnding, polls || !(wait.isSatisfied || wait.hasEpochMoved) {
                ranks[rank].status = .waiting(wait, polls: polls)
                passOn(from: rank, mayGoOn: false)
                if !isEnding { ranks[rank].status = .ready }
            }
            if !polls { wait.getUp() }
            // What a time-out was about stays told until the next wait, as with real waiters.
            if !ranks[rank].isOverdue { wait.tell(since: nil) }
        }
        return .epochMoved(clock.nanoseconds - since)
    }

    /// The rank's work is done, or has failed.
    ///
    /// - Returns: whether that counts: it had not died, and the schedule was not over.
    func leave(_ rank: Int, _ note: () -> Void) {
        if !isEnding {
            note()
            underWay[rank].settle()
            ranks[rank].status = .ended
        }
        ranks[rank].hasLeft = true
        if isEnding { return letNextOut() }
        passOn(from: rank, mayGoOn: false)
    }

    private func crash(_ rank: Int) {
        crashed = rank
        ranks[rank].status = .crashed
        let step = ranks[rank].steps
        if source.choose(.lose, rank, step, from: [0, 1]) == 1 { underWay[rank].loseAll() }
        if source.choose(.tell, rank, step, from: [0, 1]) == 1 { untold = rank }
        passOn(from: rank, mayGoOn: false)
    }
}

// Which rank runs next, and what happens when none can.

extension Scheduler {
    private func isRunnable(_ rank: Int) -> Bool {
        switch ranks[rank].status {
        case .ready: true
        case .waiting(let wait, let polls):
            ranks[rank].isOverdue || (polls ? wait.isSatisfied || wait.hasEpochMoved : wait.isWoken)
        case .crashed, .ended: false
        }
    }

    /// Hands the baton to the rank that runs next, and returns when this one has it again; at once if it has left.
    private func passOn(from rank: Int, mayGoOn: Bool) {
        let size = ranks.count
        while !isEnding {
            var items = mayGoOn ? [rank] : []
            for distance in 1...size {
                let other = (rank + distance) % size
                if !(mayGoOn && other == rank), isRunnable(other) { items.append(other) }
            }
            guard items.isEmpty else {
                return handOver(from: rank, to: source.choose(.run, rank, ranks[rank].steps, from: items))
            }
            if !land(rank, isForced: true) { makeProgress() }
        }
        // The rank that ends the schedule goes on to its own end, and then lets the others out.
        if ranks[rank].hasLeft { letNextOut() }
    }

    private func handOver(from rank: Int, to next: Int) {
        guard next != rank else { return }
        turnstiles[next].open()
        if !ranks[rank].hasLeft { turnstiles[rank].pass() }
    }

    /// Nothing runs and nothing is under way: the earliest deadline fires, if that may be; else the schedule is over.
    private func makeProgress() {
        var waiting: [(rank: Int, wait: SimulatedWait)] = []
        for rank in ranks.indices {
            if case .waiting(let wait, _) = ranks[rank].status { waiting.append((rank, wait)) }
        }
        guard let next = waiting.min(by: { $0.wait.deadline < $1.wait.deadline }) else { return end() }
        if let asleep = waiting.first(where: { $0.wait.isSatisfied || $0.wait.hasEpochMoved }) {
            guard crashed != nil else {
                return violate("rank \(asleep.rank) was not woken: it sleeps and \(asleep.wait.text)")
            }
            // The rank that would have woken it may have died before it did: a sleeper looks again after a part of its patience.
            ranks[asleep.rank].status = .waiting(asleep.wait, polls: true)
            return
        }
        // A link's clock may ask for something before that.
        let moment = arrivals.map(\.nextMoment).min() ?? .max
        if moment < next.wait.deadline {
            clock.nanoseconds = moment
            return
        }
        guard crashed != nil else { return violate("no rank can go on: \(waitGraph)") }
        clock.nanoseconds = next.wait.deadline
        ranks[next.rank].isOverdue = true
    }

    /// What each rank waits for.
    var waitGraph: String {
        ranks.indices.map { rank in
            switch ranks[rank].status {
            case .ready: "rank \(rank) can run"
            case .crashed: "rank \(rank) died at its step \(ranks[rank].steps)"
            case .ended: "rank \(rank) has ended"
            case .waiting(let wait, _): "rank \(rank) \(wait.text)"
            }
        }.joined(separator: "; ")
    }

    private func violate(_ what: String) {
        violation = violation ?? what
        end()
    }

    /// From here on threads are only let out, one after the other: their waits end, and what they do is not looked at.
    private func end() {
        isEnding = true
        for segment in segments { segment.publish(Verdict(.finished, text: "the schedule is over")) }
    }

    private func letNextOut() {
        guard let next = ranks.indices.first(where: { !ranks[$0].hasLeft }) else { return done.open() }
        turnstiles[next].open()
    }

    /// A thread that does not end by itself is left behind: it never gets the baton again.
    private func stepToEnd(_ rank: Int) {
        ranks[rank].lastSteps += 1
        guard ranks[rank].lastSteps > Self.mostLastSteps else { return }
        ranks[rank].hasLeft = true
        violation = violation ?? "rank \(rank) goes on for ever when the membership has changed"
        ranks[rank].isAbandoned = true
        letNextOut()
        turnstiles[rank].pass()
    }
}

// What arrives, and when.

extension Scheduler {
    private func maybeLand(_ rank: Int) { _ = land(rank, isForced: false) }

    /// Lets something that is under way arrive; whether something did.
    private func land(_ rank: Int, isForced: Bool) -> Bool {
        var items = isForced ? [] : [0]
        for (index, one) in arrivals.enumerated() {
            for item in one.items { items.append(1 + index + arrivals.count * item) }
        }
        if untold != nil { items.append(Self.verdict) }
        guard items.count > (isForced ? 0 : 1) else { return false }
        let item = source.choose(.land, rank, ranks[rank].steps, from: items)
        if item == 0 { return false }
        if item == Self.verdict {
            // The agent of its host sees it; links tell the others.
            let rank = untold ?? 0
            untold = nil
            segments.first { $0.plan.ranks.contains(rank) }?.publish(
                Verdict(.rankKilled, rank: rank, detail: 9, text: "rank \(rank) was killed by the schedule"))
            return true
        }
        arrivals[(item - 1) % arrivals.count].land((item - 1) / arrivals.count)
        return true
    }
}
