import TestKit
import Testing

extension RealClusters {
    /// The user stops a run over several hosts.
    @Suite("Interruptions over hosts")
    struct HostInterruptTests {
        @Test(
            "A signal drains the run of all hosts, once and twice",
            arguments: [(2, 130, "SIGINT"), (15, 143, "SIGTERM"), (1, 129, "SIGHUP")], [1, 2])
        func drain(signal: (number: Int32, code: Int32, name: String), times: Int) throws {
            let cluster = try loopingHosts()
            for _ in 0..<times { cluster.signalAgent(signal.number) }
            let end = try cluster.end()
            #expect(end.messages == ["softpod: stopped by \(signal.name)"])
            #expect(end.code == signal.code)
            expectNothingLeft(end)
        }

        @Test("The same over namespaces", .namespaces, arguments: [(2, 130), (15, 143)] as [(Int32, Int32)])
        func drainSpaces(signal: Int32, code: Int32) throws {
            let cluster = try loopingHosts(inSpaces: true)
            cluster.signalAgent(signal)
            let end = try cluster.end()
            #expect(end.messages.count == 1, "\(end.messages)")
            #expect(end.code == code)
            expectNothingLeft(end)
        }

        @Test("A terminal's Ctrl-C goes to every process of the foreground, and is an interruption all the same")
        func foreground() throws {
            let cluster = try loopingHosts()
            for pid in cluster.marked() { cluster.signal(pid: pid, interrupt) }
            let end = try cluster.end()
            #expect(end.code == 130, "\(end.messages)")
            #expect(end.messages.allSatisfy { $0.contains("stopped by SIGINT") }, "\(end.messages)")
            expectNothingLeft(end)
        }

        @Test("A signal to one agent ends all, and names its host")
        func oneAgent() throws {
            let cluster = try loopingHosts()
            cluster.signal(pid: try cluster.agents(2)[1], terminate)
            let end = try cluster.end()
            #expect(end.messages == ["softpod: the agent of host 127.0.0.2 was stopped by SIGTERM"])
            #expect(end.code == 143)
            expectNothingLeft(end)
        }

        @Test("A signal while hosts are still starting ends the start", arguments: [true, false])
        func atStart(hasRanks: Bool) throws {
            let cluster = try startingHosts()
            let agents = try cluster.agents(2)
            if hasRanks { _ = try cluster.ranks(of: agents[0], 2) }
            cluster.signalAgent(interrupt)
            let end = try cluster.end()
            #expect(end.messages.first == "softpod: stopped by SIGINT", "\(end.messages)")
            #expect(end.code == 130)
            expectNothingLeft(end)
        }

        @Test("A signal while a host's remote shell hangs ends the start")
        func hangingShell() throws {
            let far = try FarHost(far: "echo shell hangs; exec tail -f /dev/null")
            let cluster = try ClusterUnderTest(["run"] + far.flags + ["idle"])
            try cluster.line(containing: "shell hangs")
            cluster.signalAgent(interrupt)
            let end = try cluster.end()
            #expect(end.messages.contains("softpod: stopped by SIGINT"), "\(end.messages)")
            #expect(end.code == 130)
            expectNothingLeft(end)
        }
    }
}
