import Fuzzing
import Launching
import Messaging
import Model
import NodeRuntime
import SharedMemory
import Testing

/// Single cases of what fuzzing and reading have found.
@Suite("What came from outside and did harm")
struct StrangerTests {
    @Test("A text that grows when it is repaired is cut, so that what was understood can be passed on")
    func repairedText() throws {
        var frame = HostMessage.farewell(String(repeating: "x", count: 4096)).encoded
        for place in frame.count - 4096..<frame.count { frame[place] = 0xFF }
        let message = try #require(HostMessage(decoding: frame))
        let again = try #require(HostMessage(decoding: message.encoded), "it can be read by the next")
        // Cut once; from then on nothing changes any more.
        #expect(again.encoded == message.encoded)
    }

    @Test("A failure that asks for the status of success is refused")
    func successfulFailure() {
        let failure = HostFailure(verdict: Verdict(.rankFailed, text: ""), status: .success, report: "")
        #expect(HostMessage(decoding: HostMessage.failed(run: 1, failure).encoded) == nil)
    }

    /// A coordinator of one listed host, and of the tasks 0 to 3 of which 0 and 1 are its own node's.
    private static func coordinator(byTasks: Bool) throws -> Coordinator {
        let hosts = [HostRoster.Host(name: "h0", dies: 4, isHere: true)]
        var roster = HostRoster(
            source: byTasks
                ? .tasks(own: 0..<2, taskCount: 4, dieCount: 4)
                : .started(hosts, RemoteShell(program: "softpod", directory: "/")),
            address: "tcp://127.0.0.1:*", keys: nil, commit: "abcdef")
        roster.startsAgents = false
        let coordinator = try Coordinator(roster) { _ in }
        try coordinator.rehearse(ClusterConfiguration(dieCount: 4, windowByteCount: 1 << 20, workload: "idle"))
        return coordinator
    }

    private static func hello(_ coordinator: Coordinator, host: Int? = nil, tasks: Range<Int> = 0..<0) -> [UInt8] {
        HostMessage.hello(
            Introduction(
                token: coordinator.welcome.token, host: host, tasks: tasks, taskCount: tasks.isEmpty ? 0 : 4, name: "h",
                process: 1, commit: "abcdef", layoutDigest: SegmentLayout.abiDigest, topologyDigest: 0, linkKey: "")
        ).encoded
    }

    @Test(
        "A frame of another version ends the start if it holds the invitation's token, and not if a stranger sends it")
    func otherVersion() throws {
        let coordinator = try Self.coordinator(byTasks: false)
        var invited = Self.hello(coordinator, host: 0)
        invited[4] = 99
        let before = coordinator.standing
        try coordinator.hear(Array(invited.prefix(6)), from: [1])
        #expect(coordinator.standing == before)
        try coordinator.hear(invited, from: [1])
        #expect(coordinator.standing.failure?.status == .mismatch)
    }

    @Test("Agents come in any order; one that comes again is the same, and one that comes late is none")
    func order() throws {
        let coordinator = try Self.coordinator(byTasks: true)
        try coordinator.hear(Self.hello(coordinator, tasks: 2..<4), from: [1])
        try coordinator.hear(Self.hello(coordinator, tasks: 2..<4), from: [1])
        #expect(coordinator.standing.phase == "gathering")
        try coordinator.hear(Self.hello(coordinator, tasks: 0..<2), from: [2])
        #expect(coordinator.standing.phase == "making" && coordinator.ranksOfHosts == [0..<2, 2..<4])
        let before = coordinator.standing
        try coordinator.hear(Self.hello(coordinator, tasks: 1..<2), from: [3])
        try coordinator.hear(HostMessage.relayed(run: coordinator.runNumber, .stop).encoded, from: [3])
        try coordinator.hear(HostMessage.farewell("bye").encoded, from: [3])
        #expect(coordinator.standing == before)
    }

    @Test("An agent that hands its report in before the end ends the run, and is named")
    func earlyReport() throws {
        let coordinator = try Self.coordinator(byTasks: false)
        try coordinator.hear(Self.hello(coordinator, host: 0), from: [1])
        let report = HostReport(processCount: 0, remark: "", counts: [], flights: [])
        try coordinator.hear(HostMessage.ended(run: coordinator.runNumber, report).encoded, from: [1])
        #expect(coordinator.standing.failure?.status == .rankLost)
    }

    @Test("A tokenizer of a few tokens does not stand for a table of millions")
    func table() throws {
        let target = try #require(FuzzTarget.all.first { $0.name == "tokenizer.json" })
        #expect(try target.run(count: 100, seed: 1).finding == nil)
        let text = #"{"pre_tokenizer":{"type":"ByteLevel"},"model":{"type":"BPE","merges":[],"vocab":{"a":16777215}}}"#
        let error = #expect(throws: ModelFileError.self) {
            try Tokenizer(parsing: Array(text.utf8), file: "tokenizer.json")
        }
        #expect(error?.rule.contains("16777215") == true)
    }
}
