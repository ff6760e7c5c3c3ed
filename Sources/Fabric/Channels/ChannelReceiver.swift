internal import Mutants
public import SharedMemory

/// A message that has arrived whole.
public struct ChannelMessage: Sendable, Equatable {
    /// Its number on the channel.
    public var sequence: UInt64
    /// Where it lies in this die's window: in its slot, or at the place the producer named.
    public var offset: Int
    /// Its length.
    public var byteCount: Int
    /// The producer's number for it.
    public var operation: UInt32
    /// The rank it is finally for.
    public var target: Rank
    /// The rank it first came from.
    public var origin: Rank
}

/// The consumer's end of a channel. See ``ChannelSender`` for what both ends owe each other.
public final class ChannelReceiver: ChannelEnd, MessageReceiver {
    /// What both ends agreed on.
    public let plan: ChannelPlan
    /// The number of the next message.
    public private(set) var next: UInt64
    /// The words as this end last saw them.
    private var tail: UInt64
    private var announced: UInt64
    private var ready: UInt64
    /// What the producer has been told is free.
    private var released: UInt64

    /// Makes the end and clears its own words. A barrier must follow before either end is used.
    public init(_ endpoint: Endpoint, from producer: Rank, region: Region, plan: ChannelPlan) {
        self.plan = plan
        next = plan.start
        tail = plan.start
        announced = plan.start
        ready = plan.start
        released = plan.start
        super.init(endpoint, producer, base: plan.base(region))
        clear(ChannelPlan.tailOffset, ChannelPlan.announcedOffset, to: plan.start)
    }

    /// Whether a message has been flagged, without waiting and without acquiring it.
    public var hasMessage: Bool {
        let offset = plan.delivery.pulls ? ChannelPlan.announcedOffset : ChannelPlan.tailOffset
        return endpoint.isNotified(next + 1, at: base + offset)
    }

    /// Waits for the next message and returns where it lies, whole. The slot stays taken until ``release()``.
    ///
    /// - Throws: `.timedOut` naming the producer, `.membershipChanged`, or `.corrupt` for a descriptor that cannot be.
    public func take(deadline: Deadline? = nil) throws(FabricError) -> ChannelMessage {
        try guarded { () throws(FabricError) in try arrive(deadline) }
    }

    /// Tells the producer that everything taken so far has been used.
    public func release() throws(FabricError) {
        try checkUsable()
        guard released != next else { return }
        // Releases this end's reads; the producer's wait acquires before it writes the slots again.
        try endpoint.notify(next, at: peer, base + ChannelPlan.releasedOffset)
        released = next
    }

    /// Waits for the next message, copies it out, and frees its slot.
    ///
    /// Slots are given back together: when no flagged message is left, or half the ring is used.
    /// - Throws: as ``take(deadline:)``; `.mismatch` if the message is longer than the destination.
    public func receive(into destination: inout MutableRawSpan, deadline: Deadline? = nil) throws(FabricError) -> Int {
        let message = try take(deadline: deadline)
        guard message.byteCount <= destination.byteCount else {
            throw tooLong(message.byteCount, for: destination.byteCount)
        }
        var part = destination._mutatingExtracting(first: message.byteCount)
        try endpoint.get(from: endpoint.rank, at: message.offset, into: &part)
        try releaseLazily()
        return message.byteCount
    }

    /// Frees slots when that is worth a signal.
    public func releaseLazily() throws(FabricError) {
        if next == flagged || next - released >= UInt64((plan.slotCount + 1) / 2) { try release() }
    }

    private var flagged: UInt64 { plan.delivery.pulls ? announced : tail }

    private func arrive(_ deadline: Deadline?) throws(FabricError) -> ChannelMessage {
        let pulls = plan.delivery.pulls
        // 1. Wait until the message is announced, or, on a channel that only pushes, until it has landed.
        if pulls {
            announced = try reach(ChannelPlan.announcedOffset, announced, deadline)
        } else {
            tail = try reach(ChannelPlan.tailOffset, tail, deadline)
        }
        // 2. Read and check what it is; both ends compute the share that is pulled.
        let message = try descriptor()
        let pushed = plan.delivery.pushedByteCount(of: message.message.byteCount)
        if pushed < message.message.byteCount {
            try checkReady()
            try endpoint.get(
                from: peer, at: message.source + pushed, byteCount: message.message.byteCount - pushed,
                to: message.message.offset + pushed)
            try endpoint.quiet()
        }
        // 3. The pushed share may still be on its way: complete only when both have landed.
        if pulls, pushed > 0 { tail = try reach(ChannelPlan.tailOffset, tail, deadline) }
        next += 1
        return message.message
    }

    /// Waits until the producer has come past `next`, by a word of this window. Acquires what its notification released.
    private func reach(_ offset: Int, _ seen: UInt64, _ deadline: Deadline?) throws(FabricError) -> UInt64 {
        if seen > next { return seen }
        // The producer cannot be further ahead than there are slots.
        return try endpoint.awaitProgress(
            next + 1, atMost: next + UInt64(plan.slotCount), at: base + offset, from: peer, deadline: deadline,
            operation: .wait)
    }

    /// The producer's own word says that the source is final. It was stored before `announced`, which this end has acquired.
    private func checkReady() throws(FabricError) {
        guard ready <= next else { return }
        let word = try endpoint.fetch(at: peer, base + ChannelPlan.readyOffset)
        guard case .reached(let found) = Notification.read(word, next + 1, epoch: endpoint.epoch),
            found <= next + UInt64(plan.slotCount)
        else { throw corrupt(.get, "ready is \(word), but \(next) was announced") }
        ready = found
    }

    /// Reads and checks the next descriptor: nothing in it is believed that this end can compute.
    private func descriptor() throws(FabricError) -> (message: ChannelMessage, source: Int) {
        let endpoint = endpoint
        let line = endpoint.values(ChannelDescriptor.self, at: base + plan.descriptor(next), count: 1)[0]
        let window = UInt64(endpoint.windowByteCount)
        let slot = UInt64(base + plan.slot(next))
        let places =
            switch ChannelDescriptor.Kind(rawValue: line.kind) {
            case .ring:
                line.source == slot && line.destination == slot && line.byteCount <= UInt64(plan.slotByteCount)
            case .placed:
                line.byteCount <= window && line.source <= window - line.byteCount
                    && line.destination <= window - line.byteCount
            case nil: false
            }
        guard line.sequence == next || Mutated.descriptorSequence, line.epoch == plan.epoch, places,
            line.target < UInt32(endpoint.rankCount),
            line.origin < UInt32(endpoint.rankCount)
        else {
            throw corrupt(.wait, "an impossible descriptor for message \(next): \(line)")
        }
        let message = ChannelMessage(
            sequence: next, offset: Int(line.destination), byteCount: Int(line.byteCount), operation: line.operation,
            target: Rank(Int(line.target)), origin: Rank(Int(line.origin)))
        return (message, Int(line.source))
    }
}
