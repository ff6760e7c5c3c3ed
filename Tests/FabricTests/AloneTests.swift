import Baselines
import Fabric
import Launching
import SharedMemory
import TestKit
import Testing

/// Some ranks have a long part alone, the others none.
@Suite("Working alone")
struct AloneTests {
    private static func run(_ body: @escaping @Sendable (Team, Int) throws -> Void) throws -> [Int: FabricError] {
        let outcome = try ThreadCluster.run(dies: 3, timeout: .milliseconds(400), split: .oneHost(dies: 3)) { world in
            let word = try world.allocate(byteCount: 64).offset
            try world.endpoint.signal(.set, 0, at: world.endpoint.rank, word)
            try world.barrier()
            try body(world, word)
        }
        #expect(outcome.errors.count == outcome.fabricErrors.count, "\(outcome.errors)")
        return outcome.fabricErrors
    }

    @Test("Ranks without a part outlast their deadline while those that work make progress, one call after the other")
    func patient() throws {
        let errors = try Self.run { world, word in
            var awaited: UInt64 = 0
            for workers in [0..<1, 0..<2, 1..<2] as [Range<Rank>] {
                let end = Monotonic.now() + 600_000_000
                let done = try world.alone(workers, word: word, awaited: &awaited) {
                    // Each signal counts as a sign of life.
                    while Monotonic.now() < end { try world.endpoint.signal(.set, 1, at: 2, word + 32) }
                    return world.rank
                }
                #expect(done == (workers.contains(world.endpoint.rank) ? world.rank : nil))
            }
        }
        #expect(errors.isEmpty, "\(errors)")
    }

    @Test("A rank that works alone and stops is named by those that wait for it")
    func stopped() throws {
        let errors = try Self.run { world, word in
            var awaited: UInt64 = 0
            let end = Monotonic.now() + 2_500_000_000
            _ = try world.alone(0..<1, word: word, awaited: &awaited) { while Monotonic.now() < end {} }
        }
        for rank in 1...2 { #expect(errors[rank]?.peers == [0], "\(errors)") }
        #expect(errors[1]?.code == .timedOut && errors[2]?.code == .timedOut)
    }
}
