import Fabric
import Foundation
import Fuzzing
import Glibc
import Launching
import Messaging
import SharedMemory
import TestKit
import Testing
import Workers

/// Hostile hosts: whatever they send, a switch goes on or gives the link up with a reason. `SOFTPOD_FUZZ_INPUTS` makes it long.
@Suite("Hostile hosts")
struct LinkFuzzTests {
    private static let inputs = ProcessInfo.processInfo.environment["SOFTPOD_FUZZ_INPUTS"].flatMap(Int.init)

    private static func makeSwitch() throws -> (segment: Segment, host: HostSwitch, address: String) {
        let plan = try #require(HostSplit([2, 2]).plan)
        let segment = try Segment.create(SegmentPlan(dieCount: 2, windowByteCount: 1 << 20, rankCount: 4))
        let host = HostSwitch(segment: segment, plan: plan, host: 0, context: try MessageContext())
        return (segment, host, try host.bind("tcp://127.0.0.1:*"))
    }

    private static func messages(_ seed: UInt64) -> HostileMessages {
        HostileMessages(
            host: 1, sources: 2..<4, targets: 0..<2, windowByteCount: 1 << 20, random: SeededGenerator(seed: seed))
    }

    @Test("Every kind of record at and past its limits is carried out, refused, or ends the link")
    func direct() throws {
        let seed = UInt64.random(in: .min ... .max)
        let (segment, host, _) = try Self.makeSwitch()
        var messages = Self.messages(seed)
        var (lost, carriedOut, refused) = (0, 0, 0)
        var sequence: UInt64 = 1
        let total = Self.inputs ?? 50_000
        let start = Monotonic.now()
        for _ in 0..<total {
            messages.next(host, sequence: sequence, acknowledged: 1).deliver(to: host, from: 1)
            let state = host.standing(of: 1)
            // What waits for an answer is bounded by what the dies of that host may have under way.
            #expect(state.waiting <= 16, "seed \(seed)")
            if state.isLost { lost += 1 }
            if state.refused > 0 { refused += 1 }
            if state.carriedOut >= sequence { carriedOut += 1 }
            if state.isLost || state.refused > 0 || state.waiting > 12 {
                host.renewLink(to: 1)
                sequence = 1
            } else {
                sequence = state.carriedOut + 1
            }
        }
        if Self.inputs != nil {
            print("\(total) inputs, \(UInt64(total) * 1_000_000_000 / max(Monotonic.now() - start, 1)) a second")
        }
        #expect(
            lost > total / 10 && refused > total / 50 && carriedOut - lost > total / 20,
            "seed \(seed): \(lost) breaches, \(refused) refused, \(carriedOut) carried out")
        for rank in 0..<2 {
            // Ports and control blocks are not windows.
            #expect(segment.control(of: rank).state == .absent, "seed \(seed)")
            #expect(segment.port(of: rank).posted.loadAcquiring() == 0, "seed \(seed)")
        }
    }

    @Test("A running switch goes on or says why it does not, and always ends when it is told to")
    func running() throws {
        let seed = UInt64.random(in: .min ... .max)
        var messages = Self.messages(seed)
        var (sent, lost, carriedOut) = (0, 0, UInt64(0))
        let total = Self.inputs.map { $0 / 100 } ?? 500
        while sent < total {
            let (segment, host, address) = try Self.makeSwitch()
            let worker = try Worker.start(name: "switch") { host.run() }
            var peer = try HostilePeer(address)
            let isHeard = try peer.attack(host, &messages, inputs: 40, &sent)
            let ends = host.stop(deadline: Deadline(after: .seconds(60)))
            worker.join()
            #expect(isHeard && ends, "seed \(seed): a switch that neither answers nor gives the link up")
            carriedOut += peer.expected - 1
            guard peer.isGivenUp else { continue }
            lost += 1
            let verdict = segment.cluster.verdict
            #expect(verdict != nil && verdict?.text.isEmpty == false, "seed \(seed)")
        }
        #expect(lost > 0 && carriedOut > UInt64(total / 20), "seed \(seed): \(lost) lost, \(carriedOut) carried out")
    }
}

/// A host that sends what it likes over a socket, and listens to what it is told.
private struct HostilePeer {
    let context: MessageContext
    let socket: LinkSocket
    /// The number the switch expects next, as far as it has said.
    var expected: UInt64 = 1
    var received: UInt64 = 0
    var isGivenUp = false

    init(_ address: String) throws {
        context = try MessageContext()
        socket = try LinkSocket(.dealer(name: 1), in: context, largestFrameByteCount: 1 << 20)
        try socket.connect(address)
    }

    /// Sends messages until the link is given up or there are enough. False if the switch falls silent.
    mutating func attack(
        _ host: HostSwitch, _ messages: inout HostileMessages, inputs: Int, _ sent: inout Int
    ) throws -> Bool {
        guard try greet(host) else { return false }
        for _ in 0..<inputs {
            let message = messages.next(host, sequence: expected, acknowledged: received + 1)
            guard try socket.send(Packet(message.head), message.attachment.map { Packet($0) }, to: 0) else {
                return false
            }
            sent += 1
            guard try greet(host) else { return false }
            if isGivenUp { return true }
        }
        return true
    }

    /// Says what is always answered, and takes what comes until there is an answer.
    private mutating func greet(_ host: HostSwitch) throws -> Bool {
        let greeting = WireMessage(from: 1, to: host, sequence: 0, acknowledged: received + 1)
        guard try socket.send(Packet(greeting.head), nil, to: 0) else { return false }
        let deadline = Deadline(after: .seconds(60))
        while deadline.remaining > 0 {
            var isAnswered = false
            while let (_, head, _) = try socket.receive() {
                isAnswered = true
                take(head.bytes)
            }
            if isAnswered { return true }
            sched_yield()
        }
        return false
    }

    private mutating func take(_ head: [UInt8]) {
        guard let header = WireMessage.reading(head) else { return }
        expected = max(expected, header.acknowledged)
        received = max(received, header.sequence)
        if header.isFarewell { isGivenUp = true }
    }
}
