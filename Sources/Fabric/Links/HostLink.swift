internal import Messaging
internal import SharedMemory

/// One host's end of the link to another: numbered messages, acknowledged, sent again, never seen twice or out of order.
///
/// Belongs to the thread of its switch. Messages are carried out in the order of their numbers, so operations of one die on another host are
/// carried out in the order in which the die posted them.
final class HostLink {
    /// A message that has not been acknowledged.
    struct Sent {
        var sequence: UInt64
        var head: Packet
        var attachment: Packet?
        var completions: [LinkCompletion]
        var byteCount: Int
        var at: UInt64
        var wasRepeated = false
    }

    /// Whether the other end has been heard of, and whether it still is.
    enum State { case waiting, up, lost }

    let host: Int
    let own: Int
    let digest: UInt64
    let timing: LinkTiming
    let socket: LinkSocket
    let clock: LinkClock
    /// Where this end connects; nil for the end that is connected to, and where the carrier is no network.
    let address: String?
    private var wire: (any LinkWire)?
    var state = State.waiting
    var statistics = LinkStatistics()

    // Sending.
    var batch = LinkBatch()
    var nextSequence: UInt64 = 1
    var peerLimit: UInt64 = 0
    var unacknowledged: [Sent] = []
    var unacknowledgedByteCount = 0
    /// Answers that wait for room in the window: requests not yet served, values not yet sent.
    var answers: [LinkRecord] = []
    var hasToldVerdict = false

    // Receiving.
    var expected: UInt64 = 1
    var owesAcknowledgement = true
    /// Messages carried out whose acknowledgement may wait for that of the next.
    var deferredAcknowledgements = 0
    var sawGap = false
    /// Why messages of the other end were refused, if they were.
    var refusal: String?

    // The ladder.
    var step = 0
    var deadline: UInt64
    let contactDeadline: UInt64
    var lastHeard: UInt64
    /// When this end connected anew, last.
    var lastConnect: UInt64 = 0
    var isRecovering = false
    var lastGoBack: UInt64 = 0
    var roundTrip: UInt64 = 300_000
    var roundTripSpread: UInt64 = 100_000

    init(
        host: Int, own: Int, digest: UInt64, socket: LinkSocket, address: String?, clock: LinkClock,
        options: LinkOptions
    ) {
        self.host = host
        self.own = own
        self.digest = digest
        self.socket = socket
        self.address = address.flatMap { $0.hasPrefix("tcp://") ? $0 : nil }
        self.clock = clock
        timing = options.timing
        wire = options.wire?(own << 16 | host)
        let now = clock.now()
        deadline = now
        lastHeard = now
        contactDeadline =
            now + UInt64(timing.contact.components.seconds) * 1_000_000_000
            + UInt64(timing.contact.components.attoseconds / 1_000_000_000)
    }

    /// Whether one more message may leave: the peer has given credit, and what is under way stays within bounds.
    var mayStartMessage: Bool {
        state == .up && nextSequence <= peerLimit && unacknowledged.count < LinkLimits.windowMessageCount
            && unacknowledgedByteCount < LinkLimits.windowByteCount
    }

    /// Whether a record with an inline payload can be taken now. Sends what is collected if that makes room.
    func hasRoom(payload: Int) -> Bool {
        if !batch.isEmpty, !batch.hasRoom(payload: payload) { flush() }
        return batch.isEmpty ? mayStartMessage : true
    }

    /// Whether everything sent has been carried out, and nothing waits to be sent.
    var isIdle: Bool { state == .lost || (unacknowledged.isEmpty && batch.isEmpty && answers.isEmpty) }

    func header(sequence: UInt64) -> LinkHeader {
        var header = LinkHeader(
            digest: digest, sequence: sequence, acknowledged: expected,
            limit: expected - 1 + UInt64(LinkLimits.windowMessageCount), source: own, target: host)
        if sawGap { header.flags |= LinkHeader.gapFlag }
        if state == .waiting { header.flags |= LinkHeader.greetingFlag }
        if state == .lost { header.flags |= LinkHeader.farewellFlag }
        return header
    }

