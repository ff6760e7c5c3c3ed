internal import Collectives
internal import Fabric

/// What the checks of one die share: the world and the workspace of its collectives.
struct CheckBench {
    let world: Team
    let collective: Collective

    static let workspaceByteCount = 1 << 16

    init(world: Team) throws {
        self.world = world
        collective = Collective(world, try CollectiveWorkspace(world, byteCount: Self.workspaceByteCount))
    }

    /// Bytes of each window for all checks on a cluster of this size, with check words where they are asked for.
    static func windowByteCount(_ cluster: ClusterOptions) -> Int {
        let dies = cluster.dies
        let checks =
            CheckCatalog.all.map { $0.heapByteCount(dies: dies, isProtected: cluster.integrity) }.max() ?? 0
        return Endpoint.reservedByteCount(dies: dies) + max(workspaceByteCount, 512 * dies) + 64 * dies + checks
            + (1 << 16)
    }

    /// Runs a body with memory that is given back afterwards.
    func withMemory<Value>(_ byteCount: Int, _ body: (Region) throws -> Value) throws -> Value {
        let region = try world.allocate(byteCount: byteCount)
        let value = try body(region)
        try world.free(region)
        return value
    }
}

/// Every check of `softpod verify`, in the order it runs them.
enum CheckCatalog {
    static var all: [any Check] {
        [OneSidedCheck(), TeamCheck()] + CollectiveCatalog.all.map { CollectiveCheck(entry: $0) }
            + ExchangeCheck.all + AttentionCheck.all + [GateCheck()]
    }
}
