internal import Fabric
internal import Faults
internal import Hashing
internal import Histories
internal import SharedMemory
internal import Synchronization
internal import Workers

/// A scenario with as many ranks and as much made-up data as are needed to run it.
public struct SimulatedCase: Sendable, CustomStringConvertible {
    /// What is run.
    public let scenario: Scenario
    /// How many ranks.
    public let ranks: Int
    /// Seed of the data.
    public let data: UInt64

    /// A case of a scenario; as many ranks as it can have.
    public init(_ scenario: Scenario, ranks: Int, data: UInt64) {
        precondition(scenario.ranks.contains(ranks), "a scenario runs with the ranks it is for")
        self.scenario = scenario
        self.ranks = ranks
        self.data = data
    }

    /// `name/ranks/data`, as replays name it.
    public var description: String { "\(scenario.name)/\(ranks)/\(data)" }
}

/// What came of one schedule.
public struct SimulatedRun: Sendable {
    /// What must not be, if something was: a wrong result, a hang, a lost wake-up, an untyped failure, a broken invariant.
    public var violation: String?
    /// The decisions that were not the usual ones.
    public var plan: SchedulePlan
    /// Accesses and waits of all ranks.
    public var steps: Int
    /// The same by rank.
    public var stepsByRank: [Int]
    /// The rank that died, if one did.
    public var crashed: Int?
    /// How each rank ended, a line each; the same in every replay.
    public var outcomes: [String]
    /// Digest of how ranks ended, of what they noted, and of the virtual time.
    public var digest: Int
    /// All decisions, if they were noted.
    var points: [DecisionSource.Point] = []
}

/// Runs one schedule of a case.
struct ScheduleRunner {
    let simulated: SimulatedCase
    /// What the ranks do; made once for all schedules of a case.
    let body: Scenario.Body
    /// The core that the ranks share, by its place among those that may be used; nil for any.
    let core: Int?

    init(_ simulated: SimulatedCase, core: Int?) {
        self.simulated = simulated
        self.core = core
        body = simulated.scenario.prepare(simulated.ranks, simulated.data)
    }

    /// How a rank ended; nil where it died or was let out.
    private typealias End = Result<String?, any Error>

    /// On the clock of the simulation.
    private static let timeout = Duration.seconds(5)

    /// Runs the schedule that a source decides on.
    ///
    /// - Parameter mayCrash: whether a rank may die.
    /// - Throws: where there is no memory or no thread; not for anything of the schedule.
    func run(_ source: DecisionSource, mayCrash: Bool) throws -> SimulatedRun {
        let size = simulated.ranks
        let clock = SimulatedClock()
        let cluster = try makeCluster(clock)
        let underWay = (0..<size).map { UnderWay(segment: cluster.segment($0), rank: Rank($0)) }
        let scheduler = Scheduler(
            segments: cluster.segments, underWay: underWay, hosts: cluster.hosts, clock: clock, source: source,
            mayCrash: mayCrash)
        let ends = Mutex<[End?]>(Array(repeating: nil, count: size))
        let histories = Mutex<[[HistoryEntry]]>(Array(repeating: [], count: size))
        let (road, body) = (simulated.scenario.road, body)
        let workers = try (0..<size).map { rank in
            // Ranks run one at a time, so they share a core: handing over inside of one is ten times cheaper.
            try Worker.start(name: "sim \(rank)", core: core) {
                scheduler.enter(rank)
                let part = SimulatedRank(rank, scheduler)
                ThreadSimulation(part, clock: scheduler.clock).run {
                    let end = Self.live(part, cluster.segment(rank), Rank(rank), road, underWay[rank], body)
                    scheduler.leave(rank) {
                        if case .success = end { part.record(HistoryEntry(.end)) }
                        ends.withLock { $0[rank] = end }
                    }
                    histories.withLock { $0[rank] = part.history }
                }
            }
        }
        scheduler.run()
        for (rank, worker) in workers.enumerated() where !scheduler.ranks[rank].isAbandoned { worker.join() }
        return judge(scheduler, ends.withLock { $0 }, histories.withLock { $0 })
    }
}

extension ScheduleRunner {
    /// Memory of the ranks, and what may happen at their hosts.
    private struct Cluster: @unchecked Sendable {
        var segments: [Segment]
        var hosts: [any Arrivals] = []

        func segment(_ rank: Int) -> Segment { segments.first { $0.plan.ranks.contains(rank) } ?? segments[0] }
    }

