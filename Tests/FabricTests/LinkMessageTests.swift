import Fabric
import Fuzzing
import Launching
import Messaging
import SharedMemory
import TestKit
import Testing

/// What a switch makes of messages that no switch would send, and the checksum that guards those that it would.
@Suite("Messages between hosts")
struct LinkMessageTests {
    static func makeSwitch() throws -> (segment: Segment, host: HostSwitch) {
        let plan = try #require(HostSplit([2, 1]).plan)
        let segment = try Segment.create(SegmentPlan(dieCount: 2, windowByteCount: 1 << 20, rankCount: 3))
        let host = HostSwitch(segment: segment, plan: plan, host: 0, context: try MessageContext())
        _ = try host.bind("tcp://127.0.0.1:*")
        return (segment, host)
    }

    /// Where the messages of these tests put and signal.
    static let place = Endpoint.reservedByteCount(dies: 3) + 4096
    static let word = Endpoint.reservedByteCount(dies: 3)

    /// Puts bytes and signals, from the other host's only rank.
    static func message(_ host: HostSwitch, _ sequence: UInt64, _ bytes: [UInt8], attached: Bool) -> WireMessage {
        WireMessage(
            from: 1, to: host, sequence: sequence, source: 2, put: bytes, at: place, word: word, attached: attached)
    }

    @Test("A message is carried out once, whether its payload is attached or not; again it is only acknowledged")
    func once() throws {
        let (segment, host) = try Self.makeSwitch()
        let endpoint = Endpoint(segment: segment, rank: 0, timeout: .seconds(10))
        for (number, attached) in [(1, false), (2, true)] {
            let bytes = (0..<3000).map { UInt8(truncatingIfNeeded: $0 &* number) }
            let message = Self.message(host, UInt64(number), bytes, attached: attached)
            for _ in 0..<3 { message.deliver(to: host, from: 1) }
            #expect(host.standing(of: 1).carriedOut == UInt64(number))
            #expect(try endpoint.fetch(at: 0, Self.word) == UInt64(number))
            let span = endpoint.values(UInt8.self, at: Self.place, count: 3000)
            #expect(span.indices.allSatisfy { span[$0] == bytes[$0] })
        }
        let state = host.standing(of: 1)
        #expect(!state.isLost && state.refused == 0 && state.waiting == 4)
    }

    @Test("Messages out of order, or with one changed bit anywhere, are not carried out")
    func damaged() throws {
        let (_, host) = try Self.makeSwitch()
        Self.message(host, 2, [1, 2, 3], attached: false).deliver(to: host, from: 1)
        #expect(host.standing(of: 1).carriedOut == 0)
        let message = Self.message(host, 1, [1, 2, 3, 4], attached: true)
        for bit in 0..<message.head.count * 8 {
            var changed = message
            changed.head[bit / 8] ^= 1 << UInt8(bit % 8)
            changed.deliver(to: host, from: 1)
        }
        for bit in 0..<32 {
            var changed = message
            changed.attachment?[bit / 8] ^= 1 << UInt8(bit % 8)
            changed.deliver(to: host, from: 1)
        }
        let state = host.standing(of: 1)
        #expect(state.carriedOut == 0 && state.refused == message.head.count * 8 + 32 && !state.isLost)
        message.deliver(to: host, from: 1)
        #expect(host.standing(of: 1).carriedOut == 1)
    }

    @Test("A whole message of another run, build, plan, or of other hosts is refused")
    func foreign() throws {
        let (_, host) = try Self.makeSwitch()
        let message = Self.message(host, 1, [1, 2, 3, 4], attached: true)
        // The digest of all that both ends must share, and the two hosts.
        let bits = Array(64..<128) + Array(320..<352)
        for bit in bits {
            var changed = message
            changed.head[bit / 8] ^= 1 << UInt8(bit % 8)
            changed.seal()
            changed.deliver(to: host, from: 1)
        }
        let state = host.standing(of: 1)
        #expect(state.carriedOut == 0 && state.refused == bits.count && !state.isLost)
        message.deliver(to: host, from: 1)
        #expect(host.standing(of: 1).carriedOut == 1)
    }

