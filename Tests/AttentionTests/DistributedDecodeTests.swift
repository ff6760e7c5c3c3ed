import Attention
import Fabric
import Launching
import TestKit
import Testing

@Suite("Decode over a team")
struct DistributedDecodeTests {
    /// What a die reports: the outputs of each step, and the bytes it put.
    struct Report: Sendable, Equatable {
        var bits: [[UInt32]] = []
        var putByteCount = 0
    }

    /// The share of the first `tokenCount` keys that a member keeps.
    static func shard(
        _ fixture: Fixture, _ tokenCount: Int, member: Int, of shards: KeyShards
    ) throws -> (PagedLatentCache, CachedSequence) {
        let width = fixture.shape.width
        var cache = try PagedLatentCache(element: .float32, width: width, pageSize: 16, pageCount: 40)
        let sequence = cache.makeSequence()
        for token in 0..<tokenCount where shards.owner(of: token) == member {
            try cache.append(fixture.keys.span.extracting(token * width..<(token + 1) * width), to: sequence)
        }
        return (cache, sequence)
    }

    @Test(
        "by keys or by heads gives every die the bits of a single die, step after step", arguments: variantNames,
        [1, 2, 3, 5, 8])
    func layouts(name: String, dies: Int) throws { try layouts(name, dies, nil) }

    @Test(
        "over uneven hosts and three of them gives the same bits", arguments: variantNames,
        [HostSplit([3, 1]), HostSplit([1, 2, 1])])
    func split(name: String, split: HostSplit) throws { try layouts(name, split.dies.reduce(0, +), split) }

    private func layouts(_ name: String, _ dies: Int, _ split: HostSplit?) throws {
        let fixture = try Fixture(
            heads: 6, latent: 32, rope: 8, queryCount: 2, tokenCount: 203, seed: 81, distribution: .wideNormal)
        let counts = [203, 0, 7, 100, 203, 40]
        let plans = try counts.map { try fixture.plan(visible: [5..<$0 + 5, 0..<$0 + 0], block: 16, split: 40) }
        let expected = try zip(counts, plans).map { count, plan in
            var some = fixture
            some.keys.removeLast((203 - count) * 40)
            return try some.decode(variant(name), plan).bits
        }
        let outcome = try ThreadCluster.run(dies: dies, split: split) { team -> Report in
            let need = DistributedDecode.byteCount(
                memberCount: dies, rowCapacity: 12, latentWidth: 32, splitCapacity: 6)
            let decode = DistributedDecode(
                team: team, region: try team.allocate(byteCount: need), variant: try variant(name), rowCapacity: 12,
                latentWidth: 32, splitCapacity: 6)
            var report = Report()
            for (count, plan) in zip(counts, plans) {
                for byKeys in [true, false, false, true] {
                    let shards = KeyShards(splitLength: 40, memberCount: byKeys ? dies : 1)
                    let (cache, sequence) = try Self.shard(
                        fixture, count, member: byKeys ? team.rank : 0, of: shards)
                    var values = [Float](repeating: 7, count: 12 * 32), sums = [Float](repeating: 7, count: 12)
                    var valueSpan = values.mutableSpan, sumSpan = sums.mutableSpan
                    if byKeys {
                        try decode.decodeByKeys(
                            sequence, in: cache, tokenCount: count, queries: fixture.queries.span, plan: plan,
                            output: &valueSpan, logSumExp: &sumSpan)
                    } else {
                        try decode.decodeByHeads(
                            sequence, in: cache, queries: fixture.queries.span, plan: plan, output: &valueSpan,
                            logSumExp: &sumSpan)
                    }
                    report.bits.append((values + sums).map(\.bitPattern))
                }
            }
            report.putByteCount = decode.putByteCount
            return report
        }
        #expect(outcome.errors.isEmpty, "\(outcome.errors)")
        for report in outcome.values {
            for (index, bits) in (report?.bits ?? []).enumerated() {
                #expect(bits == expected[index / 4], "step \(index), seed 81")
            }
            #expect(report?.bits.count == 4 * counts.count)
        }
        // All members together, per step: every split's states but those for its owner, and outputs to everybody else.
        let splits = counts.map { ($0 + 39) / 40 }.reduce(0, +)
        let all = outcome.values.reduce(0) { $0 + ($1?.putByteCount ?? 0) }
        let outputs = 4 * counts.count * 12 * 33 * 4 * (dies - 1)
        let states = all - outputs
        if 12 % dies == 0 { #expect(states == 2 * splits * 12 * 36 * 4 * (dies - 1) / dies) }
        #expect(states <= 2 * splits * 12 * 36 * 4)
    }

    @Test("refuses a sequence that its region has no room for, on all dies alike, and goes on")
    func tooLong() throws {
        let fixture = try Fixture(heads: 2, latent: 8, rope: 0, tokenCount: 30, seed: 82)
        let plan = try fixture.plan(split: 10)
        let outcome = try ThreadCluster.run(dies: 2) { team -> [String] in
            let need = DistributedDecode.byteCount(memberCount: 2, rowCapacity: 2, latentWidth: 8, splitCapacity: 2)
            let decode = DistributedDecode(
                team: team, region: try team.allocate(byteCount: need), variant: OnlineAttention<AMLARescale>(),
                rowCapacity: 2, latentWidth: 8, splitCapacity: 2)
            let (cache, sequence) = try Self.shard(
                fixture, 30, member: team.rank, of: KeyShards(splitLength: 10, memberCount: 2))
            var values = [Float](repeating: 7, count: 16), sums = [Float](repeating: 7, count: 2)
            var valueSpan = values.mutableSpan, sumSpan = sums.mutableSpan
            var messages: [String] = []
            for count in [30, 20] {
                do throws(FabricError) {
                    try decode.decodeByKeys(
                        sequence, in: cache, tokenCount: count, queries: fixture.queries.span, plan: plan,
                        output: &valueSpan, logSumExp: &sumSpan)
                    messages.append("fine")
                } catch {
                    messages.append("\(error.code)")
                }
            }
            return messages
        }
        #expect(outcome.values == [["outOfMemory", "fine"], ["outOfMemory", "fine"]], "\(outcome.errors)")
    }
}