    /// - Parameter clock: what switches read when they are made.
    private func makeCluster(_ clock: SimulatedClock) throws -> Cluster {
        let (size, bytes) = (simulated.ranks, simulated.scenario.windowByteCount(simulated.ranks))
        guard simulated.scenario.road == .links else {
            return Cluster(
                segments: [
                    try Segment.create(SegmentPlan(dieCount: size, windowByteCount: bytes, nonce: (1, 1)))
                ])
        }
        var made: Result<SimulatedLinks, any Error>?
        ThreadSimulation(NoArbiter(), clock: clock).run {
            made = Result { try SimulatedLinks(ranks: size, windowByteCount: bytes) }
        }
        guard let links = try made?.get() else { preconditionFailure("made just now") }
        return Cluster(segments: links.segments, hosts: links.arrivals)
    }

    /// Of a thread that never waits.
    private final class NoArbiter: ThreadArbiter {
        func wait(_ wait: SimulatedWait) -> Waiter.Outcome { preconditionFailure("nothing waits here") }
    }

    /// One rank's life.
    private static func live(
        _ part: SimulatedRank, _ segment: Segment, _ rank: Rank, _ road: Road, _ underWay: UnderWay,
        _ body: Scenario.Body
    ) -> End {
        let route =
            road == .network
            ? TransportCatalog.Entry(name: DeferredTransport.name, summary: "late and out of order") { segment, rank in
                let network = DeferredTransport(segment: segment, rank: rank)
                underWay.network = network
                return network
            } : TransportCatalog.standard
        let endpoint = Endpoint(
            segment: segment, rank: rank, timeout: timeout, policy: road.policy, route: route, cores: 2)
        endpoint.observer = part
        endpoint.history = part
        defer { endpoint.leave() }
        return Result { try body(Team.world(endpoint)) }
    }

    private func judge(_ scheduler: Scheduler, _ ends: [End?], _ histories: [[HistoryEntry]]) -> SimulatedRun {
        var judge = ScheduleJudge(crashed: scheduler.crashed, violation: scheduler.violation)
        for (rank, end) in ends.enumerated() { judge.hear(rank, end) }
        let files = histories.enumerated().map { HistoryFile(rank: $0, ranks: histories.count, entries: $1) }
        judge.check(files)
        var digest = FNV1a()
        for text in judge.outcomes + histories.joined().map(\.line) { for byte in text.utf8 { digest.add(byte: byte) } }
        digest.add(scheduler.clock.nanoseconds)
        return SimulatedRun(
            violation: judge.violation, plan: scheduler.source.taken, steps: scheduler.steps,
            stepsByRank: scheduler.ranks.map(\.steps), crashed: scheduler.crashed, outcomes: judge.outcomes,
            digest: digest.signed, points: scheduler.source.points)
    }
}

/// Decides whether what ranks ended with may be.
struct ScheduleJudge {
    let crashed: Int?
    private(set) var violation: String?
    private var hasFailed = false
    private var namesCrashed = false
    /// How each rank ended.
    private(set) var outcomes: [String] = []

    init(crashed: Int?, violation: String?) {
        self.crashed = crashed
        self.violation = violation
    }

    /// A rank ended with its work done, perhaps wrongly; or with an error; or not by itself.
    mutating func hear(_ rank: Int, _ end: Result<String?, any Error>?) {
        switch end {
        case .success(nil): outcomes.append("rank \(rank): right")
        case .success(let wrong?):
            outcomes.append("rank \(rank): wrong: \(wrong)")
            violation = violation ?? wrong
        case .failure(let error):
            outcomes.append("rank \(rank): \(error)")
            hear(rank, error)
        case nil: outcomes.append("rank \(rank): " + (rank == crashed ? "died" : "had not ended"))
        }
    }

    /// An error may only be of the kinds that follow from a death, and none may be without one.
    private mutating func hear(_ rank: Int, _ error: any Error) {
        guard let crashed else {
            violation = violation ?? "rank \(rank) failed, though nothing was done to it: \(error)"
            return
        }
        guard let cause = (error as? any FabricCaused)?.fabricCause else {
            violation = violation ?? "rank \(rank) ended with an error that names no cause: \(error)"
            return
        }
        switch cause.code {
        case .timedOut, .membershipChanged:
            hasFailed = true
            // Told by the agent it is known; found by waiting, it is known to those that wait for the rank itself.
            namesCrashed = namesCrashed || cause.peers.contains(Rank(crashed))
            if cause.peers.contains(Rank(rank)) {
                violation = violation ?? "rank \(rank) blames itself for the death of rank \(crashed): \(error)"
            }
        default: violation = violation ?? "rank \(rank) takes the death of rank \(crashed) for something else: \(error)"
        }
    }

    /// The invariants that hold of histories whatever fails.
    mutating func check(_ files: [HistoryFile]) {
        if hasFailed, !namesCrashed, let crashed {
            violation = violation ?? "none that failed names rank \(crashed), which died"
        }
        guard violation == nil else { return }
        let report = HistoryChecker(files).report()
        let broken = report.findings.flatMap { finding in finding.broken.map { "\(finding.invariant): \($0)" } }
        violation = broken.first
    }
}
