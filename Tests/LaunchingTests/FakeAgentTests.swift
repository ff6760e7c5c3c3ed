import Fabric
import Launching
import Messaging
import NodeRuntime
import SharedMemory
import TestKit
import Testing
import Workers

extension RealClusters {
    /// The other end of the line is not what it should be: another build, a liar, or noise.
    @Suite("Strange agents and coordinators")
    struct FakeAgentTests {
        /// An agent that the test plays, invited by a real coordinator; the remote shell hands the invitation over.
        private struct FakeAgent {
            let far: FarHost
            let cluster: ClusterUnderTest
            let socket: Socket
            let invitation: Invitation

            init(startDeadline: String = "60") throws {
                far = try FarHost(far: "read -r line; printf 'invitation %s\\n' \"$line\"; exec cat >/dev/null")
                cluster = try ClusterUnderTest(["run", "--start-deadline", startDeadline] + far.flags + ["smoke"])
                let line = try cluster.line(containing: "invitation ")
                invitation = try #require(Invitation(decoding: Array(line.dropFirst("invitation ".count).utf8)))
                socket = try Socket(.dealer, in: MessageContext(), security: try invitation.security())
                try socket.connect(invitation.address)
            }

            func hello(_ change: (inout Introduction) -> Void = { _ in }) -> HostMessage {
                var who = Introduction(
                    token: invitation.token, host: invitation.host, tasks: 0..<0, taskCount: 0, name: "far",
                    process: 4711,
                    commit: "another", layoutDigest: SegmentLayout.abiDigest, topologyDigest: 0,
                    linkKey: invitation.publicKey ?? "")
                change(&who)
                return .hello(who)
            }

            /// The coordinator's next message.
            func answer() throws -> HostMessage {
                let deadline = Deadline(after: .seconds(60))
                while deadline.remaining > 0 {
                    if let frame = try socket.receive()?.last { return try #require(HostMessage(decoding: frame)) }
                    _ = Descriptor.poll([socket.descriptor], milliseconds: 100)  // Asked again however it ended.
                }
                throw ClusterUnderTest.HarnessError("the coordinator does not answer")
            }

            func end() throws -> ClusterUnderTest.Ended {
                var end = try cluster.end()
                end.messages.removeAll { $0.hasPrefix("invitation ") }
                return end
            }

            /// It is refused for this, it is told so itself, and everybody else as well.
            func expectRefusal(_ text: String) throws {
                guard case .refused(let why) = try answer() else {
                    Issue.record("not refused")
                    return
                }
                #expect(why.contains(text), "\(why)")
                let end = try end()
                #expect(end.messages.contains { $0.hasPrefix("softpod: ") && $0.contains(text) }, "\(end.messages)")
                #expect(end.code == 76, "\(end.messages)")
                expectNothingLeft(end)
            }
        }

        @Test("A build of another version of the protocol is told so, and the start ends")
        func version() throws {
            let agent = try FakeAgent()
            var frame = agent.hello().encoded
            frame[4] = 9
            #expect(try agent.socket.send([frame]))
            try agent.expectRefusal(
                "an agent speaks version 9 of the protocol, the coordinator \(HostMessage.version): mixed builds")
        }

        @Test("A build with another memory layout is told so, with both commits")
        func layout() throws {
            let agent = try FakeAgent()
            #expect(try agent.socket.send([agent.hello { $0.layoutDigest ^= 1 }.encoded]))
            try agent.expectRefusal("host far (agent 4711) has another memory layout: its build is another, ")
        }

        @Test("Another topology is told")
        func topology() throws {
            let agent = try FakeAgent()
            #expect(try agent.socket.send([agent.hello { $0.topologyDigest = 5 }.encoded]))
            try agent.expectRefusal("host far (agent 4711) has another topology than the coordinator")
        }

        @Test("A place that is not in the list is refused", arguments: [7, nil] as [Int?])
        func place(host: Int?) throws {
            let agent = try FakeAgent()
            #expect(try agent.socket.send([agent.hello { $0.host = host }.encoded]))
            try agent.expectRefusal("host far (agent 4711) is in no place of the list of hosts")
        }

