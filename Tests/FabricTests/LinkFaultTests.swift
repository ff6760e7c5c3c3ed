import Fabric
import Launching
import SharedMemory
import TestKit
import Testing

/// Networks that lose, repeat, change and overtake; links that end; switches that are killed.
@Suite("Links between hosts under fault")
struct LinkFaultTests {
    /// One kind of damage, and the count that shows that it was done.
    struct Damage: Sendable, CustomStringConvertible {
        var description: String
        var faults: @Sendable (UInt64) -> LinkFaults
        var trace: @Sendable (LinkStatistics) -> Int
    }

    static let damages: [Damage] = [
        Damage(description: "drops") { seed in
            var faults = LinkFaults(seed: seed)
            faults.drop = 60
            return faults
        } trace: {
            $0.retransmissions
        },
        Damage(description: "duplicates") { seed in
            var faults = LinkFaults(seed: seed)
            faults.duplicate = 200
            return faults
        } trace: {
            $0.duplicates
        },
        Damage(description: "changed bits") { seed in
            var faults = LinkFaults(seed: seed)
            faults.corrupt = 60
            return faults
        } trace: {
            $0.refused
        },
        Damage(description: "overtaking") { seed in
            var faults = LinkFaults(seed: seed)
            faults.delay = 100
            return faults
        } trace: {
            $0.gaps
        },
        Damage(description: "all at once") { seed in
            var faults = LinkFaults(seed: seed)
            faults.drop = 30
            faults.duplicate = 50
            faults.corrupt = 30
            faults.delay = 50
            return faults
        } trace: {
            $0.retransmissions + $0.duplicates + $0.refused + $0.gaps
        },
    ]

    static let cases: [(damage: Int, split: [Int], carrier: HostSplit.Carrier)] = damages.indices.flatMap { damage in
        [
            (damage, [1, 1], HostSplit.Carrier.inproc), (damage, [2, 2], .ipc), (damage, [3, 1], .tcp),
            (damage, [1, 2, 1], .inproc),
        ]
    }

