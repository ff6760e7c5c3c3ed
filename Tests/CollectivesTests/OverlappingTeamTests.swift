import Collectives
import Fabric
import SharedMemory
import Tensors
import TestKit
import Testing

/// Several teams with operations under way at once.
@Suite("Overlapping teams")
struct OverlappingTeamTests {
    static let policies = OverlapTests.policies

    private static func words(_ world: Team, _ offset: Int, _ count: Int) throws -> [UInt64] {
        try world.endpoint.get(UInt64.self, count: count, from: world.endpoint.rank, at: offset)
    }

    @Test("Tables of operations on two teams are not mixed up", arguments: [0, 1])
    func tables(index: Int) throws {
        let outcome = try ThreadCluster.run(dies: 3, timeout: .seconds(20), policy: Self.policies[index].policy) {
            world in
            let workspace = try CollectiveWorkspace(world, byteCount: 4096)
            let area = try world.allocate(byteCount: 1 << 16)
            let other = try #require(try world.split(start: 2, stride: -1, size: 3))
            let (first, second) = (Collective(world, workspace), Collective(other, workspace))
            let me = world.rank
            var wrong = 0
            // Blocks of 8, 16 and 24 bytes on one team, of 16 on the other.
            let send = [8, 16, 24]
            let receive = [send[me], send[me], send[me]]
            let words = [UInt64](0..<64).map { UInt64(me * 64) + $0 }
            let start = send[..<me].reduce(0, +) / 8
            var right: [UInt64] = []
            for from in 0..<3 { for index in 0..<send[me] / 8 { right.append(UInt64(from * 64 + start + index)) } }
            for _ in 0..<20 {
                try world.endpoint.put(words.span, to: Rank(me), at: area.offset)
                try world.barrier()
                let request = try first.start(
                    .allToAllV(
                        area.slice(0, 48), sendByteCounts: send, into: area.slice(4096, 3 * send[me]),
                        receiveByteCounts: receive))
                try second.run(
                    .allToAllV(
                        area.slice(512, 48), sendByteCounts: [16, 16, 16], into: area.slice(8192, 48),
                        receiveByteCounts: [16, 16, 16]))
                try request.wait()
                if try Self.words(world, area.offset + 4096, right.count) != right { wrong += 1 }
                try world.barrier()
            }
            return wrong
        }
        #expect(outcome.errors.isEmpty, "\(outcome.errors)")
        #expect(outcome.values == [0, 0, 0])
    }
}
