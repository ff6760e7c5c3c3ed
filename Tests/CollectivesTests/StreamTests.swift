import Collectives
import Fabric
import SharedMemory
import Tensors
import TestKit
import Testing

/// Started operations: the same results as blocking ones, in the order of their team's stream, whoever tests or waits first.
@Suite("Collective streams")
struct StreamTests {
    static let policies: [(name: String, policy: WaitPolicy?)] = [
        ("census", nil), ("flags", WaitPolicy(spinCount: 200, yieldNanoseconds: 1_000_000)),
    ]

    @Test(
        "Operations started one after the other and ended in any way equal the oracle",
        arguments: TransportCatalog.all.map(\.name), [1, 2, 3, 6])
    func streams(route: String, dies: Int) throws {
        let entry = try #require(TransportCatalog.all.first { $0.name == route })
        let seed = UInt64.random(in: .min ... .max)
        let trials = CollectiveConformanceTests.sample(dies, counts: [0, 3, 700, 5000], seed: seed).map(
            JudgedTrial.init)
        let area = trials.map(\.trial.areaByteCount).reduce(0) { $0 + ($1 + 127) / 128 * 128 }
        for (name, policy) in Self.policies {
            let outcome = try ThreadCluster.run(
                dies: dies, windowByteCount: area + (1 << 19), route: entry, policy: policy
            ) { world in
                let collective = Collective(world, try CollectiveWorkspace(world, byteCount: 16 << 10))
                let heap = try world.allocate(byteCount: area)
                var random = SeededGenerator(seed: seed, UInt64(world.rank))
                var requests: [(CollectiveRequest, JudgedTrial, Region)] = []
                var offset = 0
                for judged in trials {
                    let place = heap.slice(offset, judged.trial.areaByteCount)
                    offset += (place.byteCount + 127) / 128 * 128
                    let (source, destination) = judged.trial.regions(of: world.rank, in: place)
                    try judged.trial.fill(world.rank, world.endpoint, at: source)
                    let call = judged.trial.call(
                        world.rank, source: source, destination: destination, algorithm: .automatic)
                    requests.append((try collective.start(call), judged, destination))
                    // Some look now and then, some never: whoever waits carries the others' work.
                    if Int.random(in: 0..<4, using: &random) == 0, let any = requests.randomElement(using: &random) {
                        _ = try any.0.test()
                    }
                }
                for (request, _, _) in requests.shuffled(using: &random) { try request.wait() }
                return try requests.compactMap { (request, judged, destination) -> String? in
                    let got = try world.endpoint.get(
                        UInt8.self, count: destination.byteCount, from: world.endpoint.rank, at: destination.offset)
                    guard request.isOver, try request.test() else { return "\(judged.trial) has not ended" }
                    guard let right = judged.expected[world.rank] else { return nil }
                    return got == right ? nil : "\(judged.trial) at \(world.rank)"
                }
            }
            #expect(outcome.errors.isEmpty, "seed \(seed), \(name): \(outcome.errors)")
            #expect(outcome.values.allSatisfy { $0 == [] }, "seed \(seed), \(name): \(outcome.values)")
        }
    }

    @Test("A start returns while another member is still to come, and the work is done by those who wait")
    func overlap() throws {
        let outcome = try ThreadCluster.run(dies: 3) { world in
            let collective = Collective(world, try CollectiveWorkspace(world, byteCount: 4096))
            let area = try world.allocate(byteCount: 3 * 4096)
            var mine = area.slice(0, 1024)
            try world.endpoint.put(
                [Float](repeating: Float(world.rank + 1), count: 256).span, to: world.endpoint.rank, at: mine.offset)
            if world.rank == 2 {
                // Comes only after the others have started, and said so.
                for peer in 0..<2 {
                    try world.endpoint.wait(at: area.offset + 8192 + 64 * peer, reaches: 1, operation: .wait)
                }
            }
            mine = area.slice(0, 1024)
            let request = try collective.start(
                .allReduce(mine, into: area.slice(4096, 1024), type: .float32, reduction: .sum))
            if world.rank < 2 {
                let early = try request.test()
                try world.endpoint.signal(.set, 1, at: 2, area.offset + 8192 + 64 * world.rank)
                if early { return [Float]() }
            }
            try request.wait()
            return try world.endpoint.get(Float.self, count: 256, from: world.endpoint.rank, at: area.offset + 4096)
        }
        #expect(outcome.errors.isEmpty, "\(outcome.errors)")
        for values in outcome.values { #expect(values == [Float](repeating: 6, count: 256)) }
    }

    @Test("Streams of different teams do not wait for each other")
    func teams() throws {
        let outcome = try ThreadCluster.run(dies: 4) { world in
            let workspace = try CollectiveWorkspace(world, byteCount: 4096)
            let (row, column) = try world.split2D(width: 2)
            let area = try world.allocate(byteCount: 4096)
            let rows = Collective(row, workspace)
            let columns = Collective(column, workspace)
            let first = try rows.start(.allGather(area.slice(0, 256), into: area.slice(256, 512)))
            let second = try columns.start(.allGather(area.slice(0, 256), into: area.slice(1024, 512)))
            // Half of the dies end them in the other order.
            for request in world.rank % 2 == 0 ? [first, second] : [second, first] { try request.wait() }
            return first.isOver && second.isOver
        }
        #expect(outcome.errors.isEmpty, "\(outcome.errors)")
        #expect(outcome.values == [true, true, true, true])
    }

    @Test("When an operation fails, those started after it throw the same error")
    func failure() throws {
        let outcome = try ThreadCluster.run(dies: 3) { world in
            let workspace = try CollectiveWorkspace(world, byteCount: 4096)
            workspace.timeout = .seconds(2)
            let area = try world.allocate(byteCount: 4096)
            guard world.rank != 2 else { return true }
            let collective = Collective(world, workspace)
            let first = try collective.start(.allGather(area.slice(0, 256), into: area.slice(256, 768)))
            let second = try collective.start(.barrier())
            #expect(throws: FabricError.self) { try second.wait() }
            let final = try #require(workspace.failure)
            #expect(throws: final) { try first.wait() }
            #expect(final.peers == [2])
            return !first.isOver && !second.isOver
        }
        #expect(outcome.values == [true, true, true], "\(outcome.errors)")
    }
}
