import TestKit
import Testing

extension RealClusters {
    /// Ctrl-Z and what follows it.
    @Suite("Job control")
    struct JobControlTests {
        @Test("SIGTSTP stops ranks and agent, SIGCONT lets all go on")
        func stopAndGoOn() throws {
            let cluster = try looping(3)
            let ranks = try (0..<3).map { try cluster.rank($0) }
            for _ in 0..<2 {
                cluster.signalAgent(20)
                for process in ranks + [cluster.agent] { try cluster.state(of: process, oneOf: "T") }
                cluster.signalAgent(18)
                for process in ranks + [cluster.agent] { try cluster.state(of: process, oneOf: "RS") }
            }
            cluster.signalAgent(interrupt)
            let end = try cluster.end()
            #expect(end.messages == ["softpod: stopped by SIGINT"])
            #expect(end.code == 130 && end.leftovers == [])
        }

        @Test("A process that ignores SIGTSTP runs on")
        func ignored() throws {
            let cluster = try ClusterUnderTest(["run", "--announce", "--dies", "2", "idle"], setup: "trap '' TSTP")
            try cluster.line(containing: "looping")
            cluster.signalAgent(20)
            cluster.signalAgent(interrupt)
            let end = try cluster.end()
            #expect(end.messages == ["softpod: stopped by SIGINT"])
            #expect(end.code == 130 && end.leftovers == [])
        }

        @Test("A signal to a stopped run ends it when it goes on")
        func endWhileStopped() throws {
            let cluster = try looping(2)
            cluster.signalAgent(20)
            try cluster.state(of: cluster.agent, oneOf: "T")
            cluster.signalAgent(terminate)
            cluster.signalAgent(18)
            let end = try cluster.end()
            #expect(end.messages == ["softpod: stopped by SIGTERM"])
            #expect(end.code == 143 && end.leftovers == [])
        }
    }
}