        @Test("Noise before the introduction changes nothing", arguments: [11] as [UInt64])
        func noise(seed: UInt64) throws {
            let agent = try FakeAgent(startDeadline: "2")
            var generator = SeededGenerator(seed: seed)
            let frames = try HostMessageTests.all().map(\.encoded).dropFirst(2)
            for frame in frames { _ = try agent.socket.send([frame]) }  // Nobody knows it yet.
            for round in 0..<2000 {
                var frame = Mutation.apply(to: frames[2 + round % frames.count], using: &generator)
                // Another version would be an honest stranger, and a hello its own matter.
                if frame.count > 4 { frame[4] = HostMessage.version }
                if frame.count > 5 { frame[5] = max(2, frame[5]) }
                _ = try agent.socket.send([frame])  // A full queue loses one, as well it may.
            }
            let end = try agent.end()
            #expect(
                end.messages.contains { $0.contains("far: its agent has not come") }, "seed \(seed): \(end.messages)")
            #expect(end.code == 75, "seed \(seed)")
            expectNothingLeft(end)
        }

        @Test("An introduced agent that then talks nonsense, or says nothing, does not hold the others up")
        func silent() throws {
            let agent = try FakeAgent(startDeadline: "1")
            #expect(try agent.socket.send([agent.hello().encoded]))
            guard case .assignment(let run, let assignment) = try agent.answer() else {
                Issue.record("no assignment")
                return
            }
            #expect(assignment.plan.hosts.map(\.name) == ["near", "far"])
            for message in try HostMessageTests.all() where "\(message)".contains("run: 9") {
                _ = try agent.socket.send([message.encoded])  // Of another run.
            }
            #expect(try agent.socket.send([HostMessage.relayed(run: run, .result(die: 0, bytes: [1])).encoded]))
            let end = try agent.end()
            #expect(end.messages.contains { $0.contains("far: no segment yet") }, "\(end.messages)")
            #expect(end.code == 75)
            expectNothingLeft(end)
        }

        /// A coordinator that the test plays, for a real agent.
        private func agent(answer: [UInt8]) throws -> ClusterUnderTest.Ended {
            let socket = try Socket(.router, in: MessageContext())
            let invitation = Invitation(
                address: try socket.bind("tcp://127.0.0.1:*"), host: 0, name: "here", patienceMilliseconds: 60_000)
            let line = String(decoding: try invitation.encoded(), as: UTF8.self)
            let cluster = try ClusterUnderTest(
                ["agent"], setup: "mkfifo $TMPDIR/in; exec 0<>$TMPDIR/in; rm $TMPDIR/in; printf '%s\\n' '\(line)' >&0")
            let deadline = Deadline(after: .seconds(60))
            var hello: [[UInt8]]?
            while hello == nil, deadline.remaining > 0 {
                hello = try socket.receive()
                if hello == nil { _ = Descriptor.poll([socket.descriptor], milliseconds: 100) }  // asked again
            }
            let frames = try #require(hello)
            guard case .hello(let who) = HostMessage(decoding: frames[1]) else {
                throw ClusterUnderTest.HarnessError("no introduction")
            }
            #expect(who.layoutDigest == SegmentLayout.abiDigest)
            // What is nothing at all is passed over.
            for noise in [[], [1, 2, 3], Array(answer.prefix(4))] { #expect(try socket.send([frames[0], noise])) }
            #expect(try socket.send([frames[0], answer]))
            return try cluster.end()
        }

        @Test("An agent of another version than its coordinator says so and goes")
        func coordinatorVersion() throws {
            var frame = HostMessage.links(run: 1, []).encoded
            frame[4] = HostMessage.version + 1
            let end = try agent(answer: frame)
            #expect(
                end.messages == [
                    "softpod: host here: refused: the coordinator speaks version \(HostMessage.version + 1) of the protocol, this build \(HostMessage.version)"
                ])
            #expect(end.code == 76)
            expectNothingLeft(end)
        }

        @Test("A refusal is understood in any version")
        func refusal() throws {
            var frame = HostMessage.refused("mixed builds").encoded
            frame[4] = 200
            let end = try agent(answer: frame)
            #expect(end.messages == ["softpod: host here: refused: mixed builds"])
            #expect(end.code == 76)
            expectNothingLeft(end)
        }

        @Test("An agent that is dismissed goes in peace")
        func dismissed() throws {
            let end = try agent(answer: HostMessage.dismissed.encoded)
            #expect(end.messages == [])
            #expect(end.code == 0)
            expectNothingLeft(end)
        }
    }
}
