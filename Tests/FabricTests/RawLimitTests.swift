import Baselines
import Fabric
import Launching
import TestKit
import Testing

@Suite("Raw limits")
struct RawLimitTests {
    @Test("Nobody leaves a raw barrier before everybody has come", arguments: [1, 2, 3, 17], [false, true])
    func barrier(dies: Int, spins: Bool) throws {
        // The bare loops are for one segment, so on one host wherever others are split.
        let outcome = try ThreadCluster.run(dies: dies, split: .oneHost(dies: dies)) { world in
            let words = try world.allocate(byteCount: RawBarrier.byteCount)
            let area = try world.allocate(byteCount: 64)
            for word in [words.offset, words.offset + 64, area.offset] {
                try world.endpoint.signal(.set, 0, at: world.endpoint.rank, word)
            }
            try world.barrier()
            var early = 0
            for round in 1...50 {
                try world.endpoint.signal(.set, UInt64(round), at: world.endpoint.rank, area.offset)
                // One, two or three at a time: rounds are counted on from call to call.
                _ = try RawBarrier.run(
                    endpoint: world.endpoint, home: Rank(dies - 1), words: words, size: dies, rounds: 1 + round % 3,
                    spins: spins)
                for peer in 0..<dies where try world.endpoint.fetch(at: Rank(peer), area.offset) < UInt64(round) {
                    early += 1
                }
            }
            return early
        }
        #expect(outcome.errors.isEmpty, "\(outcome.errors)")
        #expect(outcome.values == Array(repeating: 0, count: dies))
    }

    @Test("A raw copy moves the bytes between windows that need not be one's own, and no others")
    func copy() throws {
        let outcome = try ThreadCluster.run(dies: 3, split: .oneHost(dies: 3)) { world in
            let area = try world.allocate(byteCount: 4096)
            let bytes = (0..<4096).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ world.rank) }
            try world.endpoint.put(bytes.span, to: world.endpoint.rank, at: area.offset)
            try world.barrier()
            if world.rank == 0 {
                RawMove.copy(
                    endpoint: world.endpoint, from: 1, at: area.offset + 5, to: 2, at: area.offset + 1001,
                    byteCount: 999)
            }
            try world.barrier()
            let got = try world.endpoint.get(UInt8.self, count: 4096, from: world.endpoint.rank, at: area.offset)
            var expected = bytes
            if world.rank == 2 {
                for index in 0..<999 { expected[1001 + index] = UInt8(truncatingIfNeeded: (5 + index) &* 7 &+ 1) }
            }
            return got == expected
        }
        #expect(outcome.errors.isEmpty, "\(outcome.errors)")
        #expect(outcome.values == [true, true, true])
    }
}
