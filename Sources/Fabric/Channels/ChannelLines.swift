public import SharedMemory

// Data-as-Flag: the flag travels in the line that holds the data, so a message needs no second write and no second look.
//
// A line is 64 bytes: seven words of payload and a stamp. The producer stores the payload words, each atomically and without
// order, and then the stamp with release order; the consumer loads the stamp with acquire order and then the words. On x86-64
// stores become visible in the order they were made, on arm64 the release store waits for those before it; on both a line is
// written by one rank only and moves between caches as a whole. So a rank that sees the stamp sees the line's 56 bytes. A message
// of several lines has a stamp in each: the consumer empties the first while the producer still fills the last. Where a network
// carries it, the payload is a put and the stamp a signal after it, which the transport keeps in order.
//
// A stamp is the line's number (48 bits, rising) and the message's length (16 bits). A ring of fewer than 2^48 lines never holds the number it
// waits for, so nothing is reset. A channel ends after 2^47 lines, which is what the word that frees them counts to (`Notification.swift`).

/// What both ends of a Data-as-Flag channel agree on.
///
/// ```
/// 0     released  u64  at the producer  the consumer signals it: lines below this number are free
/// 512   lines     lineCount of 64 B     at the consumer
/// ```
/// Twice, one half for each parity of the epoch.
public struct LinePlan: Sendable, Equatable {
    /// Payload of a line.
    public static let payloadByteCount = 56
    /// Lines in the ring; a power of two.
    public var lineCount: Int
    /// The first line's number.
    public var start: UInt64
    /// The life of the cluster this channel belongs to.
    public var epoch: UInt64

    /// A plan; 128 lines carry messages of up to 3.5 KB.
    public init(lineCount: Int = 128, start: UInt64 = 0, epoch: UInt64 = 0) {
        precondition(
            lineCount >= 4 && lineCount & (lineCount - 1) == 0 && lineCount <= 2048, "4 to 2048 lines, a power of two")
        precondition(start < Notification.sequenceLimit / 2, "half of the numbers are left to count on")
        self.lineCount = lineCount
        self.start = start
        self.epoch = epoch
    }

    /// Bytes of the longest message: half the ring, so that a message never waits for itself.
    public var maximumByteCount: Int { lineCount / 2 * Self.payloadByteCount }
    private var halfByteCount: Int { 512 + 64 * lineCount }
    /// Bytes of the region a channel of this plan needs.
    public var byteCount: Int { 2 * halfByteCount }

    func base(_ region: Region) -> Int {
        precondition(region.byteCount >= byteCount && region.offset % 64 == 0, "the plan's region, on a line")
        return region.offset + Int(epoch & 1) * halfByteCount
    }

    func line(_ number: UInt64) -> Int { 512 + 64 * Int(truncatingIfNeeded: number & UInt64(lineCount - 1)) }
    static func lines(_ byteCount: Int) -> Int { max(1, (byteCount + payloadByteCount - 1) / payloadByteCount) }
    static func stamp(_ number: UInt64, _ byteCount: Int) -> UInt64 { number << 16 | UInt64(byteCount) }
    static let stampOffset = 56
}

/// The producer's end of a Data-as-Flag channel: small messages, in order, at the cost of their lines.
///
/// Made at both ends, then a barrier, then used. The first error ends it. Nothing here allocates.
public final class LineSender: ChannelEnd {
    /// What both ends agreed on.
    public let plan: LinePlan
    private var next: UInt64
    private var released: UInt64

    /// Makes the end and clears its own word. A barrier must follow before either end is used.
    public init(_ endpoint: Endpoint, to consumer: Rank, region: Region, plan: LinePlan) {
        self.plan = plan
        next = plan.start
        released = plan.start
        super.init(endpoint, consumer, base: plan.base(region))
        clear(0, to: plan.start)
    }

