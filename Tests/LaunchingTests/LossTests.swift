import TestKit
import Testing

extension RealClusters {
    /// Ranks and agents that die, at the moments that differ: while starting, and while running.
    @Suite("Losses")
    struct LossTests {
        @Test(
            "A killed rank ends the run, and one line names it, its process, its signal and its phase",
            arguments: [1, 2, 3])
        func rankKilled(diesPerProcess: Int) throws {
            let cluster = try looping(6, diesPerProcess: diesPerProcess)
            let pid = try cluster.signal(process: 1, kill)
            let end = try cluster.end()
            let name = ["rank 1", "ranks 2-3", "ranks 3-5"][diesPerProcess - 1]
            #expect(end.messages.count == 1, "\(end.messages)")
            #expect(
                end.messages.first?.hasPrefix(
                    "softpod: \(name) (pid \(pid)) was killed by signal 9 (SIGKILL) in phase barrier loop") == true,
                "\(end.messages)")
            #expect(end.code == 75)
            #expect(end.leftovers == [])
            #expect(end.files == [], "A rank that wrote nothing leaves no log")
        }

        @Test("A rank killed while others are still starting ends the start, and is named", arguments: [0, 3, 7])
        func rankKilledAtStart(victim: Int) throws {
            let cluster = try starting(8)
            let pid = try cluster.signal(process: victim, kill)
            let end = try cluster.end()
            #expect(end.messages.count == 1, "\(end.messages)")
            #expect(
                end.messages.first?.hasPrefix(
                    "softpod: rank \(victim) (pid \(pid)) was killed by signal 9 (SIGKILL) in phase ") == true,
                "\(end.messages)")
            #expect(end.code == 75)
            #expect(end.leftovers == [])
        }

        @Test("A killed agent is named once, with its phase, by the ranks it leaves behind", arguments: [1, 3])
        func agentKilled(diesPerProcess: Int) throws {
            let cluster = try looping(6, diesPerProcess: diesPerProcess)
            cluster.signalAgent(kill)
            let end = try cluster.end()
            #expect(
                end.messages == [
                    "softpod: the agent (pid \(cluster.agent)) died in phase barrier loop; all ranks end"
                ])
            #expect(end.signal == kill)
            #expect(end.leftovers == [])
            #expect(end.files == [])
        }

        @Test("An agent killed while it starts its ranks leaves nothing", arguments: [0, 2, 7])
        func agentKilledAtStart(after process: Int) throws {
            let cluster = try starting(8)
            _ = try cluster.rank(process)
            cluster.signalAgent(kill)
            let end = try cluster.end()
            #expect(end.messages.count == 1, "\(end.messages)")
            #expect(
                end.messages.first?.hasPrefix("softpod: the agent (pid \(cluster.agent)) died in phase ") == true,
                "\(end.messages)")
            #expect(end.signal == kill)
            #expect(end.leftovers == [])
        }

        @Test(
            "When agent and rank are killed, both are named, unless the rank was reported before the agent fell",
            arguments: [true, false])
        func bothKilled(agentFirst: Bool) throws {
            let cluster = try looping(6)
            // The rank is known before the first shot, so that the two fall together.
            let pid = try cluster.rank(4)
            if agentFirst { cluster.signalAgent(kill) }
            try cluster.signal(process: 4, kill)
            if !agentFirst { cluster.signalAgent(kill) }
            let end = try cluster.end()
            let text = end.messages.joined(separator: "\n")
            #expect(end.signal == kill)
            #expect(end.leftovers == [])
            #expect(text.contains("rank 4 (pid \(pid))"), "\(text)")
            // An agent that fell a moment later has told of the rank, and sent the others home.
            let isNamed = text.contains("the agent (pid \(cluster.agent)) died in phase barrier loop")
            #expect(isNamed || !agentFirst, "\(text)")
        }

        /// The agent dies so soon after that the rank may stop only when it is alone.
        @Test("A stopped rank ends with its agent", arguments: 0..<8)
        func stoppedRankOfKilledAgent(turn: Int) throws {
            let cluster = try looping(4)
            try cluster.signal(process: 1, stop)
            cluster.signalAgent(kill)
            let end = try cluster.end()
            #expect(
                end.messages == [
                    "softpod: the agent (pid \(cluster.agent)) died in phase barrier loop; all ranks end"
                ])
            #expect(end.leftovers == [])
        }

        @Test("A stopped rank is named by those that wait for it, and by the agent", arguments: [1, 2])
        func rankStopped(diesPerProcess: Int) throws {
            let cluster = try looping(6, diesPerProcess: diesPerProcess, ["--deadline", "1"])
            let process = 2
            let pid = try cluster.signal(process: process, stop)
            let end = try cluster.end()
            let report = try #require(end.messages.first)
            #expect(end.messages.count == 1, "\(end.messages)")
            #expect(report.contains(" ms for rank"), "\(report)")
            #expect(report.contains("in phase barrier loop"), "\(report)")
            #expect(report.contains(" (pid \(pid)) is stopped"), "\(report)")
            #expect(end.code == 75)
            #expect(end.leftovers == [])
        }

        @Test("Every rank killed at once is one report")
        func allRanksKilled() throws {
            let cluster = try looping(4)
            for process in 0..<4 { _ = try cluster.rank(process) }
            for process in 0..<4 { try cluster.signal(process: process, kill) }
            let end = try cluster.end()
            #expect(end.messages.count == 1, "\(end.messages)")
            #expect(end.messages.first?.contains("was killed by signal 9 (SIGKILL) in phase barrier loop") == true)
            #expect(end.code == 75)
            #expect(end.leftovers == [])
        }

        @Test("A rank killed while it generates text ends the run; so does the agent", arguments: [true, false])
        func generating(isAgent: Bool) throws {
            let cluster = try ClusterUnderTest([
                "generate", "--model", ClusterUnderTest.austen, "--dies", "4", "--max-tokens", "2000",
            ])
            try cluster.output(containing: "universally different")
            let pid = try isAgent ? cluster.agent : cluster.rank(3)
            if isAgent { cluster.signalAgent(kill) } else { try cluster.signal(process: 3, kill) }
            let end = try cluster.end()
            let name = isAgent ? "the agent (pid \(pid)) died in phase " : "rank 3 (pid \(pid)) was killed by signal 9"
            #expect(end.messages.contains { $0.contains(name) }, "\(end.messages)")
            #expect(isAgent ? end.signal == kill : end.code == 75)
            #expect(end.leftovers == [])
        }
    }
}
