import SharedMemory
import TestKit
import Testing

extension Commands {
    /// Benchmarks have loops without doorbells, in which a die spins for a flag of another: those end at the deadline, too.
    @Suite("Stopped benchmarks")
    struct BenchStopTests {
        struct Bench: CustomTestStringConvertible, Sendable {
            var arguments: [String]
            /// How the phase begins in which a rank is stopped, and the rank.
            var phase: String
            var rank: Int
            var testDescription: String { arguments.joined(separator: " ") + ", rank \(rank) stopped in \(phase)" }
        }

        static let benches = [
            Bench(arguments: ["latency", "--dies", "2"], phase: "latency ping-pong", rank: 1),
            Bench(arguments: ["ordering", "--dies", "2"], phase: "ordering of", rank: 0),
            Bench(arguments: ["collectives", "--dies", "2"], phase: "bench limits", rank: 1),
            Bench(arguments: ["collectives", "--dies", "4"], phase: "bench limits", rank: 2),
            Bench(arguments: ["scale", "--dies", "4"], phase: "barriers", rank: 3),
        ]

        @Test("A rank stopped in a benchmark is named at the deadline, and the run ends", arguments: benches)
        func stopped(bench: Bench) throws {
            let seed = UInt64.random(in: 0...UInt64.max)
            var random = SeededGenerator(seed: seed)
            let cluster = try ClusterUnderTest(["bench"] + bench.arguments + ["--deadline", "2"])
            let scribbler = try Scribbler(rankProcess: try cluster.rank(0))
            while !scribbler.phase.hasPrefix(bench.phase), !scribbler.isOver, cluster.read(milliseconds: 1) {}
            let moment = Monotonic.now() + UInt64.random(in: 0...10_000_000, using: &random)
            while Monotonic.now() < moment {}
            let pid = try cluster.signal(process: bench.rank, 19)
            let end = try cluster.end()
            let said = end.messages.joined(separator: "\n")
            #expect(end.code == 75, "seed \(seed): \(said)")
            #expect(said.contains("rank \(bench.rank) (pid \(pid)) is stopped"), "seed \(seed): \(said)")
            #expect(end.leftovers == [], "seed \(seed)")
        }
    }
}
