import Collectives
import Fabric
import Launching
import SharedMemory
import Tensors
import TestKit
import Testing

/// However a collective cannot be completed, everybody in it ends with a typed error that names who is to blame.
@Suite("Collective failures")
struct CollectiveFailureTests {
    static let entries = CollectiveCatalog.all.map(\.name)

    /// Runs one trial on all dies but what `instead` does on one of them.
    static func run(
        _ name: String, absent: Int, timeout: Duration, trial: CollectiveTrial,
        instead: @escaping @Sendable (Team) -> Void = { _ in }
    ) throws -> ThreadCluster.Outcome<Bool> {
        let entry = try #require(CollectiveCatalog.all.first { $0.name == name })
        return try ThreadCluster.run(dies: trial.size) { world in
            let space = try CollectiveWorkspace(world, byteCount: 4096)
            space.timeout = timeout
            let area = try world.allocate(byteCount: trial.areaByteCount)
            try world.barrier()
            if world.rank == absent {
                instead(world)
                return true
            }
            let collective = Collective(world, space)
            let (source, destination) = trial.regions(of: world.rank, in: area)
            do throws(FabricError) {
                try trial.run(on: collective, source: source, destination: destination, algorithm: entry.algorithm)
            } catch {
                // The workspace has ended: the same error again, at once.
                #expect(space.failure == error)
                #expect(throws: error) { try collective.barrier() }
                throw error
            }
            return true
        }
    }

