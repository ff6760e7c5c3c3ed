internal import Collectives
internal import Fabric
internal import FoundationEssentials
internal import NodeRuntime
internal import SharedMemory
internal import Workers

/// The smallest real run: barrier, all-gather of 64 bytes a die, every byte checked, barrier; an all-to-all where one is asked for.
struct SmokeWorkload: Workload {
    static let name = "smoke"
    /// Bytes each die contributes.
    static let blockByteCount = 64

    /// What a die found; nanoseconds by this host's clock.
    struct Finding: Codable, Sendable {
        var firstBarrier: UInt64
        var barrier: UInt64
        var allGather: UInt64
        var allToAll: UInt64?
        var wrong: Int
        var proportionalByteCount: Int
    }

    /// What the command asks for.
    struct Plan: Codable, Sendable {
        /// Bytes each die sends to each other; 0 for no all-to-all.
        var allToAllByteCount = 0
    }

    let plan: Plan

    init(payload: [UInt8]) throws {
        plan = payload.isEmpty ? Plan() : try JSONDecoder().decode(Plan.self, from: Data(payload))
    }

    private static let workspaceByteCount = 64 << 10

    /// Bytes of a window that holds the team slots, the gathered blocks and what is exchanged.
    static func windowByteCount(dies: Int, plan: Plan = Plan()) -> Int {
        let exchange =
            plan.allToAllByteCount == 0
            ? 0 : max(workspaceByteCount, 512 * dies) + 192 * dies + 2 * dies * plan.allToAllByteCount + 65_536
        return Endpoint.reservedByteCount(dies: dies) + (dies + 2) * blockByteCount + 4096 + exchange
    }

    /// A die's block, of which no two bytes in a row and no two dies are alike.
    static func byte(_ die: Int, _ index: Int) -> UInt8 {
        UInt8(truncatingIfNeeded: die &* 131 &+ index &* 29 &+ die >> 8)
    }

    func run(on die: DieContext) throws -> [UInt8] {
        let endpoint = die.endpoint
        let world = Team.world(endpoint)
        let size = Self.blockByteCount
        die.setPhase("first barrier")
        let begin = Monotonic.now()
        try world.barrier()
        let first = Monotonic.now()
        let area = try world.allocate(byteCount: world.size * size)
        die.setPhase("barrier")
        let again = Monotonic.now()
        try world.barrier()
        let passed = Monotonic.now()
        die.setPhase("all-gather")
        let block = (0..<size).map { Self.byte(world.rank, $0) }
        for step in 0..<world.size {
            let peer = (world.rank + step) % world.size
            try endpoint.put(block.span, to: world[peer], at: area.offset + world.rank * size)
        }
        try world.barrier()
        let gathered = Monotonic.now()
        die.setPhase("check")
        let all = endpoint.values(UInt8.self, at: area.offset, count: world.size * size)
        var wrong = 0
        for peer in 0..<world.size {
            for index in 0..<size where all[peer * size + index] != Self.byte(peer, index) { wrong += 1 }
        }
        var exchange: UInt64?
        if plan.allToAllByteCount > 0 {
            die.setPhase("all-to-all")
            let found = try allToAll(world)
            exchange = found.nanoseconds
            wrong += found.wrong
        }
        let bytes = world.rank % SmokeWorkload.memorySampleStride == 0 ? ProcessControl.proportionalByteCount() : 0
        try world.barrier()
        let finding = Finding(
            firstBarrier: first - begin, barrier: passed - again, allGather: gathered - passed, allToAll: exchange,
            wrong: wrong,
            proportionalByteCount: bytes)
        return Array(try JSONEncoder().encode(finding))
    }

    /// Every die sends every other a block of its own, and judges what it gets.
    private func allToAll(_ world: Team) throws -> (nanoseconds: UInt64, wrong: Int) {
        let size = plan.allToAllByteCount
        let endpoint = world.endpoint
        let collective = Collective(
            world, try CollectiveWorkspace(world, byteCount: max(Self.workspaceByteCount, 512 * world.size)))
        let source = try world.allocate(byteCount: world.size * size)
        let destination = try world.allocate(byteCount: world.size * size)
        var out = endpoint.mutableValues(UInt8.self, at: source.offset, count: world.size * size)
        for peer in 0..<world.size {
            for index in 0..<size { out[peer * size + index] = Self.byte(world.rank &* 7 &+ peer, index) }
        }
        try world.barrier()
        let begin = Monotonic.now()
        try collective.run(.allToAll(source, into: destination))
        let end = Monotonic.now()
        let got = endpoint.values(UInt8.self, at: destination.offset, count: world.size * size)
        var wrong = 0
        for peer in 0..<world.size {
            for index in 0..<size where got[peer * size + index] != Self.byte(peer &* 7 &+ world.rank, index) {
                wrong += 1
            }
        }
        return (end - begin, wrong)
    }

    /// Every so many dies one reads its process's memory: reading it walks the page tables, so not all do.
    static let memorySampleStride = 8
}
