import SharedMemory
import TestKit
import Testing

extension RealClusters {
    /// Ranks that die in the middle of collectives: whatever the operation, the algorithm and the step, everybody ends in moments, the dead
    /// is named, and nothing remains.
    @Suite("Losses in collectives")
    struct CollectiveLossTests {
        @Test("A rank killed at any moment of random collectives ends the run, and is named", arguments: 0..<8)
        func killed(round: Int) throws {
            let seed = UInt64.random(in: 0...UInt64(UInt32.max))
            var random = SeededGenerator(seed: seed)
            let dies = Int.random(in: 2...7, using: &random)
            let cluster = try ClusterUnderTest([
                "verify", "--soak", "600", "--dies", "\(dies)", "--seed", "\(seed)", "--largest", "64K",
            ])
            try cluster.line(containing: "under way")
            // Somewhere in the first steps, which take tens of microseconds to milliseconds each.
            let moment = Monotonic.now() + UInt64.random(in: 0...40_000_000, using: &random)
            while Monotonic.now() < moment {}
            let victim = Int.random(in: 0..<dies, using: &random)
            let pid = try cluster.signal(process: victim, kill)
            let end = try cluster.end()
            #expect(
                end.messages.contains { $0.contains("rank \(victim) (pid \(pid)) was killed by signal 9") },
                "seed \(seed): \(end.messages)")
            #expect(end.messages.contains { $0.contains("last collectives: ") }, "seed \(seed): \(end.messages)")
            #expect(end.code == 75, "seed \(seed)")
            #expect(end.leftovers == [], "seed \(seed)")
        }

        @Test("A rank stopped in the middle of collectives is named at the deadline", arguments: 0..<2)
        func stopped(round: Int) throws {
            let seed = UInt64.random(in: 0...UInt64(UInt32.max))
            let cluster = try ClusterUnderTest([
                "verify", "--soak", "600", "--dies", "4", "--seed", "\(seed)", "--deadline", "1",
            ])
            try cluster.line(containing: "under way")
            _ = try cluster.signal(process: 2, stop)
            let end = try cluster.end()
            #expect(end.messages.contains { $0.contains("rank 2") }, "seed \(seed): \(end.messages)")
            #expect(end.code == 75, "seed \(seed)")
            #expect(end.leftovers == [], "seed \(seed)")
        }
    }
}
