import Foundation
import TestKit
import Testing

extension RealClusters {
    /// Ranks, agents, coordinators and remote shells that die on clusters over several hosts.
    @Suite("Losses over hosts")
    struct HostLossTests {
        @Test(
            "A killed rank ends the ranks of all hosts, and one line names it, its process and its host",
            arguments: [0, 1])
        func rankKilled(host: Int) throws {
            let cluster = try loopingHosts()
            let pid = try cluster.ranks(of: cluster.agents(2)[host], 2)[1]
            cluster.signal(pid: pid, kill)
            let end = try cluster.end()
            let line =
                "softpod: rank \(2 * host + 1) (pid \(pid)) on host \(loopback[host]) was killed by signal 9 (SIGKILL) in "
                + "phase barrier loop"
            #expect(end.messages.count == 1 && end.messages[0].hasPrefix(line), "\(end.messages)")
            #expect(end.code == 75)
            expectNothingLeft(end)
        }

        @Test("The same in another namespace", .namespaces)
        func rankKilledAfar() throws {
            let cluster = try loopingHosts(inSpaces: true)
            let pid = try cluster.ranks(of: cluster.agents(2)[1], 2)[0]
            cluster.signal(pid: pid, kill)
            let end = try cluster.end()
            #expect(end.messages.count == 1, "\(end.messages)")
            #expect(
                end.messages.first?.contains("rank 2 (pid \(pid)) on host h2 was killed") == true, "\(end.messages)")
            #expect(end.code == 75)
            expectNothingLeft(end)
        }

        @Test("A killed agent is named with its host, and the other host's ranks end", arguments: [0, 1])
        func agentKilled(host: Int) throws {
            let cluster = try loopingHosts()
            let pid = try cluster.agents(2)[host]
            cluster.signal(pid: pid, kill)
            let end = try cluster.end()
            let line = "softpod: the agent of host \(loopback[host]) (pid \(pid)) was killed by signal 9 (SIGKILL)"
            #expect(end.messages.contains(line), "\(end.messages)")
            #expect(end.messages.allSatisfy { $0.contains("pid \(pid)") }, "Nobody else is blamed: \(end.messages)")
            #expect(end.headlines == [line], "\(end.messages)")
            #expect(end.code == 75)
            expectNothingLeft(end)
        }

        @Test("The same in another namespace", .namespaces)
        func agentKilledAfar() throws {
            let cluster = try loopingHosts(inSpaces: true)
            let pid = try cluster.agents(2)[1]
            cluster.signal(pid: pid, kill)
            let end = try cluster.end()
            #expect(end.headlines.count == 1, "\(end.messages)")
            #expect(end.headlines.contains { $0.contains("the agent of host h2 (pid \(pid))") }, "\(end.messages)")
            #expect(end.code == 75)
            expectNothingLeft(end)
        }

