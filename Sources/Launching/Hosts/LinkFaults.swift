package import Fabric
internal import Hashing
internal import Messaging
internal import SharedMemory

/// Damage to messages between hosts, by seed: what a bad network does, for plans of faults and for tests. Rates are in parts of 1,000.
public struct LinkFaults: Sendable, Equatable {
    /// What decides.
    public var seed: UInt64
    /// Messages that never arrive.
    public var drop = 0
    /// Messages that arrive twice.
    public var duplicate = 0
    /// Messages of which one bit is changed.
    public var corrupt = 0
    /// Messages that are overtaken by up to eight later ones.
    public var delay = 0
    /// After this many messages none arrives any more.
    public var cutAfter: Int?

    /// So many messages arrive, so many do not, and so on; 0 for all.
    public var flap = 0
    /// Messages that are followed by one of the link's first eight once more.
    public var replay = 0
    /// Bytes a second beyond which messages are lost; 0 for no limit.
    public var bytesPerSecond = 0
    /// The number of a byte of the link of which a bit is inverted.
    public var corruptAt: Int?
    /// The number of a byte from which on nothing arrives.
    public var cutAt: Int?

    /// No damage yet.
    public init(seed: UInt64) { self.seed = seed }

    /// What does the damage to each link, for the options of a switch.
    package var wire: @Sendable (_ link: Int) -> any LinkWire {
        let faults = self
        return { FaultyWire(faults, link: $0) }
    }
}

/// Stands between a switch and a socket and does the damage.
private struct FaultyWire: LinkWire {
    private let faults: LinkFaults
    private var random: SplitMix64
    private var count = 0
    /// Bytes that were to be sent before this message.
    private var byteCount = 0
    /// The first messages, to be sent again.
    private var first: [(head: Packet, attachment: Packet?)] = []
    /// What the limit still allows, and when that was last looked at.
    private var allowance = 0
    private var lookedAt: UInt64 = 0
    private var held: [(after: Int, head: Packet, attachment: Packet?)] = []

    init(_ faults: LinkFaults, link: Int) {
        self.faults = faults
        random = SplitMix64(seed: SplitMix64.mixed(faults.seed, UInt64(link)))
    }

    private mutating func happens(_ rate: Int) -> Bool { rate > 0 && random.next() % 1000 < UInt64(rate) }

    /// What is to be sent now instead of a message.
    mutating func pass(_ head: Packet, _ attachment: Packet?) -> [(head: Packet, attachment: Packet?)] {
        count += 1
        let length = head.byteCount + (attachment?.byteCount ?? 0)
        let begin = byteCount
        byteCount += length
        if let cut = faults.cutAfter, count > cut { return [] }
        if let cut = faults.cutAt, byteCount > cut { return [] }
        if faults.flap > 0, (count - 1) / faults.flap % 2 == 1 { return [] }
        if faults.bytesPerSecond > 0, !isAllowed(length) { return [] }
        if let place = faults.corruptAt, (begin..<byteCount).contains(place) {
            return [Self.flipped(head, attachment, place - begin)]
        }
        if faults.replay > 0, first.count < 8 { first.append((head, attachment)) }
        var out: [(head: Packet, attachment: Packet?)] = []
        if happens(faults.delay) {
            held.append((count + 1 + Int(random.next() % 8), head, attachment))
        } else if !happens(faults.drop) {
            let message = happens(faults.corrupt) ? damaged(head, attachment) : (head, attachment)
            out.append(message)
            if happens(faults.duplicate) { out.append(message) }
            if happens(faults.replay) { out.append(first[Int(random.next() % UInt64(first.count))]) }
        }
        for message in held where message.after <= count { out.append((message.head, message.attachment)) }
        held.removeAll { $0.after <= count }
        return out
    }

    /// Whether the limit lets so many bytes pass now: what was not used of it in the last tenth of a second may be used at once.
    private mutating func isAllowed(_ length: Int) -> Bool {
        let now = Monotonic.now()
        let elapsed = lookedAt == 0 ? 100_000_000 : min(now - lookedAt, 100_000_000)
        lookedAt = now
        allowance = min(
            allowance + Int(elapsed) / 1000 * faults.bytesPerSecond / 1_000_000,
            max(faults.bytesPerSecond / 10, 1 << 16))
        guard allowance > 0 else { return false }
        allowance -= length
        return true
    }

    /// A message with a bit of one of its bytes inverted.
    private static func flipped(
        _ head: Packet, _ attachment: Packet?, _ place: Int
    ) -> (head: Packet, attachment: Packet?) {
        guard place >= head.byteCount, let attachment else {
            return (flipped(head, place, 0), attachment)
        }
        return (head, flipped(attachment, place - head.byteCount, 0))
    }

    private mutating func damaged(_ head: Packet, _ attachment: Packet?) -> (head: Packet, attachment: Packet?) {
        let place = random.next()
        if let attachment, attachment.byteCount > 0, place & 1 == 1 {
            return (head, Self.flipped(attachment, Int((place >> 8) % UInt64(attachment.byteCount)), place))
        }
        return (Self.flipped(head, Int((place >> 8) % UInt64(max(head.byteCount, 1))), place), attachment)
    }

    private static func flipped(_ packet: Packet, _ place: Int, _ random: UInt64) -> Packet {
        var bytes = packet.bytes
        bytes[place] ^= 1 << UInt8(random >> 1 & 7)
        return Packet(bytes)
    }
}
