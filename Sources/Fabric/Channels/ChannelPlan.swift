/// Which way the bytes of a channel travel.
public enum ChannelDelivery: Sendable, Equatable, CustomStringConvertible {
    /// The producer writes them into the consumer's window.
    case push
    /// The consumer reads them out of the producer's window.
    case pull
    /// The producer writes the first part while the consumer reads the rest; `fraction` is the share written.
    case concurrent(fraction: Double)

    /// Messages up to this length are never split: one direction is always faster.
    public static let unsplitByteCount = 512
    /// Splits lie at multiples of this many bytes, and no part is shorter.
    public static let splitByteCount = 512

    /// Bytes of a message of `byteCount` bytes that the producer writes: all, none, or `ceil512(f n)`.
    ///
    /// A rest of fewer than 512 bytes is not worth a read: the producer writes that too.
    ///
    /// Both ends compute it; neither is told.
    public func pushedByteCount(of byteCount: Int) -> Int {
        switch self {
        case .push: return byteCount
        case .pull: return 0
        case .concurrent(let fraction):
            guard byteCount > Self.unsplitByteCount else { return byteCount }
            let share = Int((min(max(fraction, 0), 1) * Double(byteCount)).rounded(.up))
            let pushed = (share + Self.splitByteCount - 1) / Self.splitByteCount * Self.splitByteCount
            return byteCount - pushed < Self.splitByteCount ? byteCount : pushed
        }
    }

    /// Whether the consumer ever reads from the producer's window.
    var pulls: Bool { self != .push }

    /// `push`, `pull`, `concurrent 0.4`.
    public var description: String {
        switch self {
        case .push: "push"
        case .pull: "pull"
        case .concurrent(let fraction): "concurrent \(fraction)"
        }
    }
}

/// What both ends of a channel agree on, and where its words and slots lie in their windows.
///
/// A channel lives in a region of the symmetric heap, the same for both ends. It has two halves, one for each parity of the
/// epoch, so that what a lost peer still writes after a new epoch began lands where no rank looks. A half (offsets in it; each
/// word is alone on its line, and words polled by different ranks are 512 B apart):
///
/// ```
/// 0      tail        u64  at the consumer  the producer signals it: payloads pushed below this number have landed
/// 512    announced   u64  at the consumer  the producer signals it: `ready` has risen; wakes a consumer that pulls
/// 1024   ready       u64  at the producer  the producer stores it: sources below this number are final; the consumer fetches it
/// 1536   released    u64  at the producer  the consumer signals it: slots and sources below this number are free again
/// 2048   descriptors slotCount lines of 64 B, at both
/// ...    ring        slotCount slots, at both: pushed bytes at the consumer, bytes to be pulled at the producer
/// ```
///
/// All four are notifications of a message's number.
public struct ChannelPlan: Sendable, Equatable {
    /// Messages under way at most; a power of two.
    public var slotCount: Int
    /// Bytes of the longest message that goes through the ring; a multiple of 512.
    public var slotByteCount: Int
    /// Which way the bytes travel.
    public var delivery: ChannelDelivery
    /// Messages for each flag; `flush` flags fewer.
    public var batch: Int
    /// The first message's number, below 2^46; a test may start anywhere.
    public var start: UInt64
    /// The life of the cluster this channel belongs to; the next life uses the other half of the region.
    public var epoch: UInt64

    /// A plan whose numbers are programmer's choices, checked here.
    public init(
        slotCount: Int = 16, slotByteCount: Int = 4096, delivery: ChannelDelivery = .push, batch: Int = 1,
        start: UInt64 = 0, epoch: UInt64 = 0
    ) {
        precondition(
            slotCount > 0 && slotCount & (slotCount - 1) == 0 && slotCount <= 1 << 20, "slots are a power of two")
        precondition(
            slotByteCount > 0 && slotByteCount % 512 == 0 && slotByteCount <= 1 << 30, "a slot is a multiple of 512 B")
        precondition(start < Notification.sequenceLimit / 2, "half of the numbers are left to count on")
        precondition(batch > 0, "a batch has at least one message")
        self.slotCount = slotCount
        self.slotByteCount = slotByteCount
        self.delivery = delivery
        self.batch = batch
        self.start = start
        self.epoch = epoch
    }

    package static let tailOffset = 0
    package static let announcedOffset = 512
    package static let readyOffset = 1024
    package static let releasedOffset = 1536
    static let descriptorsOffset = 2048

    private var ringOffset: Int { Self.descriptorsOffset + (slotCount * 64 + 511) / 512 * 512 }
    private var halfByteCount: Int { ringOffset + slotCount * slotByteCount }

    /// Bytes of the region a channel of this plan needs.
    public var byteCount: Int { 2 * halfByteCount }

    package func base(_ region: Region) -> Int {
        precondition(region.byteCount >= byteCount && region.offset % 64 == 0, "the plan's region, on a line")
        return region.offset + Int(epoch & 1) * halfByteCount
    }

    func index(_ sequence: UInt64) -> Int { Int(truncatingIfNeeded: sequence & UInt64(slotCount - 1)) }
    func descriptor(_ sequence: UInt64) -> Int { Self.descriptorsOffset + 64 * index(sequence) }
    func slot(_ sequence: UInt64) -> Int { ringOffset + slotByteCount * index(sequence) }
}

/// What a consumer is told of a message, one line.
///
/// ```
/// 0 sequence   8 epoch   16 source offset   24 destination offset   32 bytes   40 u32 operation, u32 kind   48 u32 target, u32 origin
/// ```
struct ChannelDescriptor: BitwiseCopyable, Equatable {
    /// Through the ring, or from place to place in the windows.
    enum Kind: UInt32 { case ring, placed }

    var sequence: UInt64
    var epoch: UInt64
    var source: UInt64
    var destination: UInt64
    var byteCount: UInt64
    var operation: UInt32
    var kind: UInt32
    var target: UInt32
    var origin: UInt32
    var spare: UInt64 = 0
}
