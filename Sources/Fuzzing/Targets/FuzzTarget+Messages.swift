internal import Fabric
internal import Launching
internal import Messaging
internal import NodeRuntime
internal import SharedMemory

// Frames of the control planes, and the question at the door.

extension FuzzTarget {
    static let messages: [FuzzTarget] = [
        FuzzTarget("control message", weight: 32) {
            FuzzSubject(examples: controlExamples.map(\.encoded)) { input, _ in
                guard let message = ControlMessage(decoding: input) else { return false }
                try FuzzFinding.require(
                    ControlMessage(decoding: message.encoded) == message, "written again it differs")
                return true
            }
        },
        FuzzTarget("host message", weight: 32) {
            FuzzSubject(examples: hostExamples.map(\.encoded)) { input, _ in
                guard let message = HostMessage(decoding: input) else { return false }
                // A repaired text may be cut; from then on nothing changes any more.
                let frame = message.encoded
                guard let again = HostMessage(decoding: frame) else {
                    throw FuzzFinding("what was understood cannot be understood when it is written again")
                }
                try FuzzFinding.require(again.encoded == frame, "written again it differs")
                return true
            }
        },
        FuzzTarget("invitation", weight: 4) {
            FuzzSubject(examples: try invitations.map { try $0.encoded() }, isText: true) { input, _ in
                guard let invitation = Invitation(decoding: input) else { return false }
                try FuzzFinding.require(
                    Invitation(decoding: invitation.encoded()) == invitation, "written again it differs")
                try FuzzFinding.require(invitation.hostName.utf8.count <= input.count, "its host is longer than itself")
                return true
            }
        },
        FuzzTarget("ZAP request", weight: 16) {
            FuzzSubject(examples: zapExamples.map(joined)) { input, _ in
                guard let request = ZAPRequest(frames(input)) else { return false }
                let refusal = request.refusal(allowed: ["nobody"])
                try FuzzFinding.require(refusal != nil, "a stranger was let in")
                try FuzzFinding.require(
                    refusal?.utf8.allSatisfy { (0x20...0x7E).contains($0) } ?? true, "the refusal is not one plain line"
                )
                try FuzzFinding.require((refusal?.utf8.count ?? 0) < 256, "the refusal is long")
                return true
            }
        },
    ]

    static let controlExamples: [ControlMessage] = [
        .revoke(die: 2, epoch: 3),
        .hello(process: 3, id: 4_194_304, abiDigest: .max, nonce: (1, .max)),
        .start(workload: "generate", payload: Array(0...63)), .event(die: 7, bytes: [1, 2, 3]),
        .result(die: 2, bytes: Array(repeating: 9, count: 40)),
        .failure(
            die: 3, ControlMessage.Failure(isConsequence: false, peers: [0, 4095], status: 75, text: "rank 3: «why»")),
        .failure(die: 0, ControlMessage.Failure(isConsequence: true, peers: [], status: 0, text: "")),
        .instruments([1, 2, 3]), .note(die: 3, RunNote(.injected, at: 5, fault: 1, text: "fault 1")),
        .left(process: 12), .stop,
    ]

    static let hostExamples: [HostMessage] = [
        .hello(introduction(token: Array(repeating: 7, count: 32), host: 1)),
        .hello(introduction(token: [], tasks: 2..<4, taskCount: 8)), .ready(run: 1, address: "tcp://10.0.0.1:4711"),
        .connected(run: 1), .relayed(run: 1, controlExamples[2]), .relayed(run: 1, controlExamples[3]),
        .failed(
            run: 1,
            HostFailure(
                verdict: Verdict(.rankKilled, rank: 3, detail: 9, process: 4711, text: "rank 3 was killed"),
                status: .rankLost, report: "rank 3 (pid 4711) was killed by signal 9")),
        .done(run: 1), .ended(run: 1, report), .alive, .farewell("was stopped by SIGTERM"), .refused("not invited"),
        .assignment(run: 1, assignment), .links(run: 1, ["tcp://10.0.0.1:1", "tcp://10.0.0.2:2"]),
        .start(run: 1, workload: "idle", payload: [1, 2]), .stop(run: 1, nil),
        .stop(run: 1, Verdict(.linkLost, rank: 2, detail: 1, text: "the link is lost")), .dismissed,
        .paused(run: 1), .pause(run: 1), .resume(run: 1), .cancelled("not all hosts were ready"),
    ]

    static func introduction(
        token: [UInt8], host: Int? = nil, tasks: Range<Int> = 0..<0, taskCount: Int = 0
    ) -> Introduction {
        Introduction(
            token: token, host: host, tasks: tasks, taskCount: taskCount, name: "h1", process: 4711, commit: "abcdef",
            layoutDigest: SegmentLayout.abiDigest, topologyDigest: 0, linkKey: "")
    }

    private static var report: HostReport {
        var counts = OperationCounts()
        (counts.bytes, counts.slowWaits, counts.sleeps) = (1 << 40, 3, 2)
        for operation in FabricOperation.allCases { counts.calls[operation] = operation.rawValue }
        let flight = FlightRecord(
            number: 41, state: .ended, operation: 1, algorithm: 2, type: 3, reduction: 1, root: 0,
            sourceByteCount: 64, destinationByteCount: 64, firstMember: 0, memberCount: 2, memberStride: 1,
            site: "Loop.swift:17")
        return HostReport(
            processCount: 2, remark: "rank 1 is stopped", counts: [counts, counts], flights: [[flight], []])
    }

    private static var assignment: Assignment {
        get {
            let hosts = [LinkPlan.Host(name: "h0", ranks: 0..<2), LinkPlan.Host(name: "h1", ranks: 2..<5)]
            guard let plan = LinkPlan(hosts: hosts) else { preconditionFailure("two hosts in order are a plan") }
            return Assignment(
                plan: plan, host: 1, linkKeys: ["", "k"], nonce: (1, 2), topologyDigest: 3, windowByteCount: 1 << 20,
                diesPerProcess: 1, deadlineMilliseconds: 1000, startMilliseconds: 2000, route: "transport.zeromq",
                wantsFlights: true, directory: "/", files: [SharedFile(path: "model/config.json", digest: 5)])
        }
    }

    private static var invitations: [Invitation] {
        get throws {
            let keys = try KeyPair.generate()
            return [
                Invitation(
                    address: "tcp://10.0.0.1:40123", keys: keys, serverKey: keys.publicKey, token: [1, 255], host: 3,
                    name: "h3", linkAddress: "10.0.0.4", linkPort: 7000, patienceMilliseconds: 1000),
                Invitation(address: "tcp://[::1]:9"),
            ]
        }
    }

    private static let zapExamples: [[[UInt8]]] = [
        [
            Array("1.0".utf8), [1, 2], Array("softpod".utf8), Array("10.0.0.1".utf8), [], Array("CURVE".utf8),
            Array(repeating: 0xA5, count: 32),
        ],
        [Array("1.0".utf8), [0], Array("softpod".utf8), Array("::1".utf8), [9], Array("NULL".utf8)],
    ]

    /// Frames as one input: each with its length before it.
    private static func joined(_ frames: [[UInt8]]) -> [UInt8] {
        frames.flatMap { [UInt8(clamping: $0.count)] + $0 }
    }

    private static func frames(_ input: [UInt8]) -> [[UInt8]] {
        var rest = input[...]
        var frames: [[UInt8]] = []
        while let count = rest.popFirst() {
            frames.append(Array(rest.prefix(Int(count))))
            rest = rest.dropFirst(Int(count))
        }
        return frames
    }
}
