import TestKit
import Testing

extension RealClusters {
    /// The user stops a run, once or twice.
    @Suite("Interruptions")
    struct InterruptTests {
        @Test(
            "A signal drains the run, and the exit code says which it was",
            arguments: [(2, 130, "SIGINT"), (15, 143, "SIGTERM"), (1, 129, "SIGHUP")], [1, 2])
        func drain(signal: (number: Int32, code: Int32, name: String), diesPerProcess: Int) throws {
            let cluster = try looping(5, diesPerProcess: diesPerProcess)
            cluster.signalAgent(signal.number)
            let end = try cluster.end()
            #expect(end.messages == ["softpod: stopped by \(signal.name)"])
            #expect(end.code == signal.code)
            #expect(end.leftovers == [])
            #expect(end.files == [])
        }

        @Test("A signal while ranks are still starting ends the start", arguments: [0, 4])
        func atStart(after process: Int) throws {
            let cluster = try starting(16)
            _ = try cluster.rank(process)
            cluster.signalAgent(interrupt)
            let end = try cluster.end()
            #expect(end.messages == ["softpod: stopped by SIGINT"])
            #expect(end.code == 130)
            #expect(end.leftovers == [])
            #expect(end.files == [])
        }

        @Test("Who does not listen is killed: after the grace, or at the second signal", arguments: [1, 2])
        func stoppedRank(signals: Int) throws {
            let cluster = try looping(4)
            try cluster.signal(process: 1, stop)
            for _ in 0..<signals { cluster.signalAgent(interrupt) }
            let end = try cluster.end()
            #expect(end.messages == ["softpod: stopped by SIGINT"])
            #expect(end.code == 130)
            #expect(end.leftovers == [])
        }

        @Test("An interrupted generation has delivered its text so far and its summary")
        func generating() throws {
            let cluster = try ClusterUnderTest([
                "generate", "--model", ClusterUnderTest.austen, "--dies", "4", "--max-tokens", "2000", "--json",
                "--prompt", "It was a truth universally", "--ignore-end",
            ])
            // Tokens are not shown before their request ends with --json; the ranks' start is what can be waited for.
            _ = try cluster.rank(3)
            cluster.signalAgent(interrupt)
            let end = try cluster.end()
            #expect(end.messages == ["softpod: stopped by SIGINT"])
            #expect(end.code == 130)
            let summary = try #require(end.outputLines.last)
            #expect(summary.contains("\"complete\":false"), "\(end.output)")
            // No die has handed in a result, so nothing that only they know is a number.
            for name in ["steps", "loadSeconds", "generateSeconds", "cpuSeconds", "tokensPerSecond", "expertLoad"] {
                #expect(summary.contains("\"\(name)\":null"), "\(name): \(summary)")
            }
            #expect(summary.contains("\"exchangeBytes\":null"), "\(summary)")
            #expect(end.leftovers == [])
        }
    }
}
