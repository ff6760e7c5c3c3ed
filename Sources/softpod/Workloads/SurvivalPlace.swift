internal import Collectives
internal import Experts
internal import Fabric
internal import Oracle
internal import SharedMemory
internal import Simulation
internal import Tensors

/// Where a die of ``SurviveWorkload`` works in one epoch: the world, and what was made in it.
struct SurvivalPlace {
    /// What came of an operation at this die.
    struct Result {
        /// What is wrong first.
        var wrong: String?
        /// Choices that were masked, and the least share of its weight that a token has left.
        var masked = 0
        var share: Float = 1
    }

    let team: Team
    let collective: Collective
    private let area: Region
    private let elastic: ElasticExperts
    private let exchange: ExpertExchange

    private static let workspaceByteCount = 1 << 16
    /// Elements of a block at most, of eight bytes at most.
    private static let largest = 129
    private static let tokens = 3

    /// The layout of the whole machine.
    private static func layout(dies: Int) throws -> ExpertLayout {
        try ExpertLayout(
            experts: dies * 2, ranks: dies, maximumTokens: tokens, hidden: 40, choices: 2, dispatch: .int8,
            combine: .bfloat16)
    }

    private static func areaByteCount(dies: Int) -> Int { 2 * dies * (largest * 8 + 64) + 4096 }

    /// Bytes of a window.
    static func windowByteCount(dies: Int) throws -> Int {
        Endpoint.reservedByteCount(dies: dies)
            + CollectiveWorkspace.reservedByteCount(ranks: dies, byteCount: workspaceByteCount)
            + areaByteCount(dies: dies) + (try layout(dies: dies).byteCount) + (1 << 16)
    }

    /// Makes what operations need. Collective over the world of an epoch.
    init(_ world: Team, seed: UInt64) throws {
        team = world
        collective = Collective(world, try CollectiveWorkspace(world, byteCount: Self.workspaceByteCount))
        let dies = world.endpoint.rankCount
        area = try world.allocate(byteCount: Self.areaByteCount(dies: dies))
        elastic = ElasticExperts(
            full: try Self.layout(dies: dies), members: (0..<dies).map { Rank($0) }, survivors: world)
        exchange = try ExpertExchange(world: world, team: world, layout: elastic.layout())
    }

    /// The ranks of the members.
    var former: [Int] { elastic.former }

    /// An operation's name.
    static func name(_ number: Int, _ seed: UInt64) -> String {
        number % 2 == 1 ? "experts" : entry(number, seed).name
    }

    private static func entry(_ number: Int, _ seed: UInt64) -> CollectiveCatalog.Entry {
        let entries = CollectiveCatalog.all.filter { $0.operation != .barrier }
        var random = CheckRandom(seed: seed, UInt64(number), 1)
        return entries[Int(random.next() % UInt64(entries.count))]
    }

    /// Does an operation and judges it: the even ones are collectives, the odd ones dispatch and combine.
    func operate(_ number: Int, _ seed: UInt64) throws -> Result {
        number % 2 == 1 ? try exchange(number, seed) : try collective(number, seed)
    }

    /// A random collective over the members, in the way that the catalog's entry names.
    private func collective(_ number: Int, _ seed: UInt64) throws -> Result {
        let entry = Self.entry(number, seed)
        var random = CheckRandom(seed: seed, UInt64(number), 2)
        let type = ElementType.allCases[Int(random.next() % UInt64(ElementType.allCases.count))]
        let trial = CollectiveTrial(
            entry.operation, size: team.size, count: Int(random.next() % UInt64(Self.largest + 1)), type: type,
            reduction: Reduction.allCases[Int(random.next() % UInt64(Reduction.allCases.count))], seed: random.next(),
            isInPlace: random.next() % 2 == 0)
        let me = team.rank
        let (source, destination) = trial.regions(of: me, in: area.slice(0, trial.areaByteCount))
        try trial.fill(me, team.endpoint, at: source)
        try trial.run(on: collective, source: source, destination: destination, algorithm: entry.algorithm)
        guard let right = CollectiveJudge.expected(trial)[me] else { return Result() }
        let got = try team.endpoint.get(
            UInt8.self, count: destination.byteCount, from: team[me], at: destination.offset)
        let wrong = "operation \(number), rank \(team.endpoint.rank): \(entry.name), \(trial)"
        return Result(wrong: got == right ? nil : wrong)
    }

    /// What a rank of the whole machine brings to an exchange, whether or not it lives.
    private func batch(_ rank: Int, _ number: Int, _ seed: UInt64) -> OracleExperts.Batch {
        let full = elastic.full
        var random = CheckRandom(seed: seed, UInt64(number), UInt64(rank) + 3)
        let tokens = Int.random(in: 0...full.maximumTokens, using: &random)
        return OracleExperts.Batch(
            rows: (0..<tokens).map { _ in random.floats(full.hidden) },
            experts: (0..<tokens).map { _ in
                let all = (0..<Int32(full.expertCount)).shuffled(using: &random).prefix(full.choices)
                return all.map { Int.random(in: 0..<6, using: &random) == 0 ? -1 : $0 }
            },
            weights: (0..<tokens).map { _ in
                (0..<full.choices).map { _ in Float.random(in: 0.0625..<1, using: &random) }
            })
    }

    /// Something that depends on the expert and on every neighbour, and rounds in one way only.
    private static func expert(_ id: Int, _ row: [Float]) -> [Float] {
        row.indices.map { row[$0] * row[($0 + 1) % row.count] + Float(id) * 0.25 }
    }

    /// Dispatch and combine of the members' tokens among the experts that are left, against the oracle with the others left out.
    private func exchange(_ number: Int, _ seed: UInt64) throws -> Result {
        let batches = elastic.former.map { batch($0, number, seed) }
        let mine = batches[team.rank]
        let weights = Array(mine.weights.joined())
        let routing = elastic.mask(experts: Array(mine.experts.joined()).span, weights: weights.span)
        let arrived = try exchange.dispatch(rows: Array(mine.rows.joined()).span, experts: routing.experts.span)
        let layout = exchange.layout
        var answers: [Float] = []
        for local in 0..<layout.localExpertCount {
            let id = elastic.formerNumber(ofExpert: team.rank * layout.localExpertCount + local)
            let rows = arrived.rows(expert: local)
            for start in stride(from: 0, to: rows.count, by: layout.hidden) {
                answers += Self.expert(id, (start..<start + layout.hidden).map { rows[$0] })
            }
        }
        var sums = [Float](repeating: 0, count: mine.rows.count * layout.hidden)
        var span = sums.mutableSpan
        try exchange.combine(rows: answers.span, weights: weights.span, handle: arrived.handle, into: &span)
        // The oracle knows the experts by their numbers in the whole machine, and which ranks live from the members alone.
        let lives = Set(elastic.former)
        let local = elastic.full.localExpertCount
        let left = batches.map { batch in
            OracleExperts.Batch(
                rows: batch.rows,
                experts: batch.experts.map { $0.map { $0 >= 0 && lives.contains(Int($0) / local) ? $0 : -1 } },
                weights: batch.weights)
        }
        let right = OracleExperts.exchange(left, dispatch: .int8, combine: .bfloat16, expert: Self.expert)[team.rank]
        let isRight = sums.map(\.bitPattern) == right.flatMap { $0 }.map(\.bitPattern)
        return Result(
            wrong: isRight ? nil : "operation \(number), rank \(team.endpoint.rank): combined rows differ",
            masked: routing.maskedCount, share: routing.leastShare)
    }
}
