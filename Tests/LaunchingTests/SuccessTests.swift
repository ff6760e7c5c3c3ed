import Launching
import NodeRuntime
import SharedMemory
import TestKit
import Testing
import Workers

extension RealClusters {
    /// What must not pass for a success, and what wrong results end with.
    @Suite("Success is shown")
    struct SuccessTests {
        /// Where the epoch's word lies in a segment.
        private static let epochOffset = 4096
        /// The epoch as nothing but a writer from outside leaves it: moved, without a verdict.
        private static let moved: [UInt8] = [1, 0, 0, 0, 0, 0, 0, 0]

        @Test(
            "When all failures only follow from something that nothing reported, the run fails in a line",
            arguments: [
                ["run", "--dies", "3", "--announce", "idle"], ["verify", "--dies", "3", "--soak", "60", "--seed", "1"],
                ["verify", "--dies", "3", "--dies-per-process", "3", "--soak", "60", "--seed", "1", "--json"],
                [
                    "generate", "--model", ClusterUnderTest.austen, "--dies", "2", "--ep", "2", "--max-tokens", "1500",
                    "--ignore-end", "--prompt", "It was a truth universally",
                ],
            ])
        func epochMoved(arguments: [String]) throws {
            let cluster = try ClusterUnderTest(arguments)
            switch arguments[0] {
            case "run": try cluster.line(containing: "rank 0: looping")
            case "generate": try cluster.output(containing: "universally")
            default: try cluster.line(containing: "under way")
            }
            let rank = try cluster.rank(0)
            try ClusterUnderTest.overwrite(Self.moved, at: Self.epochOffset, inSegmentOf: rank)
            let end = try cluster.end()
            #expect(end.code == 75, "\(end.messages)")
            #expect(end.messages.contains { $0.contains("rank ") && $0.contains("epoch") }, "\(end.messages)")
            expectNothingLeft(end)
        }

        @Test("The same over two hosts")
        func epochMovedOnOneHost() throws {
            let cluster = try loopingHosts()
            let rank = try #require(cluster.rankProcesses().first)
            try ClusterUnderTest.overwrite(Self.moved, at: Self.epochOffset, inSegmentOf: rank)
            let end = try cluster.end()
            #expect(end.code == 75, "\(end.messages)")
            #expect(end.messages.contains { $0.contains("rank ") && $0.contains("epoch") }, "\(end.messages)")
            expectNothingLeft(end)
        }

        @Test("Results that are overwritten while a soak judges them end with status 1, what was wrong, and a replay")
        func wrongResult() throws {
            let largest = 16 << 10
            let cluster = try ClusterUnderTest(["verify", "--dies", "2", "--soak", "2", "--seed", "5"])
            try cluster.line(containing: "under way")
            let rank = try cluster.rank(0)
            // Windows lie behind header, cluster block and control blocks, with a page after each; in a window the data of the soak
            // lie in front of the last 64 KiB.
            let windows = 8192 + 2 * 4096
            let stride = (try ClusterUnderTest.segmentByteCount(of: rank) - windows) / 2
            let data = windows + stride - 4096 - (64 << 10) - (2 * (2 * largest + 128) + 4096)
            let noise = [UInt8](repeating: 0x5A, count: largest)
            for _ in 0..<500 {
                // Where the soak has ended there is nothing to overwrite any more.
                guard (try? ClusterUnderTest.overwrite(noise, at: data + 1024, inSegmentOf: rank)) != nil else { break }
                _ = Descriptor.poll([], milliseconds: 1)  // So that not all writes fall into one step.
            }
            let end = try cluster.end()
            #expect(end.code == 1, "\(end.messages)")
            #expect(end.messages.contains { $0.hasPrefix("softpod: wrong: step ") }, "\(end.messages)")
            #expect(
                end.messages.last == "softpod: replay: softpod verify --dies 2 --soak 2 --seed 5", "\(end.messages)")
            expectNothingLeft(end)
        }

        @Test(
            "A host that says it is done without a die's result does not make a success", arguments: [[0, 1], [1], []])
        func missingResult(given: [Int]) throws {
            let hosts = [HostRoster.Host(name: "h0", dies: 2, isHere: true)]
            var roster = HostRoster(
                source: .started(hosts, RemoteShell(program: "softpod", directory: "/")), address: "tcp://127.0.0.1:*",
                keys: nil, commit: "abcdef")
            roster.startsAgents = false
            let coordinator = try Coordinator(roster) { _ in }
            try coordinator.rehearse(ClusterConfiguration(dieCount: 2, windowByteCount: 1 << 20, workload: "idle"))
            let run = coordinator.runNumber
            let hello = Introduction(
                token: coordinator.welcome.token, host: 0, tasks: 0..<0, taskCount: 0, name: "h0", process: 4711,
                commit: "abcdef", layoutDigest: SegmentLayout.abiDigest, topologyDigest: 0, linkKey: "")
            let messages: [HostMessage] =
                [.hello(hello), .ready(run: run, address: "tcp://127.0.0.1:4711"), .connected(run: run)]
                + given.map { .relayed(run: run, .result(die: $0, bytes: [1])) } + [.done(run: run)]
            for message in messages { try coordinator.hear(message.encoded, from: [1, 2, 3, 4, 5]) }
            #expect(coordinator.standing.phase == "ending")
            #expect(coordinator.standing.failure?.status == (given.count == 2 ? nil : .rankLost))
            coordinator.close()
        }
    }
}
