package import Fabric
internal import Messaging

/// A message between hosts, written word by word as `LinkHeader.swift` and `LinkRecord.swift` draw it: what the switch of another host
/// sends, or never would. It shares no code with the switch that reads it but the checksum.
package struct WireMessage {
    /// Header and records.
    package var head: [UInt8]
    /// The payload that has a frame of its own.
    package var attachment: [UInt8]?

    private static let headerByteCount = 64
    private static let magic: UInt64 = 0x314C_5053
    private static let greetingFlag: UInt64 = 2
    private static let farewellFlag: UInt64 = 4

    /// A message with its checksum.
    ///
    /// - Parameters:
    ///   - other: the host that sends it to the switch's.
    ///   - sequence: its number; 0 with no record is a greeting, which is always answered.
    ///   - acknowledged: the next number that host expects.
    ///   - records: eight words each, whatever they say, and the payload behind them.
    package init(
        from other: Int, to receiver: HostSwitch, sequence: UInt64, acknowledged: UInt64 = 1,
        records: [(words: [UInt64], payload: [UInt8])] = [], attachment: [UInt8]? = nil
    ) {
        self.attachment = attachment
        head = []
        let flags = sequence == 0 && records.isEmpty ? Self.greetingFlag : 0
        let sides = UInt64(other) | UInt64(receiver.host) << 16 | flags << 32 | UInt64(records.count) << 48
        append([Self.magic, receiver.linkDigest, sequence, acknowledged, acknowledged &+ 127, sides, 0, 0])
        for (words, payload) in records {
            precondition(words.count == 8, "a record has eight words")
            append(words)
            head += payload + [UInt8](repeating: 0, count: (8 - payload.count % 8) % 8)
        }
        set(UInt32(head.count), at: 48)
        set(UInt32(attachment?.count ?? 0), at: 52)
        seal()
    }

    /// A put of bytes into a window, a signal behind it, an atomic and a strided get: what a good switch may send.
    package init(
        from other: Int, to receiver: HostSwitch, sequence: UInt64, source: Int, put bytes: [UInt8], at offset: Int,
        word: Int, attached: Bool
    ) {
        let ranks = UInt64(source)
        let length = UInt64(bytes.count) << 32
        self.init(
            from: other, to: receiver, sequence: sequence,
            records: [
                ([1 | (attached ? 4 << 16 : 0) | length, ranks, UInt64(offset), 0, 0, 0, 0, 0], attached ? [] : bytes),
                ([7 | 1 << 8, ranks, UInt64(word), 1, 0, 0, 0, 0], []),
                ([5, ranks, UInt64(word), 0, 0, 0, 0, 0], []),
                ([4 | 24 << 32, ranks, UInt64(offset), 0, 0, 0, 3 | 8 << 32, 16], []),
            ], attachment: attached ? bytes : nil)
    }

    /// Writes the checksum that the message ought to have, if its head is long enough to have one.
    package mutating func seal() {
        guard head.count >= Self.headerByteCount else { return }
        set(0, at: 4)
        var sum = Checksum.crc32c(head.span)
        if let attachment { sum = Checksum.crc32c(attachment.span, continuing: sum) }
        set(sum, at: 4)
    }

    /// Makes the header tell the truth about the lengths.
    package mutating func setLengths() {
        guard head.count >= Self.headerByteCount else { return }
        set(UInt32(head.count), at: 48)
        set(UInt32(attachment?.count ?? 0), at: 52)
    }

    /// Hands the message to a switch that does not run, as if it had come from a host.
    package func deliver(to receiver: HostSwitch, from other: Int) {
        receiver.receive(Packet(head), attachment.map { Packet($0) }, from: other)
    }

    /// What the head of a switch's message says: its number, the next it expects, and whether the link is given up.
    package static func reading(_ head: [UInt8]) -> (sequence: UInt64, acknowledged: UInt64, isFarewell: Bool)? {
        guard head.count >= headerByteCount else { return nil }
        func word(_ index: Int) -> UInt64 { (0..<8).reduce(0) { $0 | UInt64(head[8 * index + $1]) << UInt64(8 * $1) } }
        guard word(0) & 0xFFFF_FFFF == magic else { return nil }
        return (word(2), word(3), word(5) >> 32 & farewellFlag != 0)
    }

    private mutating func append(_ words: [UInt64]) {
        for word in words { for byte in 0..<8 { head.append(UInt8(truncatingIfNeeded: word >> UInt64(8 * byte))) } }
    }

    private mutating func set(_ value: UInt32, at place: Int) {
        for byte in 0..<4 { head[place + byte] = UInt8(truncatingIfNeeded: value >> UInt32(8 * byte)) }
    }
}