    @Test("A hundred thousand hostile messages neither stop the switch nor touch anything but windows")
    func fuzz() throws {
        let seed = UInt64.random(in: .min ... .max)
        var random = SeededGenerator(seed: seed)
        let (segment, host) = try Self.makeSwitch()
        var lost = 0
        var carriedOut = 0
        for round in 0..<100_000 {
            var message = Self.message(
                host, 1, [UInt8](repeating: 7, count: Int.random(in: 1...200, using: &random)),
                attached: Bool.random(using: &random))
            if round % 3 == 0 {
                message.head = Mutation.apply(to: message.head, using: &random)
            } else {
                // Fields of records, and those of the header that are not checked before the checksum.
                for _ in 0..<Int.random(in: 1...4, using: &random) {
                    let count = message.head.count
                    let at = Int.random(in: round % 3 == 1 ? 64..<count : 16..<count, using: &random)
                    let values: [UInt8] = [
                        0, 1, 7, 8, 0x7F, 0x80, 0xFF, UInt8.random(in: .min ... .max, using: &random),
                    ]
                    message.head[at] = values.randomElement(using: &random) ?? 0
                }
            }
            if Int.random(in: 0..<10, using: &random) == 0 { message.attachment?.removeLast() }
            message.seal()
            message.deliver(to: host, from: 1)
            let state = host.standing(of: 1)
            if state.isLost { lost += 1 } else if state.carriedOut > 0 { carriedOut += 1 }
            host.renewLink(to: 1)
        }
        // Both kinds must have been among them, or the damage was too great or too small to tell anything.
        #expect(lost > 1000 && carriedOut > 1000, "seed \(seed): \(lost) breaches, \(carriedOut) carried out")
        for rank in 0..<2 {
            #expect(
                segment.control(of: rank).state == .absent && segment.control(of: rank).heartbeat == 0, "seed \(seed)")
            #expect(segment.port(of: rank).posted.loadAcquiring() == 0, "seed \(seed)")
        }
        #expect(segment.cluster.verdict?.code == .linkLost, "seed \(seed)")
        Self.message(host, 1, [9, 8, 7], attached: false).deliver(to: host, from: 1)
        #expect(host.standing(of: 1).carriedOut == 1, "seed \(seed)")
    }

    @Test("Descriptors that no die would post are dropped, and what is posted after them still goes")
    func hostileRing() throws {
        let seed = UInt64.random(in: .min ... .max)
        let cluster = try SplitCluster(HostSplit([1, 1], carrier: .inproc), windowByteCount: 1 << 20)
        defer { cluster.stop() }
        let word = Endpoint.reservedByteCount(dies: 2)
        let outcome = try ThreadCluster.run(cluster, timeout: .seconds(30)) { world in
            // No other operation of the die, whose own end of the ring does not know of these.
            guard world.rank == 0 else { return _ = try world.endpoint.wait(at: word, until: .equal, 1) }
            var random = SeededGenerator(seed: seed)
            var ring = try RogueRing(world.endpoint)
            for _ in 0..<1000 {
                // All kinds that have an offset, all places, and some there are not, for the other host, outside its window.
                var fields = (0..<8).map { _ in UInt64.random(in: .min ... .max, using: &random) }
                let length = [0, 8, 16, 17, 1 << 14, 1 << 18, 1 << 31].randomElement(using: &random) ?? 0
                fields[0] = UInt64.random(in: 0..<11, using: &random) | UInt64.random(in: 0..<3, using: &random) << 8
                fields[0] |= UInt64.random(in: 0..<7, using: &random) << 16 | UInt64(length) << 32
                fields[1] = 1 << 32
                fields[2] |= 1 << 40
                try ring.post(fields)
            }
            // A signal that sets the word of rank 1.
            try ring.post([7, 1 << 32, UInt64(word), 1, 0, 0, 0, 0])
        }
        #expect(outcome.errors.isEmpty, "seed \(seed): \(outcome.errors)")
    }

    @Test("The checksum has the published values, and the fast form is the portable one at every length and place")
    func checksum() {
        // RFC 3720, appendix B.4.
        #expect(Checksum.crc32c([UInt8](repeating: 0, count: 32).span) == 0x8A91_36AA)
        #expect(Checksum.crc32c([UInt8](repeating: 0xFF, count: 32).span) == 0x62A8_AB43)
        #expect(Checksum.crc32c((0..<32).map { UInt8($0) }.span) == 0x46DD_794E)
        #expect(Checksum.crc32c((0..<32).map { UInt8(31 - $0) }.span) == 0x113F_DB5C)
        #expect(Checksum.crc32c(Array("123456789".utf8).span) == 0xE306_9283)
        let bytes = (0..<10_000).map { UInt8(truncatingIfNeeded: $0 &* $0 >> 3) }
        for (start, count) in (0..<300).map({ ($0 % 9, $0) }) + [(0, 3071), (1, 3072), (3, 6145), (5, 9995)] {
            let part = bytes[start..<start + count]
            let span = part.span
            let whole = Checksum.crc32c(span)
            #expect(whole == Checksum.crc32c(span, portable: true), "\(count) bytes from \(start)")
            let half = Checksum.crc32c(span.extracting(0..<count / 2))
            #expect(Checksum.crc32c(span.extracting(count / 2..<count), continuing: half) == whole)
        }
    }
}

/// The ring of a die that posts eight words as they are, whatever they say.
private struct RogueRing {
    private let endpoint: Endpoint
    private let port: Port
    /// Where the switch says how many it has taken.
    private let consumed: Int
    private var posted: UInt64 = 0

    init(_ endpoint: Endpoint) throws {
        let (segment, rank) = (endpoint.segment, endpoint.rank.index)
        let word = try #require(segment.windowWords(.linkWords).first { $0.name == "consumed of rank \(rank)" })
        self.endpoint = endpoint
        port = segment.port(of: rank)
        consumed = word.offset - segment.windowOffset(of: rank)
    }

    /// Posts, with the check that belongs to the entry; waits for room.
    mutating func post(_ words: [UInt64]) throws {
        let capacity = UInt64(PortLayout.entryCount)
        if posted >= capacity {
            try endpoint.wait(at: consumed, reaches: posted - capacity + 1, operation: .wait)
        }
        var words = words
        words[0] &= ~(0xFF << 24)
        let sum = words.reduce(posted &* 0xBF58_476D_1CE4_E5B9, ^)
        let check = ((sum ^ (sum >> 32)) &* 0x9E37_79B9_7F4A_7C15) >> 56
        words[0] |= check << 24
        for (index, word) in words.enumerated() {
            unsafe port.entry(posted).storeBytes(of: word, toByteOffset: 8 * index, as: UInt64.self)
        }
        posted += 1
        port.posted.storeSequentially(posted)
        endpoint.segment.switchBell?.wakeSwitch()
    }
}
