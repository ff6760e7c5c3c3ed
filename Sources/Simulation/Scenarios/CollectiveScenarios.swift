internal import Collectives
internal import Fabric
internal import Tensors

/// Every collective by every algorithm of the catalog: two trials back to back, each judged bit for bit.
enum CollectiveScenarios {
    static func on(_ road: Road) -> [Scenario] { CollectiveCatalog.all.map { one($0, road) } }

    /// Elements of the blocks: one that fits everything a call carries with it, one that is cut in rounds and slices.
    private static let counts = [5, 300]
    private static let workspaceByteCount = 1 << 10

    private static func trials(_ operation: CollectiveOperation, _ ranks: Int, _ seed: UInt64) -> [CollectiveTrial] {
        counts.enumerated().map { index, count in
            let seed = seed &+ UInt64(index)
            return CollectiveTrial(
                operation, size: ranks, count: count,
                type: ElementType.allCases[Int(seed % UInt64(ElementType.allCases.count))],
                reduction: Reduction.allCases[Int(seed / 8 % UInt64(Reduction.allCases.count))], seed: seed,
                isInPlace: seed % 3 == 0)
        }
    }

    private static func one(_ entry: CollectiveCatalog.Entry, _ road: Road) -> Scenario {
        let heap: @Sendable (Int) -> Int = { ranks in
            let widest = (0..<UInt64(ElementType.allCases.count)).flatMap { trials(entry.operation, ranks, $0) }
            return 2 * (widest.map(\.areaByteCount).max() ?? 0) + (4 << 10)
                + CollectiveWorkspace.reservedByteCount(ranks: ranks, byteCount: workspaceByteCount)
        }
        return Scenario("collective.\(entry.name)", road, heapByteCount: heap) { ranks, seed in
            let judged = trials(entry.operation, ranks, seed).map { ($0, CollectiveJudge.expected($0)) }
            return { world in
                let collective = Collective(
                    world, try CollectiveWorkspace(world, byteCount: workspaceByteCount, rates: MachineRates(cores: 2)))
                let areas = try judged.map { try world.allocate(byteCount: max(64, $0.0.areaByteCount)) }
                let word = try world.allocate(byteCount: 64)
                for (index, (trial, expected)) in judged.enumerated() {
                    let (source, destination) = trial.regions(of: world.rank, in: areas[index])
                    try trial.fill(world.rank, world.endpoint, at: source)
                    if entry.operation == .barrier {
                        try world.endpoint.signal(.set, UInt64(index + 1), at: world.endpoint.rank, word.offset)
                    }
                    try trial.run(
                        on: collective, source: source, destination: destination, algorithm: entry.algorithm)
                    let wrong =
                        entry.operation == .barrier
                        ? try early(world, word, UInt64(index + 1))
                        : compare(world, destination, expected[world.rank], trial)
                    if let wrong { return wrong }
                }
                return nil
            }
        }
    }

    private static func early(_ world: Team, _ word: Region, _ round: UInt64) throws -> String? {
        for peer in 0..<world.size where try world.endpoint.fetch(at: world[peer], word.offset) < round {
            return "rank \(world.rank) left barrier \(round) before rank \(peer) came"
        }
        return nil
    }

    private static func compare(
        _ world: Team, _ destination: Region, _ expected: [UInt8]?, _ trial: CollectiveTrial
    ) -> String? {
        guard let expected else { return nil }
        let endpoint = world.endpoint
        let bytes = endpoint.values(UInt8.self, at: destination.offset, count: destination.byteCount)
        guard bytes.count != expected.count || bytes.indices.contains(where: { bytes[$0] != expected[$0] }) else {
            return nil
        }
        return "rank \(world.rank): \(trial) is not what the oracle says"
    }
}
