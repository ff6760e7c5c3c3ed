import Attention
import Fabric
import Faults
import Launching
import TestKit
import Testing

/// Bits of partial states, of finished rows, of their log-sum-exps and of their check words change between put and barrier.
@Suite("Corruption of a decode")
struct DecodeCorruptionTests {
    /// What rank 1 puts into rank 0's window at a point, in order.
    static let parts: [(point: FaultPoint, index: Int, name: String)] = [
        (.decodeBarrier, 0, "states"), (.decodeBarrier, 1, "check of states"), (.decodeRead, 0, "outputs"),
        (.decodeRead, 1, "log-sum-exps"), (.decodeRead, 2, "checks of rows"),
    ]

    /// A decode of 97 keys in splits of 32 by two members; rank 1 inverts a bit of the part.
    private static func decode(
        _ fixture: Fixture, byKeys: Bool, isProtected: Bool, _ part: (point: FaultPoint, index: Int, name: String)?,
        bit: Int
    ) throws -> ThreadCluster.Outcome<[UInt32]> {
        let plan = try fixture.plan(visible: [0..<97], block: 32, split: 32)
        return try ThreadCluster.run(dies: 2, timeout: .seconds(20), split: .oneHost(dies: 2)) { team -> [UInt32] in
            team.endpoint.isProtected = isProtected
            let need = DistributedDecode.byteCount(
                memberCount: 2, rowCapacity: 4, latentWidth: 32, splitCapacity: 4, isProtected: isProtected)
            let decode = DistributedDecode(
                team: team, region: try team.allocate(byteCount: need), variant: try variant("attention.amla"),
                rowCapacity: 4, latentWidth: 32, splitCapacity: 4)
            let shards = KeyShards(splitLength: 32, memberCount: byKeys ? 2 : 1)
            let (cache, sequence) = try DistributedDecodeTests.shard(
                fixture, 97, member: byKeys ? team.rank : 0, of: shards)
            let recorder = PutRecorder(team.endpoint)
            recorder.onPass = { point, _ in
                if point == .decodeMerge { recorder.clear() }
                guard let part, team.rank == 1, point == part.point else { return }
                let puts = recorder.puts.filter { $0.peer == 0 }
                guard part.index < puts.count else { return }
                let put = puts[part.index]
                recorder.flip(bit: bit % (8 * put.byteCount), at: put.offset, of: 0)
            }
            team.endpoint.observer = recorder
            var values = [Float](repeating: 7, count: 4 * 32), sums = [Float](repeating: 7, count: 4)
            var valueSpan = values.mutableSpan, sumSpan = sums.mutableSpan
            if byKeys {
                do {
                    try decode.decodeByKeys(
                        sequence, in: cache, tokenCount: 97, queries: fixture.queries.span, plan: plan,
                        output: &valueSpan, logSumExp: &sumSpan)
                } catch {
                    // The other member waits at the second barrier, and is not what is looked at.
                    if part?.point == .decodeBarrier, team.rank == 0 { try team.barrier() }
                    throw error
                }
            } else {
                try decode.decodeByHeads(
                    sequence, in: cache, queries: fixture.queries.span, plan: plan, output: &valueSpan,
                    logSumExp: &sumSpan)
            }
            return (values + sums).map(\.bitPattern)
        }
    }

    private static func fixture() throws -> Fixture {
        try Fixture(heads: 4, latent: 32, rope: 8, queryCount: 1, tokenCount: 97, seed: 11)
    }

    @Test("With check words every change is found, and its sender named", arguments: [true, false])
    func protected(byKeys: Bool) throws {
        let fixture = try Self.fixture()
        let right = try Self.decode(fixture, byKeys: byKeys, isProtected: false, nil, bit: 0)
        let same = try Self.decode(fixture, byKeys: byKeys, isProtected: true, nil, bit: 0)
        #expect(right.errors.isEmpty && same.errors.isEmpty && right.values == same.values)
        for part in Self.parts where byKeys || part.point == .decodeRead {
            // By heads there is no merge before which what was put is forgotten.
            for bit in stride(from: 0, to: 2176, by: 131) {
                let outcome = try Self.decode(fixture, byKeys: byKeys, isProtected: true, part, bit: bit)
                let error = outcome.fabricErrors[0]
                #expect(error?.code == .damaged && error?.peers == [1], "\(part.name), bit \(bit): \(outcome.errors)")
                #expect(error?.wordOffset != nil)
            }
        }
    }

    @Test("Without them a changed state is merged: the table shows what is not protected")
    func unprotected() throws {
        let fixture = try Self.fixture()
        let right = try Self.decode(fixture, byKeys: true, isProtected: false, nil, bit: 0)
        var silent = 0
        for bit in stride(from: 5, to: 1000, by: 101) {
            let outcome = try Self.decode(fixture, byKeys: true, isProtected: false, Self.parts[0], bit: bit)
            #expect(outcome.errors.isEmpty, "\(outcome.errors)")
            if outcome.values != right.values { silent += 1 }
        }
        #expect(silent > 0)
    }
}
