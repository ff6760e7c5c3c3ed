import Fabric
import Launching
import SharedMemory
import TestKit
import Testing

/// What hangs at the one point to memory sees every access, and its sums are those of the counters.
@Suite("Access observers")
struct AccessObserverTests {
    /// Remembers every access.
    final class History: AccessObserver {
        var accesses: [FabricAccess] = []
        func willAccess(_ access: FabricAccess) { accesses.append(access) }
    }

    /// Payload that a die moves to or from each rank, as the die itself counts it.
    private static func work(
        _ endpoint: Endpoint, _ area: Region, _ random: inout SeededGenerator
    ) throws -> [Int] {
        var bytes = [Int](repeating: 0, count: endpoint.rankCount)
        for _ in 0..<200 {
            let peer = Int.random(in: 0..<endpoint.rankCount, using: &random)
            let length = 8 * Int.random(in: 0..<64, using: &random)
            let place = area.offset + 1024 * endpoint.rank.index
            switch Int.random(in: 0..<9, using: &random) {
            case 0: try endpoint.put([UInt8](repeating: 7, count: length).span, to: Rank(peer), at: place)
            case 1: try endpoint.put(from: place, byteCount: length, to: Rank(peer), at: place)
            case 2: _ = try endpoint.get(UInt64.self, count: length / 8, from: Rank(peer), at: place)
            case 3: try endpoint.get(from: Rank(peer), at: place, byteCount: length, to: place)
            case 4:
                try endpoint.store(UInt64(5), to: Rank(peer), at: place)
                bytes[peer] += 8 - length
            case 5:
                _ = try endpoint.load(UInt32.self, from: Rank(peer), at: place)
                bytes[peer] += 4 - length
            case 6:
                try endpoint.putSignal(
                    [UInt8](repeating: 7, count: length).span, to: Rank(peer), at: place, signal: .add, 1,
                    at: place + 1016)
            case 7:
                try endpoint.fetchAdd(1, at: Rank(peer), place + 1016)
                try endpoint.signal(.add, 1, at: Rank(peer), place + 1016)
                bytes[peer] -= length
            default:
                let isMapped = endpoint.peerBytes(Rank(peer), at: place, byteCount: length) != nil
                if !isMapped { bytes[peer] -= length }
            }
            bytes[peer] += length
        }
        return bytes
    }

    /// Dies of each host; one host is no split.
    static let layouts: [[Int]] = [[1], [4], [20], [2, 2], [3, 17]]

    @Test("Sums by peer and by tier are what was moved, and what the counters say", arguments: layouts)
    func sums(hosts: [Int]) throws {
        let seed = UInt64.random(in: .min ... .max)
        let dies = hosts.reduce(0, +)
        let split = hosts.count > 1 ? HostSplit(hosts) : nil
        let outcome = try ThreadCluster.run(dies: dies, split: split) { world in
            let endpoint = world.endpoint
            let area = try world.allocate(byteCount: dies * 1024)
            try world.barrier()
            var random = SeededGenerator(seed: seed, UInt64(world.rank))
            let sums = AccessSums(ranks: dies)
            let before = endpoint.counts.bytes
            endpoint.observer = sums
            let expected = try Self.work(endpoint, area, &random)
            endpoint.observer = nil
            let counted = Int(endpoint.counts.bytes - before)
            try world.barrier()
            #expect(sums.bytesByPeer == expected, "seed \(seed)")
            #expect(sums.bytesByPeer.reduce(0, +) == counted && sums.bytesByTier.reduce(0, +) == counted)
            for tier in Tier.allCases {
                let there = (0..<dies).filter { endpoint.tier(of: Rank($0)) == tier }
                #expect(sums.bytesByTier[Int(tier.rawValue)] == there.reduce(0) { $0 + expected[$1] }, "seed \(seed)")
            }
            return true
        }
        #expect(outcome.errors.isEmpty, "\(outcome.errors)")
    }

    @Test("Tiers are those of NPUs and servers, and of hosts where dies are dealt out")
    func tiers() throws {
        let near = try ThreadCluster.run(dies: 20, split: .oneHost(dies: 20)) { world in
            (0..<20).map { world.endpoint.tier(of: $0) }
        }
        let first = try #require(near.values[2])
        #expect(first[2] == .die && first[3] == .npu && first[0] == .server && first[15] == .server)
        #expect(first[16] == .supernode && first[19] == .supernode)
        let split = try ThreadCluster.run(dies: 4, split: HostSplit([3, 1])) { world in
            (0..<4).map { world.endpoint.tier(of: $0) }
        }
        #expect(split.values[2] == [.server, .server, .die, .host])
        #expect(split.values[3] == [.host, .host, .host, .die])
    }

    @Test(
        "Barriers, meetings and collectives of a team pass the point with every word they touch", arguments: [2, 3, 9])
    func synchronisation(dies: Int) throws {
        let outcome = try ThreadCluster.run(dies: dies, split: .oneHost(dies: dies)) { world in
            let history = History()
            world.endpoint.observer = history
            try world.barrier()
            world.endpoint.observer = nil
            try world.barrier()
            return history.accesses
        }
        #expect(outcome.errors.isEmpty, "\(outcome.errors)")
        for (rank, accesses) in outcome.values.enumerated() {
            let accesses = try #require(accesses)
            // By flags each tells each; else each counts itself in at the leader's.
            let others = accesses.filter { $0.peer.index != rank }
            #expect(!others.isEmpty || rank == 0, "rank \(rank): \(accesses)")
            #expect(accesses.allSatisfy { $0.payloadByteCount == 0 && $0.byteCount > 0 })
        }
    }

    @Test("What an observer does to a window is done before the access")
    func before() throws {
        final class Flip: AccessObserver {
            let place: Int
            let endpoint: Endpoint
            init(_ place: Int, _ endpoint: Endpoint) { (self.place, self.endpoint) = (place, endpoint) }
            func willAccess(_ access: FabricAccess) {
                guard access.operation == .load else { return }
                let endpoint = endpoint
                var words = endpoint.mutableValues(UInt64.self, at: place, count: 1)
                words[0] = 77
            }
        }
        let outcome = try ThreadCluster.run(dies: 1) { world in
            let area = try world.allocate(byteCount: 64)
            world.endpoint.observer = Flip(area.offset, world.endpoint)
            return try world.endpoint.load(UInt64.self, from: 0, at: area.offset)
        }
        #expect(outcome.values == [77])
    }

    @Test("A segment of a later epoch is joined in it, and its end is seen from there")
    func laterEpoch() throws {
        let plan = SegmentPlan(dieCount: 1, windowByteCount: 1 << 20, firstEpoch: 41)
        let segment = try Segment.create(plan)
        let endpoint = Endpoint(segment: segment, rank: 0, timeout: .seconds(60))
        #expect(endpoint.epoch == 41 && segment.cluster.verdict == nil)
        try endpoint.checkMembership()
        segment.publish(Verdict(.interrupted, text: "over"))
        #expect(segment.cluster.epoch.loadAcquiring() == 42 && segment.cluster.verdict?.text == "over")
        #expect(throws: FabricError.self) { try endpoint.checkMembership() }
    }
}
