internal import Mutants
public import SharedMemory

/// The producer's end of a channel: sends messages to one consumer, in order.
///
/// Order: who has seen a message has seen all before it on this channel. Between channels there is no order. Both ends are made
/// with the same plan and region, then a barrier, then they are used. The first error ends the channel: later calls throw it
/// again. Belongs to its endpoint's thread; nothing here allocates.
public final class ChannelSender: ChannelEnd {
    /// What both ends agreed on.
    public let plan: ChannelPlan
    /// The number of the next message.
    public private(set) var next: UInt64
    /// Messages below this number have been flagged.
    private var published: UInt64
    /// Messages below this number have been consumed, as far as this end has looked.
    private var released: UInt64

    /// Makes the end and clears its own words. A barrier must follow before either end is used.
    public init(_ endpoint: Endpoint, to consumer: Rank, region: Region, plan: ChannelPlan) {
        self.plan = plan
        next = plan.start
        published = plan.start
        released = plan.start
        super.init(endpoint, consumer, base: plan.base(region))
        clear(ChannelPlan.readyOffset, ChannelPlan.releasedOffset, to: plan.start)
    }

    /// Messages sent that no flag has told of yet.
    public var unflagged: Int { Int(truncatingIfNeeded: next - published) }

    /// Sends a message through the ring. The bytes may be reused on return.
    ///
    /// Waits while all slots are taken. The consumer hears of it with the batch's flag, or after ``flush()``.
    /// - Parameters:
    ///   - bytes: at most `plan.slotByteCount`.
    ///   - operation: a number for the consumer.
    ///   - target: the rank it is finally for; the consumer unless a relay forwards it.
    ///   - origin: the rank it first came from.
    /// - Throws: `.timedOut` naming the consumer, `.membershipChanged`, or `.corrupt` if the consumer counts wrong.
    public func send(
        _ bytes: RawSpan, operation: UInt32 = 0, target: Rank? = nil, origin: Rank? = nil, deadline: Deadline? = nil
    ) throws(FabricError) {
        let count = bytes.byteCount
        let slot = try stage(deadline: deadline)
        precondition(count <= plan.slotByteCount, "a message fits its slot")
        try guarded { () throws(FabricError) in
            let pushed = plan.delivery.pushedByteCount(of: count)
            if pushed > 0 { try endpoint.put(bytes.extracting(0..<pushed), to: peer, at: slot) }
            if pushed < count {
                try endpoint.put(bytes.extracting(pushed..<count), to: endpoint.rank, at: slot + pushed)
            }
            try enqueue(.ring, slot, slot, count, operation, target, origin)
        }
    }

    /// Sends values through the ring; as the form with bytes.
    public func send<Value: BitwiseCopyable>(
        _ values: Span<Value>, operation: UInt32 = 0, target: Rank? = nil, origin: Rank? = nil,
        deadline: Deadline? = nil
    ) throws(FabricError) {
        // SAFETY: only whole values are copied, padding included, and they are not interpreted here.
        try unsafe send(values.bytes, operation: operation, target: target, origin: origin, deadline: deadline)
    }

    /// Waits for a free slot and returns where in this die's own window the next message may be written in place.
    ///
    /// Followed by ``commit(byteCount:operation:target:origin:)``: small pieces are gathered there and leave as one transfer.
    public func stage(deadline: Deadline? = nil) throws(FabricError) -> Int {
        try guarded { () throws(FabricError) in try claim(deadline) }
        return base + plan.slot(next)
    }

    /// Sends what was written in place since ``stage(deadline:)``.
    public func commit(
        byteCount: Int, operation: UInt32 = 0, target: Rank? = nil, origin: Rank? = nil
    ) throws(FabricError) {
        precondition(byteCount >= 0 && byteCount <= plan.slotByteCount, "a message fits its slot")
        precondition(next - released < UInt64(plan.slotCount), "a message is staged before it is committed")
        let slot = base + plan.slot(next)
        try guarded { () throws(FabricError) in
            let pushed = plan.delivery.pushedByteCount(of: byteCount)
            if pushed > 0 { try endpoint.putNonBlocking(from: slot, byteCount: pushed, to: peer, at: slot) }
            try enqueue(.ring, slot, slot, byteCount, operation, target, origin)
        }
    }

    /// Sends bytes of this die's window to their place in the consumer's, past the ring; of any length.
    ///
    /// The source stays untouched until ``drain(deadline:)``, or until the message's number is released. On a concurrent channel
    /// the consumer is told before the producer writes its share, so that both work at once.
    public func send(
        from source: Int, byteCount: Int, to destination: Int, operation: UInt32 = 0, deadline: Deadline? = nil
    ) throws(FabricError) {
        endpoint.check(endpoint.rank, source, byteCount)
        endpoint.check(peer, destination, byteCount)
        try guarded { () throws(FabricError) in
            try claim(deadline)
            if plan.delivery == .push {
                try endpoint.putNonBlocking(from: source, byteCount: byteCount, to: peer, at: destination)
            }
            try enqueue(.placed, source, destination, byteCount, operation, nil, nil)
        }
    }

    /// Flags everything sent so far. Does not wait.
    public func flush() throws(FabricError) {
        try guarded { () throws(FabricError) in try publish() }
    }