    @Test("A die that never arrives is named by everybody who needed it, directly or not", arguments: entries)
    func absent(name: String) throws {
        let entry = try #require(CollectiveCatalog.all.first { $0.name == name })
        let absent = entry.algorithm == .push ? 0 : 2
        var trial = CollectiveTrial(entry.operation, size: 4, count: 100)
        // In a ring of shift 0 everybody talks to itself.
        while entry.operation == .sendReceive, trial.shift == 0 { trial.seed += 1 }
        var outcome = try Self.run(name, absent: absent, timeout: .milliseconds(400), trial: trial)
        // On a loaded machine a rank may have had no turn in so short a time: then it is the late one. Not so with ten times as much.
        if outcome.fabricErrors.contains(where: { $0.value.peers != [Rank(absent)] }) {
            outcome = try Self.run(name, absent: absent, timeout: .seconds(4), trial: trial)
        }
        // In rooted operations a member may be served before the root finds that another is missing.
        #expect(!outcome.errors.isEmpty)
        if !entry.operation.isRooted, entry.operation != .sendReceive { #expect(outcome.errors.count == 3) }
        for (rank, error) in outcome.fabricErrors {
            #expect(error.code == .timedOut, "rank \(rank): \(error)")
            #expect(error.peers == [Rank(absent)], "rank \(rank): \(error)")
        }
        #expect(outcome.fabricErrors.count == outcome.errors.count, "\(outcome.errors)")
    }

    @Test("A change of the membership ends a waiting collective", arguments: entries)
    func membership(name: String) throws {
        let entry = try #require(CollectiveCatalog.all.first { $0.name == name })
        var trial = CollectiveTrial(entry.operation, size: 3, count: 100)
        while entry.operation == .sendReceive, trial.shift == 0 { trial.seed += 1 }
        while entry.operation.isRooted, trial.root != 1 { trial.seed += 1 }
        let outcome = try Self.run(name, absent: 1, timeout: .seconds(60), trial: trial) { world in
            world.endpoint.segment.publish(Verdict(.rankKilled, rank: 1, detail: 9, text: "rank 1 was killed"))
        }
        #expect(outcome.fabricErrors.count == 2, "\(outcome.errors)")
        for (rank, error) in outcome.fabricErrors {
            #expect(error.code == .membershipChanged, "rank \(rank): \(error)")
            #expect(error.peers == [1], "rank \(rank): \(error)")
        }
    }

    /// What one member, the odd one, calls otherwise.
    static let differences: [@Sendable (Collective, Region, Bool) throws -> Void] = [
        { (collective, area, odd) in
            let block = odd ? 64 : 128
            try collective.run(.allGather(area.slice(0, block), into: area.slice(1024, 3 * block)))
        },
        { (collective, area, odd) in
            try collective.run(
                .allReduce(
                    area.slice(0, 64), into: area.slice(64, 64), type: .float32, reduction: odd ? .max : .sum))
        },
        { (collective, area, odd) in
            try collective.run(
                .allToAll(area.slice(0, 192), into: area.slice(192, 192), algorithm: odd ? .push : .pull))
        },
        { (collective, area, odd) in
            let send = odd ? [8, 8, 8] : [16, 16, 16]
            try collective.run(
                .allToAllV(
                    area.slice(0, send.reduce(0, +)), sendByteCounts: send, into: area.slice(512, send[0] + 32),
                    receiveByteCounts: (0..<3).map { $0 == collective.team.rank ? send[0] : 16 }))
        },
        { (collective, area, odd) in
            let block = odd ? 64 : 128
            try collective.run(
                .allGather(area.slice(0, block), into: area.slice(1024, 3 * block), algorithm: .ring))
        },
        { (collective, area, odd) in
            try collective.run(
                .allReduce(
                    area.slice(0, 64), into: area.slice(64, 64), type: .float32, reduction: odd ? .max : .sum,
                    algorithm: .twoLevel(group: 2)))
        },
        { (collective, area, odd) in
            try collective.run(
                .allToAll(
                    area.slice(0, 192), into: area.slice(192, 192), algorithm: .trampoline(group: odd ? 1 : 2)))
        },
        { (collective, area, odd) in
            let send = odd ? [8, 8, 8] : [16, 16, 16]
            try collective.run(
                .allToAllV(
                    area.slice(0, send.reduce(0, +)), sendByteCounts: send, into: area.slice(512, send[0] + 32),
                    receiveByteCounts: (0..<3).map { $0 == collective.team.rank ? send[0] : 16 },
                    algorithm: .trampoline(group: 2)))
        },
        { (collective, area, odd) in
            if odd {
                _ = try collective.allReduce(UInt64(1), .sum)
            } else {
                try collective.run(.allGather(area.slice(0, 64), into: area.slice(1024, 192)))
            }
        },
        { (collective, area, odd) in
            if odd {
                _ = try collective.broadcast(UInt64(1), root: 1)
            } else {
                _ = try collective.allReduce(UInt64(1), .sum)
            }
        },
    ]

    @Test(
        "Members that call with different arguments hear of it without waiting for a deadline",
        arguments: [nil, HostSplit([1, 2]), HostSplit([2, 1]), HostSplit([1, 1, 1])])
    func mismatch(split: HostSplit?) throws {
        for (index, difference) in Self.differences.enumerated() {
            let outcome = try ThreadCluster.run(dies: 3, timeout: .seconds(60), split: split) { world in
                let collective = Collective(world, try CollectiveWorkspace(world, byteCount: 4096))
                let area = try world.allocate(byteCount: 4096)
                // Whoever finds a difference ends the team's meetings, so all must have left that of the allocation before.
                let endpoint = world.endpoint
                for peer in 0..<3 { try endpoint.signal(.add, 1, at: Rank(peer), area.offset) }
                try endpoint.wait(at: area.offset, until: .equal, 3)
                try difference(collective, area, world.rank == 1)
            }
            #expect(outcome.fabricErrors.count >= 2, "difference \(index): \(outcome.errors)")
            for error in outcome.fabricErrors.values {
                #expect(error.code == .mismatch, "difference \(index): \(error)")
            }
        }
    }

    @Test(
        "The documented numbers of events, waits and bytes are what the counters say",
        arguments: TransportCatalog.all.map(\.name))
    func costs(route: String) throws {
        let entry = try #require(TransportCatalog.all.first { $0.name == route })
        let isNear = route == TransportCatalog.sharedMemory.name
        // Over two hosts of two dies each, one partner is near, and its bytes are loaded.
        let near: UInt64 = entry.crossesHosts ? 1 : 0
        // The figures are those of one segment, or of two halves.
        let split = HostSplit.even(dies: 4, hosts: entry.crossesHosts ? 2 : 1)
        let outcome = try ThreadCluster.run(dies: 4, route: entry, split: split) { world in
            let collective = Collective(world, try CollectiveWorkspace(world, byteCount: 1 << 16))
            let area = try world.allocate(byteCount: 1 << 16)
            func cost(_ body: () throws -> Void) rethrows -> [UInt64] {
                let before = world.endpoint.counts
                try body()
                let after = world.endpoint.counts
                func rise(_ operation: FabricOperation) -> UInt64 {
                    after.calls[operation, default: 0] - before.calls[operation, default: 0]
                }
                return [
                    rise(.signal) + rise(.putSignal), rise(.wait), rise(.put), rise(.get), rise(.load),
                    after.bytes - before.bytes - 40 * rise(.putSignal), rise(.collective),
                ]
            }
            let gather = try [CollectiveAlgorithm.push, .pull].map { algorithm in
                try cost {
                    try collective.run(
                        .allGather(area.slice(0, 1024), into: area.slice(1024, 4096), algorithm: algorithm))
                }
            }
            let reduce = try [CollectiveAlgorithm.push, .pull].map { algorithm in
                try cost {
                    try collective.run(
                        .allReduce(
                            area.slice(0, 8192), into: area.slice(8192, 8192), type: .float32, reduction: .sum,
                            algorithm: algorithm))
                }
            }
            return gather + reduce
        }
        #expect(outcome.errors.isEmpty, "\(outcome.errors)")
        // Partners 3. All-gather: 2 events and waits a partner; 3 blocks and the own copy. All-reduce: push 4 events a partner (one
        // round), 2 x 3 slices put; pull 3 + 1 closing events, 3 slices loaded while folding and 3 got.
        // Where windows are mapped, members meet instead, and no event is sent; elsewhere loads are gets.
        let expected: [[UInt64]] =
            isNear
            ? [
                [0, 0, 4, 0, 0, 4096, 1], [0, 0, 1, 3, 0, 4096, 1], [0, 0, 6, 0, 0, 12288, 1],
                [0, 0, 0, 3, 3, 12288, 1],
            ]
            : [
                [6, 6, 4, 0, 0, 4096, 1], [6, 6, 1, 3, 0, 4096, 1], [12, 12, 6, 0, 0, 12288, 1],
                [9, 9, 0, 6 - near, near, 12288, 1],
            ]
        for values in outcome.values { #expect(values == expected) }
    }
}
