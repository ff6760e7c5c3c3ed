internal import Collectives
internal import Fabric
internal import FoundationEssentials
internal import NodeRuntime
internal import SharedMemory
internal import Simulation
internal import Tensors
internal import Workers

/// Random collectives for a long time: operations, algorithms, teams, sizes, blocking or started, with pauses that differ from rank to
/// rank, every result judged by the oracle.
///
/// What comes next is drawn from the seed and the number of the step, so that all ranks agree without talking; a pause is drawn from
/// the rank as well. A failure names the step, which the seed replays.
struct SoakWorkload: Workload {
    static let name = "soak"

    /// What to do.
    struct Plan: Codable, Sendable {
        var seed: UInt64
        var seconds: Double
        /// Bytes of the largest block.
        var largest: Int
    }

    /// What a die found, and from time to time how far it is.
    struct Finding: Codable, Sendable {
        var steps = 0
        var comparisons = 0
        var wrong = 0
        var first: String?
        /// Bytes of memory in proportion, after a tenth of the time, and at the end.
        var earlyByteCount = 0
        var lateByteCount = 0
    }

    private static let workspaceByteCount = 1 << 16
    let plan: Plan

    init(payload: [UInt8]) throws { plan = try JSONDecoder().decode(Plan.self, from: Data(payload)) }

    /// Bytes of a window.
    static func windowByteCount(dies: Int, largest: Int) -> Int {
        Endpoint.reservedByteCount(dies: dies)
            + CollectiveWorkspace.reservedByteCount(ranks: dies, byteCount: workspaceByteCount)
            + areaByteCount(dies: dies, largest: largest) + (1 << 16)
    }

    /// Source and destination of the operation that needs most: a block from each to each.
    private static func areaByteCount(dies: Int, largest: Int) -> Int { 2 * (dies * largest + 64 * dies) + 4096 }

    func run(on die: DieContext) throws -> [UInt8] {
        let world = Team.world(die.endpoint)
        die.setPhase("soak set-up")
        let workspace = try CollectiveWorkspace(world, byteCount: Self.workspaceByteCount)
        let area = try world.allocate(
            byteCount: Self.areaByteCount(dies: world.size, largest: plan.largest), alignment: 64)
        let teams = try self.teams(world)
        let all = Collective(world, workspace)
        var finding = Finding()
        die.setPhase("soak")
        if world.rank == 0 { die.report(Array("under way".utf8)) }
        let start = Monotonic.now()
        let end = start + UInt64(plan.seconds * 1e9)
        var told = start
        // All dies stop at the same step: the longest clock decides, every so often.
        while true {
            if finding.steps % 32 == 0 {
                let now = Monotonic.now()
                guard try all.allReduce(now < end ? UInt64(1) : 0, .max) != 0 else { break }
                if finding.earlyByteCount == 0, now > start + (end - start) / 10 {
                    finding.earlyByteCount = ProcessControl.proportionalByteCount()
                }
                if world.rank == 0, now - told > 5_000_000_000 {
                    told = now
                    die.report(Array("\(finding.steps) steps, \(finding.wrong) wrong".utf8))
                }
            }
            try step(finding.steps, teams, workspace, area, &finding)
            finding.steps += 1
        }
        finding.lateByteCount = ProcessControl.proportionalByteCount()
        return Array(try JSONEncoder().encode(finding))
    }

    /// The teams that take turns; every die is in one of each kind.
    private func teams(_ world: Team) throws -> [Team] {
        let width = max(1, Int(Double(world.size).squareRoot()))
        let (row, column) = try world.split2D(width: width)
        let (pair, stripe) = try world.split2D(width: 2)
        return [world, row, column, pair, stripe]
    }

    private func step(
        _ number: Int, _ teams: [Team], _ workspace: CollectiveWorkspace, _ area: Region, _ finding: inout Finding
    ) throws {
        var random = CheckRandom(seed: plan.seed, UInt64(number))
        let entries = CollectiveCatalog.all
        let entry = entries[Int(random.next() % UInt64(entries.count))]
        let kind = Int(random.next() % UInt64(teams.count))
        let isStarted = random.next() % 4 == 0
        let bits = random.next() % 16
        let (team, collective) = (teams[kind], Collective(teams[kind], workspace))
        let type = ElementType.allCases[Int(random.next() % UInt64(ElementType.allCases.count))]
        // Short ones are most; the oracle's work grows with the square of the team.
        let most = max(1, plan.largest / type.byteCount / (team.size > 8 ? 8 : 1))
        let count = Int(random.next() % UInt64(max(1, most >> Int(bits))))
        let trial = CollectiveTrial(
            entry.operation, size: team.size, count: count, type: type,
            reduction: Reduction.allCases[Int(random.next() % UInt64(Reduction.allCases.count))], seed: random.next(),
            isInPlace: random.next() % 2 == 0)
        let me = team.rank
        let (source, destination) = trial.regions(of: me, in: area.slice(0, trial.areaByteCount))
        try trial.fill(me, team.endpoint, at: source)
        pause(number, team.endpoint.rank.index)
        let call = trial.call(me, source: source, destination: destination, algorithm: entry.algorithm)
        if isStarted {
            let request = try collective.start(call)
            pause(number + 1, team.endpoint.rank.index)
            _ = try request.test()
            try request.wait()
        } else {
            try collective.run(call)
        }
        guard let right = CollectiveJudge.expected(trial)[me] else { return }
        let got = try team.endpoint.get(
            UInt8.self, count: destination.byteCount, from: team.endpoint.rank, at: destination.offset)
        finding.comparisons += 1
        if got != right {
            finding.wrong += 1
            finding.first = finding.first ?? "step \(number), rank \(team.endpoint.rank.index): \(entry.name), \(trial)"
        }
    }

    /// Most go on at once, some compute for up to a millisecond.
    private func pause(_ number: Int, _ rank: Int) {
        var random = CheckRandom(seed: plan.seed, UInt64(number), UInt64(rank))
        guard random.next() % 8 == 0 else { return }
        let end = Monotonic.now() + random.next() % 1_000_000
        while Monotonic.now() < end {}
    }
}