    /// Flags everything and waits until the consumer has released it: sources may be reused.
    public func drain(deadline: Deadline? = nil) throws(FabricError) {
        try flush()
        try guarded { () throws(FabricError) in
            if released < next { try awaitRelease(next, deadline) }
        }
    }

    /// Makes sure that the slot of `next` is free.
    private func claim(_ deadline: Deadline?) throws(FabricError) {
        guard next - released >= UInt64(plan.slotCount), !Mutated.slotRelease else { return }
        // The consumer cannot release what it has not been told of.
        try publish()
        try awaitRelease(next - UInt64(plan.slotCount) + 1, deadline)
    }

    /// Waits until the slots below `number` are free. Acquires what the consumer's notification released: its reads of them are over.
    private func awaitRelease(_ number: UInt64, _ deadline: Deadline?) throws(FabricError) {
        released = try endpoint.awaitProgress(
            number, atMost: next, at: base + ChannelPlan.releasedOffset, from: peer, deadline: deadline,
            operation: .putSignal)
    }

    private func enqueue(
        _ kind: ChannelDescriptor.Kind, _ source: Int, _ destination: Int, _ byteCount: Int, _ operation: UInt32,
        _ target: Rank?, _ origin: Rank?
    ) throws(FabricError) {
        let descriptor = ChannelDescriptor(
            sequence: next, epoch: plan.epoch, source: UInt64(source), destination: UInt64(destination),
            byteCount: UInt64(byteCount), operation: operation, kind: kind.rawValue,
            target: UInt32((target ?? peer).index), origin: UInt32((origin ?? endpoint.rank).index))
        let endpoint = endpoint
        var line = endpoint.mutableValues(ChannelDescriptor.self, at: base + plan.descriptor(next), count: 1)
        line[0] = descriptor
        next += 1
        if unflagged >= plan.batch || unflagged >= plan.slotCount { try publish() }
    }

    /// Puts the batch's descriptors and raises the flags: one of each kind, however many messages there are.
    private func publish() throws(FabricError) {
        guard unflagged > 0 else { return }
        // 1. Descriptors first: a consumer that is told of a message finds what it is.
        try putDescriptors()
        if plan.delivery.pulls {
            // 2. Messages to be pulled are announced. Releases the sources to the consumer's fetch. It comes before `announced`, so a consumer that was woken finds it.
            try endpoint.notify(next, at: endpoint.rank, base + ChannelPlan.readyOffset)
            try endpoint.notify(next, at: peer, base + ChannelPlan.announcedOffset)
        }
        // 3. The producer's own share is written, while a consumer that pulls is at work on the rest, and then flagged.
        switch plan.delivery {
        case .pull: break
        case .concurrent:
            try pushPlaced()
            fallthrough
        case .push:
            // Releases the pushed bytes and the descriptors; the consumer's wait acquires.
            try endpoint.notify(next, at: peer, base + ChannelPlan.tailOffset)
        }
        published = next
    }

    /// Descriptors lie side by side, but for the ring's end: one put or two.
    private func putDescriptors() throws(FabricError) {
        var at = published
        while at != next {
            let count = min(Int(truncatingIfNeeded: next - at), plan.slotCount - plan.index(at))
            let offset = base + plan.descriptor(at)
            try endpoint.putNonBlocking(from: offset, byteCount: 64 * count, to: peer, at: offset)
            at &+= UInt64(count)
        }
    }

    /// The producer's share of placed messages, while the consumer reads its own.
    private func pushPlaced() throws(FabricError) {
        var at = published
        while at != next {
            let endpoint = endpoint
            let descriptor = endpoint.values(ChannelDescriptor.self, at: base + plan.descriptor(at), count: 1)[0]
            at &+= 1
            guard descriptor.kind == ChannelDescriptor.Kind.placed.rawValue else { continue }
            let pushed = plan.delivery.pushedByteCount(of: Int(descriptor.byteCount))
            guard pushed > 0 else { continue }
            try endpoint.putNonBlocking(
                from: Int(descriptor.source), byteCount: pushed, to: peer, at: Int(descriptor.destination))
        }
    }
}

extension Endpoint {
    /// Waits until a peer has come to `number`, and returns how far it is.
    ///
    /// - Throws: `.corrupt` for more than `limit`, as ``awaitNotification(_:value:at:from:deadline:operation:)`` else.
    func awaitProgress(
        _ number: UInt64, atMost limit: UInt64, at offset: Int, from peer: Rank, deadline: Deadline?,
        operation: FabricOperation
    ) throws(FabricError) -> UInt64 {
        let reading = try awaitNotification(number, at: offset, from: peer, deadline: deadline, operation: operation)
        guard case .reached(let found) = reading, found <= limit else {
            throw corrupt(peer, operation, "\(reading), where \(number) to \(limit) can be")
        }
        return found
    }

    /// A peer broke the protocol.
    func corrupt(_ peer: Rank, _ operation: FabricOperation, _ context: String) -> FabricError {
        FabricError(
            .corrupt, scope: .link, operation: operation, rank: rank, peers: [peer], epoch: epoch, phase: phase,
            context: context)
    }
}
