import Fabric
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

    @Test("A message is carried out once, whether its payload is attached or not; again it is only acknowledged")
    func once() throws {
        let (segment, host) = try Self.makeSwitch()
        let endpoint = Endpoint(segment: segment, rank: 0, timeout: .seconds(10))
        for (number, attached) in [(1, false), (2, true)] {
            let bytes = (0..<3000).map { UInt8(truncatingIfNeeded: $0 &* number) }
            let (head, attachment) = host.directMessage(
                from: 1, sequence: UInt64(number), put: bytes, at: Self.place, word: Self.word, attached: attached)
            for _ in 0..<3 { host.deliver(head, attachment, from: 1) }
            #expect(host.directState(of: 1).carriedOut == UInt64(number))
            #expect(try endpoint.fetch(at: 0, Self.word) == UInt64(number))
            let span = endpoint.values(UInt8.self, at: Self.place, count: 3000)
            #expect(span.indices.allSatisfy { span[$0] == bytes[$0] })
        }
        let state = host.directState(of: 1)
        #expect(!state.isLost && state.refused == 0 && state.waiting == 4)
    }

    @Test("Messages out of order, or with one changed bit anywhere, are not carried out")
    func damaged() throws {
        let (_, host) = try Self.makeSwitch()
        let (later, _) = host.directMessage(
            from: 1, sequence: 2, put: [1, 2, 3], at: Self.place, word: Self.word, attached: false)
        host.deliver(later, nil, from: 1)
        #expect(host.directState(of: 1).carriedOut == 0)
        let (head, attachment) = host.directMessage(
            from: 1, sequence: 1, put: [1, 2, 3, 4], at: Self.place, word: Self.word, attached: true)
        for bit in 0..<head.count * 8 {
            var changed = head
            changed[bit / 8] ^= 1 << UInt8(bit % 8)
            host.deliver(changed, attachment, from: 1)
        }
        for bit in 0..<32 {
            var changed = attachment
            changed?[bit / 8] ^= 1 << UInt8(bit % 8)
            host.deliver(head, changed, from: 1)
        }
        let state = host.directState(of: 1)
        #expect(state.carriedOut == 0 && state.refused == head.count * 8 + 32 && !state.isLost)
        host.deliver(head, attachment, from: 1)
        #expect(host.directState(of: 1).carriedOut == 1)
    }

    @Test("A hundred thousand hostile messages neither stop the switch nor touch anything but windows")
    func fuzz() throws {
        let seed = UInt64.random(in: .min ... .max)
        var random = SeededGenerator(seed: seed)
        let (segment, host) = try Self.makeSwitch()
        var lost = 0
        var carriedOut = 0
        for round in 0..<100_000 {
            var (head, attachment) = host.directMessage(
                from: 1, sequence: 1, put: [UInt8](repeating: 7, count: Int.random(in: 1...200, using: &random)),
                at: Self.place, word: Self.word, attached: Bool.random(using: &random))
            if round % 3 == 0 {
                head = Mutation.apply(to: head, using: &random)
            } else {
                // Fields of records, and those of the header that are not checked before the checksum.
                for _ in 0..<Int.random(in: 1...4, using: &random) {
                    let at = Int.random(in: round % 3 == 1 ? 64..<head.count : 16..<head.count, using: &random)
                    let values: [UInt8] = [
                        0, 1, 7, 8, 0x7F, 0x80, 0xFF, UInt8.random(in: .min ... .max, using: &random),
                    ]
                    head[at] = values.randomElement(using: &random) ?? 0
                }
            }
            if Int.random(in: 0..<10, using: &random) == 0 { attachment?.removeLast() }
            HostSwitch.reseal(&head, attachment)
            host.deliver(head, attachment, from: 1)
            let state = host.directState(of: 1)
            if state.isLost { lost += 1 } else if state.carriedOut > 0 { carriedOut += 1 }
            host.renewDirect(1)
        }
        // Both kinds must have been among them, or the damage was too great or too small to tell anything.
        #expect(lost > 1000 && carriedOut > 1000, "seed \(seed): \(lost) breaches, \(carriedOut) carried out")
        for rank in 0..<2 {
            #expect(
                segment.control(of: rank).state == .absent && segment.control(of: rank).heartbeat == 0, "seed \(seed)")
            #expect(segment.port(of: rank).posted.loadAcquiring() == 0, "seed \(seed)")
        }
        #expect(segment.cluster.verdict?.code == .linkLost, "seed \(seed)")
        let (head, attachment) = host.directMessage(
            from: 1, sequence: 1, put: [9, 8, 7], at: Self.place, word: Self.word, attached: false)
        host.deliver(head, attachment, from: 1)
        #expect(host.directState(of: 1).carriedOut == 1, "seed \(seed)")
    }

    @Test("Descriptors that no die would post are dropped, and what is posted after them still goes")
    func hostileRing() throws {
        let seed = UInt64.random(in: .min ... .max)
        let cluster = try SplitCluster(HostSplit([1, 1], carrier: .inproc), windowByteCount: 1 << 20)
        defer { cluster.stop() }
        let outcome = try ThreadCluster.run(cluster, timeout: .seconds(30)) { world in
            var random = SeededGenerator(seed: seed)
            let words = try world.allocate(byteCount: 64)
            if world.rank == 0 {
                for _ in 0..<1000 {
                    // All kinds that have an offset, all places, and some there are not, for the other host, outside its window.
                    var fields = (0..<8).map { _ in UInt64.random(in: .min ... .max, using: &random) }
                    let length = [0, 8, 16, 17, 1 << 14, 1 << 18, 1 << 31].randomElement(using: &random) ?? 0
                    fields[0] =
                        UInt64.random(in: 0..<11, using: &random) | UInt64.random(in: 0..<3, using: &random) << 8
                    fields[0] |= UInt64.random(in: 0..<7, using: &random) << 16 | UInt64(length) << 32
                    fields[1] = 1 << 32
                    fields[2] |= 1 << 40
                    try world.endpoint.postDirect(fields)
                }
                try world.endpoint.signal(.set, 1, at: 1, words.offset)
                try world.endpoint.quiet()
            } else {
                try world.endpoint.wait(at: words.offset, until: .equal, 1)
            }
            try world.barrier()
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