    /// Sends a message of at most ``LinePlan/maximumByteCount`` bytes; visible without a flush.
    ///
    /// - Throws: `.timedOut` naming the consumer, `.membershipChanged`, or `.corrupt` if the consumer counts wrong.
    public func send(_ bytes: RawSpan, deadline: Deadline? = nil) throws(FabricError) {
        precondition(bytes.byteCount <= plan.maximumByteCount, "a message fits half the ring")
        try guarded { () throws(FabricError) in
            let count = LinePlan.lines(bytes.byteCount)
            try claim(UInt64(count), deadline)
            for index in 0..<count {
                let from = index * LinePlan.payloadByteCount
                let end = max(from, min(from + LinePlan.payloadByteCount, bytes.byteCount))
                let stamp = LinePlan.stamp(next &+ UInt64(index), bytes.byteCount)
                try send(
                    bytes.extracting(from..<end), stamp, to: base + plan.line(next &+ UInt64(index)),
                    wakes: index == 0 || index == count - 1)
            }
            next &+= UInt64(count)
        }
    }

    /// Sends values; as the form with bytes.
    public func send<Value: BitwiseCopyable>(
        _ values: Span<Value>, deadline: Deadline? = nil
    ) throws(FabricError) {
        // SAFETY: only whole values are copied, padding included, and they are not interpreted here.
        try unsafe send(values.bytes, deadline: deadline)
    }

    private func claim(_ count: UInt64, _ deadline: Deadline?) throws(FabricError) {
        guard next + count - released > UInt64(plan.lineCount) else { return }
        released = try endpoint.awaitProgress(
            next + count - UInt64(plan.lineCount), atMost: next, at: base, from: peer, deadline: deadline,
            operation: .putSignal)
    }

    /// One line: into a mapped window word by word, through a transport by a put and a signal. The first stamp of a message wakes a
    /// consumer that sleeps, and the last one that fell asleep in between.
    private func send(_ bytes: RawSpan, _ stamp: UInt64, to line: Int, wakes: Bool) throws(FabricError) {
        guard endpoint.isNear(peer), endpoint.reach(.putSignal, peer, line, bytes.byteCount) else {
            return try endpoint.putSignal(
                bytes, to: peer, at: line, signal: .set, stamp, at: line + LinePlan.stampOffset)
        }
        let words = endpoint.peerWords(peer, at: line, count: 8)
        for word in 0..<7 where 8 * word < bytes.byteCount { words[word].storeRelaxed(bytes.word(8 * word)) }
        // Both release the words above; the consumer's loadAcquiring of the stamp acquires them.
        if wakes {
            try endpoint.signal(.set, stamp, at: peer, line + LinePlan.stampOffset)
        } else {
            words[7].storeReleasing(stamp)
        }
    }
}

/// The consumer's end of a Data-as-Flag channel.
public final class LineReceiver: ChannelEnd, MessageReceiver {
    /// What both ends agreed on.
    public let plan: LinePlan
    private var next: UInt64
    private var released: UInt64

    /// Makes the end and clears its own lines. A barrier must follow before either end is used.
    public init(_ endpoint: Endpoint, from producer: Rank, region: Region, plan: LinePlan) {
        self.plan = plan
        next = plan.start
        released = plan.start
        super.init(endpoint, producer, base: plan.base(region))
        // No line may hold the number it waits for; the number before the first is none of them.
        for index in 0..<plan.lineCount {
            endpoint.word(at: base + 512 + 64 * index + LinePlan.stampOffset)
                .storeRelaxed(LinePlan.stamp(plan.start &- 1, 0))
        }
    }

    /// Waits for the next message, copies it out, and returns its length.
    ///
    /// - Throws: `.timedOut` naming the producer, `.membershipChanged`, `.corrupt` for a stamp that cannot be, `.mismatch` for a
    ///   message longer than the destination.
    public func receive(into destination: inout MutableRawSpan, deadline: Deadline? = nil) throws(FabricError) -> Int {
        try checkUsable()
        do throws(FabricError) {
            return try arrive(&destination, deadline)
        } catch {
            throw ended(by: error)
        }
    }