        @Test("When the coordinator is killed, every host says so and ends")
        func coordinatorKilled() throws {
            let cluster = try loopingHosts()
            cluster.signalAgent(kill)
            let end = try cluster.end()
            #expect(
                Set(end.messages)
                    == Set(loopback.map { "softpod: host \($0): the coordinator that started this agent is gone" }))
            #expect(end.signal == kill)
            expectNothingLeft(end)
        }

        @Test(
            "The same over namespaces, which go as well; what the other host says has no way to the user any more",
            .namespaces)
        func coordinatorKilledAfar() throws {
            let cluster = try loopingHosts(inSpaces: true)
            cluster.signalAgent(kill)
            let end = try cluster.end()
            #expect(
                end.messages == ["softpod: host h1: the coordinator that started this agent is gone"], "\(end.messages)"
            )
            #expect(end.signal == kill)
            expectNothingLeft(end)
        }

        @Test("Of two that are killed at once at least one is named; nothing is left", arguments: 0..<4)
        func two(pair: Int) throws {
            let cluster = try loopingHosts()
            let agents = try cluster.agents(2)
            let ranks = try agents.map { try cluster.ranks(of: $0, 2) }
            let victims = [
                [ranks[0][0], ranks[1][1]], [agents[0], agents[1]], [agents[1], ranks[0][0]], [ranks[1][0], agents[1]],
            ][pair]
            for pid in victims { cluster.signal(pid: pid, kill) }
            let end = try cluster.end()
            #expect(
                end.messages.contains { line in victims.contains { line.contains("pid \($0)") } }, "\(end.messages)")
            #expect(end.code == 75)
            expectNothingLeft(end)
        }

        @Test("A killed remote shell is its agent's loss, and the agent behind it ends")
        func remoteShellKilled() throws {
            let far = try FarHost(far: "echo shell $$; sh -c \"$2\"; exit $?")
            let cluster = try ClusterUnderTest(["run", "--announce"] + far.flags + ["idle"])
            for rank in 0..<4 { try cluster.line(containing: "rank \(rank): looping") }
            let line = try cluster.line(containing: "shell ")
            let pid = try #require(line.split(separator: " ").last.flatMap { Int32($0) })
            cluster.signal(pid: pid, kill)
            let end = try cluster.end()
            #expect(
                end.headlines.contains {
                    $0.contains("the agent of host far") && $0.contains("was killed by signal 9")
                },
                "\(end.messages)")
            #expect(end.headlines.count == 1, "\(end.messages)")
            #expect(end.code == 75)
            expectNothingLeft(end)
        }

        @Test("A stopped rank of the other host is named, with its host, by the deadline", arguments: [0, 1])
        func rankStopped(host: Int) throws {
            let cluster = try loopingHosts(["--deadline", "1"])
            let pid = try cluster.ranks(of: cluster.agents(2)[host], 2)[0]
            cluster.signal(pid: pid, stop)
            let end = try cluster.end()
            #expect(end.headlines.count == 1, "\(end.messages)")
            #expect(end.headlines.contains { $0.contains(" ms for ") }, "\(end.messages)")
            #expect(
                end.messages.contains {
                    $0.contains("rank \(2 * host) (pid \(pid)) is stopped") && $0.contains("on host \(loopback[host])")
                }, "\(end.messages)")
            #expect(end.code == 75)
            expectNothingLeft(end)
        }

        @Test("An agent or rank killed while the hosts start ends the start", arguments: [0, 1], [true, false])
        func atStart(host: Int, isAgent: Bool) throws {
            let cluster = try startingHosts()
            let agent = try cluster.agents(2)[host]
            // An agent that dies before it has ranks leaves its run folder to the next run to clear away: nobody is there to do it.
            let rank = try cluster.ranks(of: agent, 2)[0]
            let pid = isAgent ? agent : rank
            cluster.signal(pid: pid, kill)
            let end = try cluster.end()
            #expect(
                end.messages.contains { $0.contains("host \(loopback[host])") && $0.contains("killed by signal 9") },
                "\(end.messages)")
            #expect(end.code == 75)
            expectNothingLeft(end)
        }

        /// A dozen here; as many as the environment says for a soak.
        static let kills = ProcessInfo.processInfo.environment["SOFTPOD_HOST_KILLS"].flatMap(Int.init) ?? 12

        @Test(
            "Whoever is killed whenever: it ends, somebody is named, nothing is left", arguments: [20_261_121 as UInt64]
        )
        func anybody(seed: UInt64) throws {
            var generator = SeededGenerator(seed: seed)
            for round in 0..<Self.kills {
                let cluster = try startingHosts()
                let what = "seed \(seed), round \(round)"
                switch generator.next() % 4 {
                case 0, 1: for agent in try cluster.agents(2) { _ = try cluster.ranks(of: agent, 2) }
                case 2: try cluster.line(containing: "softpod: running")
                default: for rank in 0..<4 { try cluster.line(containing: "rank \(rank): looping") }
                }
                let all = cluster.marked().sorted()
                let victims = (0..<Int.random(in: 1...2, using: &generator)).compactMap { _ in
                    all.randomElement(using: &generator)
                }
                for pid in victims { cluster.signal(pid: pid, kill) }
                let end = try cluster.end()
                if victims.contains(cluster.agent) {
                    #expect(end.signal == kill, "\(what): \(end.messages)")
                } else {
                    #expect(end.code == 75, "\(what): \(end.messages)")
                    #expect(
                        end.messages.contains { line in
                            victims.contains { line.contains("pid \($0)") } || line.contains("killed by signal 9")
                        }, "\(what): \(end.messages)")
                }
                #expect(end.leftovers == [], "\(what): \(end.messages)")
            }
        }
    }
}