    /// Puts of all lengths from window and array, gets, strided copies, atomics and signals between all ranks; how much was wrong.
    static func everything(_ world: Team, seed: UInt64) throws -> Int {
        let endpoint = world.endpoint
        let block = 300 << 10
        let area = try world.allocate(byteCount: 2 * block)
        let words = try world.allocate(byteCount: 64 * (world.size + 2))
        var random = SeededGenerator(seed: seed, UInt64(world.rank))
        var wrong = 0
        let next = (world.rank + 1) % world.size
        let previous = (world.rank + world.size - 1) % world.size
        for round in 1...12 {
            let length = [8, 16, 100, 5_000, 20_000, 40_000, block][Int.random(in: 0..<7, using: &random)]
            var own = endpoint.mutableValues(UInt8.self, at: area.offset, count: length)
            for index in own.indices { own[index] = UInt8(truncatingIfNeeded: index &* 7 &+ round &* 31 &+ world.rank) }
            if round % 2 == 0 {
                try endpoint.put(from: area.offset, byteCount: length, to: Rank(next), at: area.offset + block)
            } else {
                let copy = (0..<length).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ round &* 31 &+ world.rank) }
                try endpoint.put(copy.span, to: Rank(next), at: area.offset + block)
            }
            try endpoint.signal(.set, UInt64(round) << 32 | UInt64(length), at: Rank(next), words.offset)
            let told = try endpoint.wait(
                at: words.offset, until: .greaterOrEqual, UInt64(round) << 32, peer: Rank(previous))
            let arrived = endpoint.values(UInt8.self, at: area.offset + block, count: Int(told & 0xFFFF_FFFF))
            for index in arrived.indices
            where arrived[index] != UInt8(truncatingIfNeeded: index &* 7 &+ round &* 31 &+ previous) { wrong += 1 }
            for peer in 0..<world.size {
                try endpoint.fetchAdd(1, at: Rank(peer), words.offset + 128 + 64 * world.rank)
            }
            let back = try endpoint.get(UInt8.self, count: length, from: Rank(next), at: area.offset + block)
            for index in back.indices
            where back[index] != UInt8(truncatingIfNeeded: index &* 7 &+ round &* 31 &+ world.rank) { wrong += 1 }
            try world.barrier()
        }
        for peer in 0..<world.size {
            let seen = try endpoint.fetch(at: Rank(peer), words.offset + 128 + 64 * world.rank)
            if seen != 12 { wrong += 1 }
        }
        try world.barrier()
        return wrong
    }

    @Test("Every operation is exact, and carried out once, whatever happens to messages", arguments: cases)
    func exact(damage: Int, split: [Int], carrier: HostSplit.Carrier) throws {
        let seed = UInt64.random(in: .min ... .max)
        var options = LinkOptions()
        options.wire = Self.damages[damage].faults(seed).wire
        let cluster = try SplitCluster(HostSplit(split, carrier: carrier, options: options), windowByteCount: 1 << 20)
        defer { cluster.stop() }
        let outcome = try ThreadCluster.run(cluster, timeout: .seconds(30)) { world in
            try Self.everything(world, seed: seed)
        }
        #expect(outcome.errors.isEmpty, "seed \(seed), \(Self.damages[damage]): \(outcome.errors)")
        #expect(outcome.values.allSatisfy { $0 == 0 }, "seed \(seed), \(Self.damages[damage]): \(outcome.values)")
        cluster.stop()
        let traces = cluster.statistics.reduce(0) { $0 + Self.damages[damage].trace($1) }
        #expect(traces > 0, "seed \(seed): no \(Self.damages[damage]) happened: \(cluster.statistics)")
    }

    /// A ladder of the published form that ends within a second, for links that are to be found dead.
    static var quick: LinkOptions {
        var options = LinkOptions()
        options.timing.retries = 6
        options.timing.silence = .milliseconds(50)
        return options
    }

    @Test("A link that is cut ends all waits on both sides with an error that names both hosts", arguments: [0, 7, 40])
    func cut(after: Int) throws {
        var options = Self.quick
        options.timing.contact = .milliseconds(1500)
        var faults = LinkFaults(seed: 1)
        faults.cutAfter = after
        options.wire = faults.wire
        let cluster = try SplitCluster(HostSplit([2, 1], carrier: .tcp, options: options), windowByteCount: 1 << 20)
        defer { cluster.stop() }
        let outcome = try ThreadCluster.run(cluster, timeout: .seconds(60)) { world in
            let words = try world.allocate(byteCount: 64)
            for round in 1...UInt64(1000) {
                try world.endpoint.signal(.set, round, at: world[(world.rank + 1) % world.size], words.offset)
                try world.endpoint.wait(at: words.offset, until: .greaterOrEqual, round)
                try world.endpoint.quiet()
            }
        }
        #expect(outcome.fabricErrors.count == 3, "\(outcome.errors)")
        for error in outcome.fabricErrors.values {
            #expect(error.code == .linkLost && error.scope == .link, "\(error)")
            #expect(error.description.contains("host-0") && error.description.contains("host-1"), "\(error)")
        }
    }

    @Test("A switch that is killed is missed by every other host, also where nothing is under way")
    func killed() throws {
        let cluster = try SplitCluster(
            HostSplit([1, 1, 1], carrier: .tcp, options: Self.quick), windowByteCount: 1 << 20)
        defer { cluster.stop() }
        let outcome = try ThreadCluster.run(cluster, timeout: .seconds(60)) { world in
            let words = try world.allocate(byteCount: 64)
            try world.barrier()
            if world.rank == 1 {
                cluster.kill(1)
                // What its rank processes do when their agent is gone.
                cluster.segments[1].publish(Verdict(.agentLost, text: "the agent of host-1 is gone"))
            }
            try world.endpoint.wait(at: words.offset, until: .equal, 1)
        }
        #expect(outcome.fabricErrors.count == 3, "\(outcome.errors)")
        for rank in [0, 2] {
            let error = try #require(outcome.fabricErrors[rank])
            #expect(error.code == .linkLost && error.description.contains("host-1"), "\(error)")
        }
        #expect(outcome.fabricErrors[1]?.code == .membershipChanged)
    }

    @Test("What one host learns of the membership, all learn")
    func verdict() throws {
        let cluster = try SplitCluster(HostSplit([1, 2, 1], carrier: .inproc), windowByteCount: 1 << 20)
        defer { cluster.stop() }
        let outcome = try ThreadCluster.run(cluster, timeout: .seconds(60)) { world in
            let words = try world.allocate(byteCount: 64)
            try world.barrier()
            if world.rank == 2 {
                cluster.segments[1].publish(
                    Verdict(.rankKilled, rank: 2, detail: 9, text: "rank 2 was killed by signal 9"))
            }
            try world.endpoint.wait(at: words.offset, until: .equal, 1)
        }
        #expect(outcome.fabricErrors.count == 4, "\(outcome.errors)")
        for error in outcome.fabricErrors.values {
            #expect(error.code == .membershipChanged && error.peers == [2], "\(error)")
            #expect(error.description.contains("killed by signal 9"), "\(error)")
        }
    }
}
