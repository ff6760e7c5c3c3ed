import Collectives
import Fabric
import Launching
import SharedMemory
import Tensors
import TestKit
import Testing

/// A sample of what holds on one host, over several: uneven ones, and more than two. `scripts/test --hosts N` runs all of it.
@Suite("Collectives over several hosts")
struct SplitTests {
    static let splits = [[3, 1], [1, 2, 1], [2, 2]].map { HostSplit($0) }

    @Test("Every operation equals the oracle by every algorithm, for the world and for teams of it", arguments: splits)
    func conformance(split: HostSplit) throws {
        let seed = UInt64.random(in: .min ... .max)
        for shape in [TeamShape.world(4), .rowsAndColumns(dies: 4, width: 2)] {
            let wrong = try judge(
                shape, algorithms: CollectiveConformanceTests.algorithms + [.automatic], split: split
            ) { size in CollectiveConformanceTests.sample(size, counts: [0, 1, 513], seed: seed) }
            #expect(wrong.isEmpty, "seed \(seed): \(wrong.prefix(3))")
        }
    }

    @Test(
        "Started operations of overlapping teams end in any order of tests and waits, and blocking ones come after them",
        arguments: splits)
    func streams(split: HostSplit) throws {
        let outcome = try ThreadCluster.run(dies: 4, timeout: .seconds(30), split: split) { world in
            let workspace = try CollectiveWorkspace(world, byteCount: 4096)
            let (row, column) = try world.split2D(width: 2)
            let area = try world.allocate(byteCount: 16 << 10)
            let endpoint = world.endpoint
            let mine = [UInt64](repeating: UInt64(1 << (8 * world.rank)), count: 64)
            try endpoint.put(mine.span, to: world.endpoint.rank, at: area.offset)
            var sums: [[UInt64]] = []
            for turn in 0..<20 {
                let requests = try [world, row, column].enumerated().map { index, team in
                    try Collective(team, workspace).start(
                        .allReduce(
                            area.slice(0, 512), into: area.slice(1024 + 512 * index, 512), type: .int32,
                            reduction: .sum,
                            algorithm: [.twoLevel(group: 2), .ring, .trampoline(group: 2)][(turn + index) % 3])
                    )
                }
                // Some poll, some wait, some leave it to the next blocking call.
                switch (turn + world.rank) % 3 {
                case 0:
                    while try !requests[2].test() {}
                    for request in requests.reversed() { try request.wait() }
                case 1:
                    for request in requests { try request.wait() }
                default: break
                }
                let sum = try Collective(world, workspace).allReduce(UInt64(turn), .sum)
                for request in requests { try request.wait() }
                sums.append(
                    try [sum]
                        + (0..<3).map { index in
                            try endpoint.get(
                                UInt64.self, count: 64, from: world.endpoint.rank, at: area.offset + 1024 + 512 * index)[
                                    63]
                        })
            }
            return sums
        }
        #expect(outcome.errors.isEmpty, "\(outcome.errors)")
        for (rank, sums) in outcome.values.enumerated() {
            let row: UInt64 = rank < 2 ? 0x0101 : 0x0101_0000
            let column: UInt64 = rank % 2 == 0 ? 0x0001_0001 : 0x0100_0100
            for (turn, sum) in (sums ?? []).enumerated() {
                #expect(sum == [4 * UInt64(turn), 0x0101_0101, row, column])
            }
            #expect(sums?.count == 20)
        }
    }

    @Test("A test waits for no member, whatever was started", arguments: splits, CollectiveOperation.allCases)
    func polling(split: HostSplit, operation: CollectiveOperation) throws {
        try Self.poll(operation, .automatic, split: split)
    }

    // An all-to-all of differing lengths publishes its table, and so is carried out as one piece where windows are mapped.
    @Test(
        "A test waits for no member where all windows are mapped, whatever was started by whichever algorithm",
        arguments: CollectiveCatalog.all.filter { $0.operation != .allToAllV }.map(\.name))
    func pollingNear(name: String) throws {
        let entry = try #require(CollectiveCatalog.all.first { $0.name == name })
        try Self.poll(entry.operation, entry.algorithm, split: .oneHost(dies: 4))
    }

    private static func poll(
        _ operation: CollectiveOperation, _ algorithm: CollectiveAlgorithm, split: HostSplit?
    ) throws {
        let seed = UInt64.random(in: .min ... .max)
        var random = SeededGenerator(seed: seed)
        var trial = CollectiveTrial(operation, size: 4, count: 100, seed: random.next())
        while operation == .sendReceive, trial.shift != 1 { trial.seed = random.next() }
        while operation.isRooted, trial.root != 3 { trial.seed = random.next() }
        let judged = JudgedTrial(trial)
        let outcome = try ThreadCluster.run(
            dies: 4, windowByteCount: (1 << 19) + judged.trial.areaByteCount, timeout: .seconds(30), split: split
        ) { world -> Bool in
            let collective = Collective(world, try CollectiveWorkspace(world, byteCount: 4096))
            let area = try world.allocate(byteCount: judged.trial.areaByteCount)
            let told = try world.allocate(byteCount: 64)
            let (source, destination) = judged.trial.regions(of: world.rank, in: area)
            try judged.trial.fill(world.rank, world.endpoint, at: source)
            // The last comes when all others have tested in vain, or had no need of it.
            if world.rank == 3 { try world.endpoint.wait(at: told.offset, until: .equal, 3) }
            let request = try collective.start(
                judged.trial.call(world.rank, source: source, destination: destination, algorithm: algorithm))
            if world.rank != 3 {
                for _ in 0..<50 { _ = try request.test() }
                try world.endpoint.signal(.add, 1, at: 3, told.offset)
            }
            while try !request.test() {}
            let got = try world.endpoint.get(
                UInt8.self, count: destination.byteCount, from: world.endpoint.rank, at: destination.offset)
            return judged.expected[world.rank].map { $0 == got } ?? true
        }
        #expect(outcome.errors.isEmpty, "seed \(seed): \(outcome.errors)")
        #expect(outcome.values == [true, true, true, true], "seed \(seed)")
    }
}
