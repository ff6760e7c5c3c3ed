import Foundation
import TestKit
import Testing

extension RealClusters {
    /// Runs on a /dev/shm that fills up at any moment.
    @Suite("Space soak", .enabled(if: Soak.isOn))
    struct SpaceSoakTests {
        @Test(
            "A /dev/shm that fills up at any moment leaves three outcomes, and never a run without a line",
            .enabled(if: ClusterUnderTest.mountObstacle == nil, "needs mount namespaces"))
        func fillingUp() throws {
            var random = SeededGenerator(seed: Soak.seed)
            var counts: [String: Int] = [:]
            let whole = Soak.count(200)
            for run in 0..<whole {
                let outcome = try Self.run(&random)
                counts[outcome.kind, default: 0] += 1
                if let fault = outcome.fault { Issue.record("run \(run), seed \(Soak.seed): \(fault)") }
            }
            let text = counts.sorted { $0.key < $1.key }.map { "\($0.value) \($0.key)" }.joined(separator: ", ")
            Soak.say("\(whole) runs on a /dev/shm that fills up, seed \(Soak.seed): \(text)")
            #expect(counts.values.reduce(0, +) == whole)
        }

        /// One run: how it ended, and what is wrong with that.
        private static func run(_ random: inout SeededGenerator) throws -> (kind: String, fault: String?) {
            let dies = Int.random(in: 2...8, using: &random)
            let megabytes = Int.random(in: 2...4, using: &random)
            let cluster = try ClusterUnderTest(
                ["run", "--announce", "--dies", "\(dies)", "--json", "--all-to-all", "4K", "smoke"],
                sharedMemory: .sized("\(megabytes)m"))
            let moment = Int.random(in: 0...3, using: &random)
            let turns = Int.random(in: 0...120, using: &random)
            let kept = Bool.random(using: &random) ? 0 : Int.random(in: 0...40, using: &random)
            // It may have ended before the moment came; then there is nothing to fill, and nothing wrong.
            do {
                switch moment {
                case 0: break
                case 1: _ = try cluster.rank(Int.random(in: 0..<dies, using: &random))
                case 2: try cluster.line(containing: "started ")
                default:
                    for _ in 0..<turns where !cluster.read(milliseconds: 1) { break }
                }
                try cluster.fillSharedMemory(leaving: kept)
            } catch is ClusterUnderTest.HarnessError {}
            let end = try cluster.end()
            let story = "\(String(describing: end.code)) \(String(describing: end.signal)) \(end.messages)"
            guard end.leftovers == [] else { return ("with leftovers", "\(end.leftovers) \(story)") }
            if end.code == 0 {
                let isRight = end.output.contains("\"wrong\":0")
                let place = end.output.contains("\"memory\":\"memfd\"") ? "right on a memfd" : "right on /dev/shm"
                return (place, isRight && end.messages == [] ? nil : story + end.output)
            }
            // What the flight recorders held is said beside the headline, where there is anything.
            let headlines = end.messages.filter { !$0.hasPrefix("softpod: last collectives: ") }
            guard headlines.count == 1, let line = headlines.first else { return ("without its line", story) }
            if end.code == 69, line.contains("not enough shared memory") { return ("refused", nil) }
            let isNamed = line.contains("ran out of shared memory: /dev/shm is full")
            return isNamed && end.code == 75 ? ("ended with the cause", nil) : ("otherwise", story)
        }
    }
}
