import Foundation
import TestKit
import Testing

extension Commands {
    /// Words of a running cluster's shared memory are overwritten: the result is right, or a failure says what is wrong; never a trap, a
    /// hang, half a text with status 0, or anything left.
    @Suite("Scribbles")
    struct ScribbleTests {
        /// Runs the trials of the seeds from one on, and returns what was broken.
        static func run(_ count: Int, from seed: UInt64, say: Bool) throws -> [ScribbleTrial.Report] {
            let trial = try ScribbleTrial()
            var counts = ScribbleCount()
            var missed = 0
            var broken: [ScribbleTrial.Report] = []
            for number in 0..<UInt64(count) {
                guard let report = try trial.run(seed: seed &+ number) else {
                    missed += 1
                    continue
                }
                counts.add(report)
                if report.outcome == .broken {
                    broken.append(report)
                    Soak.say("\(report)")
                }
                if say, number % 100 == 99 { Soak.say("\(number + 1) scribbles, \(broken.count) broken") }
            }
            if say {
                for line in counts.lines { Soak.say("scribbled " + line) }
                Soak.say("scribbled in vain, as the run was over: \(missed)")
            }
            #expect(missed < max(count / 2, 1), "most runs were over before a word was stored")
            return broken
        }

        /// `SOFTPOD_TEST_SCRIBBLE` replays one trial.
        static let replayed = ProcessInfo.processInfo.environment["SOFTPOD_TEST_SCRIBBLE"].flatMap { UInt64($0) }

        @Test("An overwritten word gives the right result or a failure with its cause")
        func short() throws {
            let seed = Self.replayed ?? UInt64.random(in: 0...UInt64.max)
            let broken = try Self.run(Self.replayed == nil ? 24 : 1, from: seed, say: Self.replayed != nil)
            #expect(broken.isEmpty, "seeds from \(seed): \(broken.map(\.description).joined(separator: "\n"))")
        }
    }

    /// The same, two thousand times.
    @Suite("Scribble soak", .enabled(if: Soak.isOn))
    struct ScribbleSoakTests {
        @Test("Two thousand overwritten words give the right result or a failure with its cause")
        func long() throws {
            let count = Soak.count(2000)
            Soak.say("\(count) scribbles, seed \(Soak.seed)")
            let broken = try ScribbleTests.run(count, from: Soak.seed, say: true)
            #expect(broken.isEmpty, "seed \(Soak.seed): \(broken.map(\.description).joined(separator: "\n"))")
        }
    }
}
