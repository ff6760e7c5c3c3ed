internal import Fabric
internal import FoundationEssentials
internal import NodeRuntime
internal import SharedMemory
internal import Workers

/// The smallest real run: barrier, all-gather of 64 bytes a die, every byte checked, barrier.
struct SmokeWorkload: Workload {
    static let name = "smoke"
    /// Bytes each die contributes.
    static let blockByteCount = 64

    /// What a die found; nanoseconds by this host's clock.
    struct Finding: Codable, Sendable {
        var firstBarrier: UInt64
        var barrier: UInt64
        var allGather: UInt64
        var wrong: Int
        var proportionalByteCount: Int
    }

    init(payload: [UInt8]) {}

    /// Bytes of a window that holds the team slots and the gathered blocks.
    static func windowByteCount(dies: Int) -> Int {
        Endpoint.reservedByteCount(dies: dies) + (dies + 2) * blockByteCount + 4096
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
            try endpoint.put(block.span, to: peer, at: area.offset + world.rank * size)
        }
        try world.barrier()
        let gathered = Monotonic.now()
        die.setPhase("check")
        let all = endpoint.values(UInt8.self, at: area.offset, count: world.size * size)
        var wrong = 0
        for peer in 0..<world.size {
            for index in 0..<size where all[peer * size + index] != Self.byte(peer, index) { wrong += 1 }
        }
        let bytes = world.rank % SmokeWorkload.memorySampleStride == 0 ? ProcessControl.proportionalByteCount() : 0
        try world.barrier()
        let finding = Finding(
            firstBarrier: first - begin, barrier: passed - again, allGather: gathered - passed, wrong: wrong,
            proportionalByteCount: bytes)
        return Array(try JSONEncoder().encode(finding))
    }

    /// Every so many dies one reads its process's memory: reading it walks the page tables, so not all do.
    static let memorySampleStride = 8
}
