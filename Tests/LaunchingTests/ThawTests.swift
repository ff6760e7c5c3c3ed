import TestKit
import Testing

extension RealClusters {
    /// Clusters that stand still for longer than any of their waits lasts, and go on.
    @Suite("Stops and thaws")
    struct ThawTests {
        static let suspend: Int32 = 20
        static let goOn: Int32 = 18

        /// It runs on after a stop, where waits that had counted it would have ended at once, and ends as it is told to.
        private func expectRuns(_ cluster: ClusterUnderTest, from location: SourceLocation = #_sourceLocation) throws {
            #expect(cluster.runs(milliseconds: 1_200), "\(cluster.lines)", sourceLocation: location)
            cluster.signalAgent(interrupt)
            let end = try cluster.end()
            #expect(end.messages == ["softpod: stopped by SIGINT"], sourceLocation: location)
            #expect(end.code == 130, sourceLocation: location)
            expectNothingLeft(end, from: location)
        }

        @Test("A machine that was frozen for longer than the deadline goes on")
        func frozen() throws {
            let cluster = try looping(4, diesPerProcess: 2, ["--deadline", "2"])
            cluster.freeze(cluster.marked(), milliseconds: 3_200)
            try expectRuns(cluster)
        }

        @Test("Hosts that were frozen for longer than deadline and links last go on")
        func frozenHosts() throws {
            let cluster = try loopingHosts(["--deadline", "2"])
            cluster.freeze(cluster.marked(), milliseconds: 7_200)
            try expectRuns(cluster)
        }

        @Test("A rank that was stopped for less than the deadline blames no other")
        func oneRank() throws {
            let cluster = try looping(4, ["--deadline", "2"])
            cluster.freeze([try cluster.rank(1)], milliseconds: 1_200)
            try expectRuns(cluster)
        }

        @Test("A coordinator that was stopped for longer than its agents may be silent goes on, without a word")
        func coordinator() throws {
            let cluster = try loopingHosts(["--deadline", "2"])
            cluster.freeze([cluster.agent], milliseconds: 10_500)
            try expectRuns(cluster)
        }

        @Test("The same for half a minute", .enabled(if: Soak.isOn))
        func coordinatorSoak() throws {
            let cluster = try loopingHosts(["--deadline", "2"])
            cluster.freeze([cluster.agent], milliseconds: 40_000)
            try expectRuns(cluster)
        }

        @Test("Ctrl-Z stops the ranks of all hosts and then the coordinator, and all go on together")
        func suspendHosts() throws {
            let cluster = try loopingHosts(["--deadline", "2"])
            let ranks = try cluster.agents(2).flatMap { try cluster.ranks(of: $0, 2) }
            cluster.signalAgent(Self.suspend)
            for pid in ranks + [cluster.agent] { try cluster.await(pid, state: "T") }
            #expect(cluster.runs(milliseconds: 2_500), "\(cluster.lines)")
            #expect(ranks.allSatisfy { cluster.state(of: $0) == "T" })
            cluster.signalAgent(Self.goOn)
            try expectRuns(cluster)
        }

        @Test("A coordinator that is killed while it is suspended leaves nothing, though all ranks are stopped")
        func killedWhileSuspended() throws {
            let cluster = try loopingHosts()
            cluster.signalAgent(Self.suspend)
            try cluster.await(cluster.agent, state: "T")
            cluster.signalAgent(kill)
            let end = try cluster.end()
            #expect(end.messages.allSatisfy { $0.contains("the coordinator that started this agent is gone") })
            #expect(end.messages.count == 2 && end.signal == kill, "\(end.messages)")
            expectNothingLeft(end)
        }
    }
}
