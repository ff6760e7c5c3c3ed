import Fabric
import Launching
import NodeRuntime
import SharedMemory
import TestKit
import Testing

/// What the coordinator and the agents of several hosts say to each other, and what anybody else might.
@Suite("Host messages")
struct HostMessageTests {
    static let key = String(repeating: "k", count: 40)

    static func introduction(
        token: [UInt8] = [1, 2, 3], host: Int? = 1, tasks: Range<Int> = 0..<0, count: Int = 0, name: String = "h1"
    ) -> Introduction {
        Introduction(
            token: token, host: host, tasks: tasks, taskCount: count, name: name, process: 4_194_304, commit: "c0ffee+",
            layoutDigest: SegmentLayout.abiDigest, topologyDigest: .max, linkKey: key)
    }

    static func assignment(files: [SharedFile] = []) throws -> Assignment {
        let plan = try #require(
            LinkPlan(hosts: [LinkPlan.Host(name: "h1", ranks: 0..<3), LinkPlan.Host(name: "höst", ranks: 3..<4)]))
        var assignment = Assignment(
            plan: plan, host: 1, linkKeys: [key, ""], nonce: (1, .max), topologyDigest: 5, windowByteCount: 1 << 20,
            diesPerProcess: 2, deadlineMilliseconds: 60_000, startMilliseconds: 1, route: "transport.zmq",
            wantsFlights: true, directory: "/somewhere/else", files: files)
        (assignment.diesPerNPU, assignment.diesPerServer) = (3, 12)
        if !files.isEmpty { assignment.instruments = [1, 2, 3] }
        return assignment
    }

    static func report() -> HostReport {
        var counts = OperationCounts()
        for (place, operation) in FabricOperation.allCases.enumerated() { counts.calls[operation] = UInt64(place) }
        (counts.bytes, counts.slowWaits, counts.sleeps) = (.max, 1, 2)
        var tiered = counts
        tiered.bytesByTier = [0, 1, 2, 3, .max]
        let record = FlightRecord(
            operation: 1, algorithm: 2, type: 3, reduction: 4, root: -1, sourceByteCount: 8, destinationByteCount: 16,
            firstMember: 0, memberCount: 4, memberStride: 1, site: "file.swift:1")
        return HostReport(
            processCount: 2, remark: "rank 3 sleeps", counts: [counts, tiered],
            flights: [[record], [], [record, record]])
    }

    static let verdict = Verdict(.rankKilled, rank: 3, detail: -9, process: 77, text: "rank 3 was killed")

    static func all() throws -> [HostMessage] {
        let file = try SharedFile(path: ClusterUnderTest.austen + "/config.json")
        return [
            .hello(introduction()), .hello(introduction(token: [], host: nil, tasks: 4..<8, count: 16, name: "")),
            .ready(run: 1, address: "tcp://10.0.0.1:40000"), .ready(run: .max, address: ""), .connected(run: 0),
            .relayed(run: 2, .event(die: 5, bytes: [1, 2, 3])), .relayed(run: 2, .result(die: 0, bytes: [])),
            .failed(run: 3, HostFailure(verdict: verdict, status: .rankLost, report: "rank 3 of h1 «was» killed")),
            .failed(run: 3, HostFailure(verdict: Verdict(.agentLost, text: ""), status: .terminated, report: "")),
            .done(run: 4), .ended(run: 5, report()),
            .ended(run: 5, HostReport(processCount: 0, remark: "", counts: [], flights: [])), .alive,
            .farewell("was stopped by SIGTERM"), .refused("mixed builds"), .refused(""),
            .assignment(run: 6, try assignment()), .assignment(run: 6, try assignment(files: [file, file])),
            .links(run: 7, ["tcp://a:1", "", "tcp://[::1]:2"]), .links(run: 7, []),
            .start(run: 8, workload: "idle", payload: Array(0...255)), .start(run: 8, workload: "", payload: []),
            .stop(run: 9, nil), .stop(run: 9, verdict), .dismissed,
            .paused(run: 10), .pause(run: 11), .resume(run: .max), .cancelled("not all hosts were ready"),
        ]
    }

    @Test("Every message is read as it was written")
    func roundTrip() throws {
        for message in try Self.all() {
            let read = try #require(HostMessage(decoding: message.encoded), "\(message)")
            #expect(read == message)
            // Every field, not only the bytes; a report's counters are printed in any order.
            if case .ended = message { continue }
            #expect("\(read)" == "\(message)")
        }
    }

    @Test("A frame that is cut, has something behind it, or is of another magic or version is refused")
    func whole() throws {
        for message in try Self.all() {
            let frame = message.encoded
            for count in 0..<frame.count {
                #expect(HostMessage(decoding: Array(frame.prefix(count))) == nil, "\(message) cut to \(count)")
            }
            #expect(HostMessage(decoding: frame + [0]) == nil, "\(message)")
            for place in 0..<4 {
                var other = frame
                other[place] ^= 0x40
                #expect(HostMessage(decoding: other) == nil, "\(message)")
            }
            var later = frame
            later[4] += 1
            // The one word that builds of all versions understand.
            if case .refused = message {
                #expect(HostMessage(decoding: later) == message)
            } else {
                #expect(HostMessage(decoding: later) == nil, "\(message)")
            }
        }
    }

    @Test("A text that is longer than a reader takes arrives cut, and does not make its message disappear")
    func longTexts() throws {
        let long = String(repeating: "ü", count: 40_000)
        let failure = HostFailure(verdict: Verdict(.rankFailed, text: long), status: .rankLost, report: long)
        let messages: [HostMessage] = [
            .failed(run: 1, failure), .refused(long), .cancelled(long), .farewell(long),
            .stop(run: 1, Verdict(.rankFailed, text: long)),
            .ended(run: 1, HostReport(processCount: 1, remark: long, counts: [], flights: [])),
        ]
        for message in messages { #expect(HostMessage(decoding: message.encoded) != nil, "\("\(message)".prefix(40))") }
    }

    @Test("Control characters of a peer do not reach the terminal")
    func controlCharacters() {
        guard case .refused(let text) = HostMessage(decoding: HostMessage.refused("a\u{1B}[2J\nb").encoded) else {
            Issue.record("not read")
            return
        }
        #expect(text == "a?[2J?b")
    }

    @Test("No frame traps: what is read is written again with the same meaning", arguments: [1, 2, 3] as [UInt64])
    func fuzz(seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        let frames = try Self.all().map(\.encoded)
        var understood = 0
        for round in 0..<40_000 {
            var frame = frames[round % frames.count]
            switch generator.next() % 4 {
            case 0: frame = Mutation.apply(to: frame, using: &generator)
            case 1: frame = Array(frame.prefix(Int(generator.next() % UInt64(frame.count + 1))))
            case 2:
                frame =
                    frame.prefix(6) + (0..<generator.next() % 80).map { _ in .random(in: 0...255, using: &generator) }
            default: break
            }
            for _ in 0..<generator.next() % 4 where !frame.isEmpty {
                let place = Int(generator.next() % UInt64(frame.count))
                frame[place] =
                    [0, 1, 0x7F, 0x80, 0xFF, .random(in: 0...255, using: &generator)][Int(generator.next() % 6)]
            }
            guard let message = HostMessage(decoding: frame) else { continue }
            understood += 1
            #expect(HostMessage(decoding: message.encoded) == message, "seed \(seed), round \(round): \(frame)")
        }
        #expect(understood > 2000, "seed \(seed): the noise must also reach the inner fields")
    }
}