    /// Sends what has been collected, if anything, as one message.
    ///
    /// - Parameter hasMore: whether another long message follows, so that this one need not be acknowledged at once.
    func flush(attachment: Packet? = nil, hasMore: Bool = false) {
        guard !batch.isEmpty else { return }
        statistics.records += batch.recordCount
        seal(attachment: attachment, hasMore: hasMore)
    }

    /// Sends what has been collected, unless messages are under way whose acknowledgement will bring the switch back here soon.
    ///
    /// A switch as fast as the dies would else send a message for each of their operations. One that waits for its operation has nothing
    /// under way, and is not held up.
    func flushUnlessBusy() {
        if unacknowledged.count < Self.busyCount { flush() }
    }

    /// Whether something waits for an acknowledgement to come before it leaves.
    var isHolding: Bool { state == .up && !batch.isEmpty && unacknowledged.count >= Self.busyCount }

    private static let busyCount = 2

    /// Sends a message, also one without records: the other end acknowledges it, which shows that it lives.
    func seal(attachment: Packet? = nil, hasMore: Bool = false) {
        var header = header(sequence: nextSequence)
        if hasMore { header.flags |= LinkHeader.moreFlag }
        let (head, completions) = batch.finish(header, attachment: attachment)
        let now = clock.now()
        let size = head.byteCount + (attachment?.byteCount ?? 0)
        if unacknowledged.isEmpty { arm(now) }
        unacknowledged.append(
            Sent(
                sequence: nextSequence, head: head, attachment: attachment, completions: completions, byteCount: size,
                at: now))
        unacknowledgedByteCount += size
        nextSequence += 1
        statistics.messages += 1
        acknowledgementLeft()
        transmit(head, attachment)
    }

    /// Sends a message that only acknowledges.
    func acknowledge() {
        let head = Packet(byteCount: LinkHeader.byteCount)
        var header = header(sequence: 0)
        unsafe head.withMutableBytes { bytes in unsafe header.write(to: bytes, attachment: nil) }
        statistics.acknowledgements += 1
        acknowledgementLeft()
        transmit(head, nil)
    }

    private func acknowledgementLeft() {
        owesAcknowledgement = false
        deferredAcknowledgements = 0
        sawGap = false
    }

    /// What cannot be sent now counts as lost on the way: the ladder sends it again.
    private func transmit(_ head: Packet, _ attachment: Packet?) {
        guard wire != nil else {
            _ = try? socket.send(head, attachment, to: UInt16(host))  // the ladder repeats it
            return
        }
        for message in wire?.pass(head, attachment) ?? [] {
            _ = try? socket.send(message.head, message.attachment, to: UInt16(host))  // the ladder repeats it
        }
    }

    /// Sends a message again. Its payload, if it was borrowed, is copied first: a racing writer must not make the checksum wrong for ever.
    func repeatMessage(_ index: Int) {
        unacknowledged[index].wasRepeated = true
        if let borrowed = unacknowledged[index].attachment { solidify(index, borrowed) }
        statistics.retransmissions += 1
        transmit(unacknowledged[index].head, unacknowledged[index].attachment)
    }

    private func solidify(_ index: Int, _ attachment: Packet) {
        let copy = Packet(byteCount: attachment.byteCount)
        unsafe attachment.withBytes { from in
            unsafe copy.withMutableBytes { to in
                if let from = from.baseAddress, let place = to.baseAddress {
                    unsafe FabricCopy.run(place, from, to.count)
                }
            }
        }
        let old = unacknowledged[index].head
        let head = Packet(byteCount: old.byteCount)
        unsafe old.withBytes { from in
            unsafe head.withMutableBytes { to in
                unsafe to.copyMemory(from: from)
                guard var header = unsafe LinkHeader(from: from, attachmentByteCount: copy.byteCount) else { return }
                header.acknowledged = expected
                unsafe copy.withBytes { bytes in unsafe header.write(to: to, attachment: bytes) }
            }
        }
        unacknowledged[index].head = head
        unacknowledged[index].attachment = copy
    }
}
