import CCounting
import Fabric
import Launching
import SharedMemory
import TestKit
import Testing

/// Whether this build can count: not under a sanitizer, where the suite is skipped, and said to be.
enum Counting {
    static let isPossible: Bool = {
        let can = softpod_counting_begin() != 0
        _ = softpod_counting_end()  // Nothing was to be counted.
        return can
    }()
}

/// What the hot operations must not do: allocate, retain, release.
@Suite(
    "One-sided operations cost nothing but themselves",
    .enabled(if: Counting.isPossible, "a sanitizer has the allocator: nothing can be counted"))
struct OneSidedCostTests {
    /// What one hot operation does, in a loop the optimiser cannot merge with the harness.
    struct Probe: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var run: @Sendable (Endpoint, Int) throws -> Void
    }

    static let rounds = 10_000

    static let probes: [Probe] = [
        Probe(testDescription: "store") { endpoint, offset in
            for turn in 0..<rounds { try endpoint.store(UInt64(turn), to: 1, at: offset) }
        },
        Probe(testDescription: "load") { endpoint, offset in
            var sum: UInt64 = 0
            for _ in 0..<rounds { sum &+= try endpoint.load(UInt64.self, from: 1, at: offset) }
            try endpoint.store(sum, to: 1, at: offset)
        },
        Probe(testDescription: "put 8 B") { endpoint, offset in
            for _ in 0..<rounds { try endpoint.put(from: offset + 64, byteCount: 8, to: 1, at: offset) }
        },
        Probe(testDescription: "put_nbi 8 B and quiet") { endpoint, offset in
            for _ in 0..<rounds {
                try endpoint.putNonBlocking(from: offset + 64, byteCount: 8, to: 1, at: offset)
                try endpoint.quiet()
            }
        },
        Probe(testDescription: "get") { endpoint, offset in
            for _ in 0..<rounds { try endpoint.get(from: 1, at: offset, byteCount: 8, to: offset + 64) }
        },
        Probe(testDescription: "fetch-add") { endpoint, offset in
            for _ in 0..<rounds { try endpoint.fetchAdd(1, at: 1, offset + 128) }
        },
        Probe(testDescription: "compare-swap") { endpoint, offset in
            for turn in 0..<UInt64(rounds) {
                _ = try endpoint.compareSwap(expected: turn, desired: turn + 1, at: 1, offset + 128)
            }
        },
        Probe(testDescription: "signal") { endpoint, offset in
            for turn in 0..<rounds { try endpoint.signal(.set, UInt64(turn), at: 1, offset + 128) }
        },
        Probe(testDescription: "putSignal") { endpoint, offset in
            let bytes = endpoint.bytes(at: offset + 64, byteCount: 8)
            for turn in 0..<UInt64(rounds) {
                try endpoint.putSignal(bytes, to: 1, at: offset, signal: .set, turn, at: offset + 128)
            }
        },
        Probe(testDescription: "test") { endpoint, offset in
            for turn in 0..<UInt64(rounds) where endpoint.test(at: offset + 192, .equal, turn + 1) {
                try endpoint.fence()
            }
        },
        Probe(testDescription: "wait that is satisfied") { endpoint, offset in
            for _ in 0..<rounds { try endpoint.wait(at: offset + 192, until: .equal, 0) }
        },
    ]

    /// Counts what `body` does on one die of a pair whose windows are mapped.
    static func count(_ body: @escaping @Sendable (Endpoint, Int) throws -> Void) throws -> softpod_counts? {
        let outcome = try ThreadCluster.run(dies: 2, split: .oneHost(dies: 2)) { world -> [UInt64] in
            let area = try world.allocate(byteCount: 4096)
            try world.barrier()
            var found: [UInt64] = []
            if world.rank == 0 {
                let endpoint = world.endpoint
                if softpod_counting_begin() != 0 {
                    try body(endpoint, area.offset)
                    let counts = softpod_counting_end()
                    found = [counts.allocations, counts.retains, counts.releases, counts.objects]
                }
            }
            try world.barrier()
            return found
        }
        #expect(outcome.errors.isEmpty, "\(outcome.errors)")
        guard let values = outcome.values[0], values.count == 4 else { return nil }
        return softpod_counts(allocations: values[0], retains: values[1], releases: values[2], objects: values[3])
    }

    @Test("Ten thousand of a hot operation allocate, retain and release next to nothing", arguments: probes)
    func hot(probe: Probe) throws {
        let counts = try #require(try Self.count(probe.run))
        // The call of the probe itself may retain what it is given; an operation that did would show ten thousand times.
        #expect(counts.allocations == 0 && counts.objects == 0, "\(counts)")
        #expect(counts.retains <= 8 && counts.releases <= 8, "\(counts)")
    }

    @Test("A thousand messages on a channel, or in lines, cost both ends no allocation and no retain")
    func messages() throws {
        // Of a pair whose windows are mapped.
        let outcome = try ThreadCluster.run(
            dies: 2, timeout: .seconds(20), split: .oneHost(dies: 2)
        ) { world -> [UInt64] in
            let endpoint = world.endpoint
            let plan = ChannelPlan(slotCount: 64, slotByteCount: 512, batch: 4)
            let region = try world.allocate(byteCount: plan.byteCount)
            let lineRegion = try world.allocate(byteCount: LinePlan().byteCount)
            let bytes = [UInt8](repeating: 1, count: 40)
            var sink = [UInt8](repeating: 0, count: 512)
            var span = sink.mutableSpan
            let sender = ChannelSender(endpoint, to: 1, region: region, plan: plan)
            let receiver = ChannelReceiver(endpoint, from: 0, region: region, plan: plan)
            let lineSender = LineSender(endpoint, to: 1, region: lineRegion, plan: LinePlan())
            let lineReceiver = LineReceiver(endpoint, from: 0, region: lineRegion, plan: LinePlan())
            try world.barrier()
            guard softpod_counting_begin() != 0 else { return [] }
            if world.rank == 0 {
                for _ in 0..<1000 { try sender.send(bytes.span) }
                for _ in 0..<1000 { try lineSender.send(bytes.span) }
            } else {
                for _ in 0..<1000 { _ = try receiver.receive(into: &span) }
                for _ in 0..<1000 { _ = try lineReceiver.receive(into: &span) }
            }
            let counts = softpod_counting_end()
            return [counts.allocations, counts.objects, counts.retains, counts.releases]
        }
        #expect(outcome.errors.isEmpty, "\(outcome.errors)")
        #expect(outcome.values.compactMap { $0?.count } == [4, 4])
        for counts in outcome.values.compactMap({ $0 }) where counts.count == 4 {
            // The runtime sets something up once, on the first slow wait; a message that allocated would show a thousand times.
            #expect(counts[0] <= 8 && counts[1] == 0, "\(counts)")
            #expect(counts[2] <= 8 && counts[3] <= 8, "\(counts)")
        }
    }

    final class Planted {
        var value = 0
        @inline(never) init(_ value: Int) { self.value = value }
    }

    @inline(never)
    static func keep(_ object: AnyObject?, in store: inout [AnyObject?], at index: Int) { store[index] = object }

    @Test("The counter sees a planted allocation and a planted retain")
    func planted() throws {
        let allocated = try Self.count { _, _ in
            var store: [AnyObject?] = [nil]
            for turn in 0..<100 { Self.keep(Planted(turn), in: &store, at: 0) }
        }
        let objects = try #require(allocated)
        #expect(objects.objects >= 100 && objects.allocations >= 100, "\(objects)")
        let retained = try Self.count { endpoint, _ in
            var store: [AnyObject?] = [nil, nil]
            for turn in 0..<100 {
                Self.keep(endpoint, in: &store, at: turn & 1)
                Self.keep(nil, in: &store, at: turn & 1)
            }
        }
        let counts = try #require(retained)
        #expect(counts.retains >= 100 && counts.releases >= 100, "\(counts)")
    }
}
