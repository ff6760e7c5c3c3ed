internal import Messaging
internal import Mutants
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
    private let own: Int
    let digest: UInt64
    private let timing: LinkTiming
    let socket: LinkSocket
    private let clock: LinkClock
    /// Where this end connects; nil for the end that is connected to, and where the carrier is no network.
    let address: String?
    private var wire: (any LinkWire)?
    var state = State.waiting
    var statistics = LinkStatistics()

    // Sending.
    var batch = LinkBatch()
    private var nextSequence: UInt64 = 1
    var peerLimit: UInt64 = 0
    var unacknowledged: [Sent] = []
    private var unacknowledgedByteCount = 0
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
    private var step = 0
    private var deadline: UInt64
    private let contactDeadline: UInt64
    private var lastHeard: UInt64
    /// When this end connected anew, last.
    private var lastConnect: UInt64 = 0
    private var isRecovering = false
    private var lastGoBack: UInt64 = 0
    private var roundTrip: UInt64 = 300_000
    private var roundTripSpread: UInt64 = 100_000

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

    private func header(sequence: UInt64) -> LinkHeader {
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
    private func seal(attachment: Packet? = nil, hasMore: Bool = false) {
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
    private func repeatMessage(_ index: Int) {
        unacknowledged[index].wasRepeated = true
        if let borrowed = unacknowledged[index].attachment { solidify(index, borrowed) }
        statistics.retransmissions += 1
        if Mutated.retransmission { return }
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

// When to send again, and when to give up: UB's ladder (specification 2.0: 20 us x 8^n, 7 retries, then an error).
//
// Steps shorter than what the link has shown to need pass without a retransmission; the time from the first sending to giving up stays
// the ladder's own. A time-out repeats only the oldest message: one that is not missing is answered by an acknowledgement,
// and the rest is sent again only when that shows it to be missing.

extension HostLink {
    /// What an answer may take: four times the usual, as far as that is known.
    private var patience: UInt64 { max(2 * roundTrip + 4 * roundTripSpread, 200_000) }

    /// Starts the ladder at its first step that is worth a retransmission.
    private func arm(_ now: UInt64) {
        step = 0
        deadline = now + timing.step(0)
        skipShortSteps()
    }

    private func skipShortSteps() {
        while step < timing.retries - 1, timing.step(step) < patience {
            step += 1
            deadline += timing.step(step)
        }
    }

    /// What the clock asks for; a reason if the link is to be given up.
    func tick(_ now: UInt64) -> String? {
        switch state {
        case .lost: return nil
        case .waiting: return tickWaiting(now)
        case .up: break
        }
        if unacknowledged.isEmpty {
            // Silent for long: ask for a sign of life. The ladder then decides.
            if now >= lastHeard + silence, batch.isEmpty, mayStartMessage { seal() }
            return nil
        }
        connectAnewIfSilent(now)
        guard now >= deadline else { return nil }
        // The last step is over: the link is given up.
        if step >= timing.retries {
            return "no answer in \((now - unacknowledged[0].at) / 1_000_000) ms, \(timing.retries) retries"
                + (refusal.map { "; \($0)" } ?? "")
        }
        // A step is over: the oldest message leaves again, and the next step is longer.
        isRecovering = true
        repeatMessage(0)
        step += 1
        deadline = now + timing.step(step < timing.retries ? step : max(timing.retries - 2, 0))
        return nil
    }

    /// Connects anew when nothing has been heard for long though an answer is due.
    ///
    /// TCP itself sends again after 0.2, 0.6, 1.4, 3.0 and 6.2 s, each pause twice the one before (RFC 6298): whether a connection would live again
    /// before the ladder ends, some seconds after its wire was mended, would be luck. A new one is tried several times a second.
    private func connectAnewIfSilent(_ now: UInt64) {
        guard let address, let oldest = unacknowledged.first else { return }
        guard now >= max(lastHeard, oldest.at, lastConnect) + Self.silenceOfConnection else { return }
        lastConnect = now
        statistics.reconnections += 1
        guard (try? socket.reconnect(address)) != nil else { return }  // the link stays silent, which the ladder ends
        isRecovering = true
        repeatMessage(0)
    }

    /// Longer than an answer takes on a busy machine; so short that three new connections fit before the ladder ends.
    private static let silenceOfConnection: UInt64 = 1_250_000_000

    /// Notes that the other end was heard. After a silence what it has not acknowledged may have been lost with a connection: the oldest is sent again
    /// at once, for the ladder's next step may be too late.
    func heard(_ now: UInt64) {
        let wasSilent = now >= lastHeard + Self.silenceOfConnection
        lastHeard = now
        guard wasSilent, state == .up, !unacknowledged.isEmpty else { return }
        isRecovering = true
        repeatMessage(0)
    }

    /// Starts over after a stop of this switch: the silence meanwhile was its own.
    func resume(_ now: UInt64) {
        lastHeard = now
        lastConnect = now
        if !unacknowledged.isEmpty { arm(now) }
    }

    private func tickWaiting(_ now: UInt64) -> String? {
        if now >= contactDeadline {
            return "it did not answer at all" + (refusal.map { "; \($0)" } ?? "")
        }
        if now >= deadline {
            acknowledge()
            deadline = now + Self.greetingInterval
        }
        return nil
    }

    private static let greetingInterval: UInt64 = 20_000_000

    private var silence: UInt64 {
        UInt64(timing.silence.components.seconds) * 1_000_000_000
            + UInt64(timing.silence.components.attoseconds / 1_000_000_000)
    }

    /// When `tick` has something to do next.
    var nextTick: UInt64 {
        switch state {
        case .lost: .max
        case .waiting: min(deadline, contactDeadline)
        case .up:
            unacknowledged.first.map {
                address == nil
                    ? deadline : min(deadline, max(lastHeard, $0.at, lastConnect) + Self.silenceOfConnection)
            } ?? (lastHeard + silence)
        }
    }

    /// Takes what the other end says it has carried out.
    ///
    /// - Returns: the descriptors that are acknowledged by it; nil if it acknowledges what was never sent.
    func acknowledged(before next: UInt64, hasGap: Bool, _ now: UInt64) -> [LinkCompletion]? {
        guard next >= 1, next <= nextSequence else { return nil }
        // All below are carried out: their packets are given back, their descriptors counted, and the round trip is measured.
        var completions: [LinkCompletion] = []
        var done = 0
        for message in unacknowledged {
            guard message.sequence < next else { break }
            completions += message.completions
            unacknowledgedByteCount -= message.byteCount
            done += 1
            if !message.wasRepeated, message.sequence + 1 == next { sample(now - min(message.at, now)) }
        }
        unacknowledged.removeFirst(done)
        // The ladder starts anew for what is now the oldest; after a repetition the rest is taken for lost as well.
        if done > 0 {
            let wasRecovering = isRecovering
            isRecovering = false
            if !unacknowledged.isEmpty {
                arm(now)
                if wasRecovering { goBack(now) }
            }
        }
        // The other end misses one: everything from there on again, once a round trip.
        if hasGap, !unacknowledged.isEmpty, now >= lastGoBack + roundTrip { goBack(now) }
        return completions
    }

    /// Sends everything again that has not been acknowledged.
    private func goBack(_ now: UInt64) {
        lastGoBack = now
        for index in unacknowledged.indices { repeatMessage(index) }
    }

    /// Smoothed as in RFC 6298.
    private func sample(_ time: UInt64) {
        let difference = time > roundTrip ? time - roundTrip : roundTrip - time
        roundTripSpread = (3 * roundTripSpread + difference) / 4
        roundTrip = (7 * roundTrip + time) / 8
    }
}