    private func arrive(_ destination: inout MutableRawSpan, _ deadline: Deadline?) throws(FabricError) -> Int {
        let byteCount = Int(truncatingIfNeeded: try stamp(next, deadline) & 0xFFFF)
        let count = LinePlan.lines(byteCount)
        guard byteCount <= plan.maximumByteCount else {
            throw corrupt(.wait, "a message of \(byteCount) bytes in line \(next)")
        }
        guard byteCount <= destination.byteCount else {
            throw tooLong(byteCount, for: destination.byteCount)
        }
        for index in 0..<count {
            if index > 0 { try arrive(line: index, of: count, byteCount, deadline) }
            let line = base + plan.line(next &+ UInt64(index))
            let from = index * LinePlan.payloadByteCount
            for word in 0..<7 where from + 8 * word < byteCount {
                // Relaxed: the acquire of the stamp came before. Atomic, because a lost producer may still write.
                let value = endpoint.word(at: line + 8 * word).loadRelaxed()
                destination.setWord(value, at: from + 8 * word, end: byteCount)
            }
        }
        next &+= UInt64(count)
        if next - released >= UInt64(plan.lineCount / 4) {
            // Releases this end's reads; the producer's wait acquires before it writes the lines again.
            try endpoint.notify(next, at: peer, base)
            released = next
        }
        return byteCount
    }

    /// A later line of a message under way: one look, then the message's last line, which also wakes a sleeper.
    ///
    /// Looking again and again at a line that is being written takes it from its writer between two of its words.
    private func arrive(line index: Int, of count: Int, _ byteCount: Int, _ deadline: Deadline?) throws(FabricError) {
        let number = next &+ UInt64(index)
        let wanted = LinePlan.stamp(number, byteCount)
        let word = endpoint.word(at: base + plan.line(number) + LinePlan.stampOffset)
        if word.loadAcquiring() == wanted { return }
        _ = try stamp(next &+ UInt64(count - 1), deadline)
        // The last stamp was stored after all others.
        guard word.loadAcquiring() == wanted else {
            throw corrupt(.wait, "line \(number) is not of its message")
        }
    }

    /// Waits until a line carries its number, and returns the stamp. Acquires the line's payload.
    private func stamp(_ number: UInt64, _ deadline: Deadline?) throws(FabricError) -> UInt64 {
        let offset = base + plan.line(number) + LinePlan.stampOffset
        let word = endpoint.word(at: offset)
        let wanted = number << 16
        var value = word.loadAcquiring()
        while value & ~0xFFFF != wanted {
            // The line's last number, or none: anything else was not written by this channel's producer.
            let old = value >> 16
            guard old == (number &- UInt64(plan.lineCount)) & (1 << 48 - 1) || old == (plan.start &- 1) & (1 << 48 - 1)
            else { throw corrupt(.wait, "line \(number) is stamped \(old)") }
            value = try endpoint.wait(
                at: offset, until: .notEqual, value, deadline: deadline, peer: peer, operation: .wait)
        }
        return value
    }
}

extension RawSpan {
    /// Eight bytes from an offset, in memory order; beyond the end zero.
    func word(_ offset: Int) -> UInt64 {
        // SAFETY: inside the span, by the comparison.
        if offset + 8 <= byteCount { return unsafe unsafeLoadUnaligned(fromByteOffset: offset, as: UInt64.self) }
        var value: UInt64 = 0
        for index in stride(from: byteCount - 1, through: offset, by: -1) {
            value = value << 8 | UInt64(unsafe unsafeLoadUnaligned(fromByteOffset: index, as: UInt8.self))
        }
        return value
    }
}

extension MutableRawSpan {
    /// Writes a word, or what of it lies before `end`.
    @_lifetime(self: copy self)
    mutating func setWord(_ value: UInt64, at offset: Int, end: Int) {
        precondition(offset >= 0 && offset <= end && end <= byteCount, "a word inside the span")
        if offset + 8 <= end {
            storeBytes(of: value, toByteOffset: offset, as: UInt64.self)
        } else {
            for index in offset..<end {
                storeBytes(
                    of: UInt8(truncatingIfNeeded: value >> UInt64(8 * (index - offset))), toByteOffset: index,
                    as: UInt8.self)
            }
        }
    }
}
