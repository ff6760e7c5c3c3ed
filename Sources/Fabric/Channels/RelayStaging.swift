public import SharedMemory

/// Relay (a): small scattered pieces for one peer are gathered in a staging slot and leave as one transfer with one flag.
///
/// A piece in the slot is a 16-byte head (destination offset, bytes) and its bytes, padded to eight. The consumer puts each piece
/// in its place of its own window.
public final class RelayStaging {
    /// The `operation` of a message that holds pieces.
    public static let operation: UInt32 = 0x5049_4543
    static let headByteCount = 16

    /// The channel the pieces travel on.
    public let sender: ChannelSender
    private var slot: Int?
    private var used = 0

    /// Gathers for a channel.
    public init(_ sender: ChannelSender) { self.sender = sender }

    /// The longest piece.
    public var maximumByteCount: Int { sender.plan.slotByteCount - Self.headByteCount }

    /// Adds a piece for a place of the consumer's window; sends what was gathered first if there is no room.
    public func add(_ piece: RawSpan, to destination: Int, deadline: Deadline? = nil) throws(FabricError) {
        precondition(piece.byteCount <= maximumByteCount, "a piece fits the staging slot")
        sender.endpoint.check(sender.peer, destination, piece.byteCount)
        let padded = Self.headByteCount + (piece.byteCount + 7) / 8 * 8
        if used + padded > sender.plan.slotByteCount { try send() }
        if slot == nil { slot = try sender.stage(deadline: deadline) }
        guard let start = slot else { return }
        let endpoint = sender.endpoint
        var head = endpoint.mutableValues(UInt64.self, at: start + used, count: 2)
        head[0] = UInt64(destination)
        head[1] = UInt64(piece.byteCount)
        try endpoint.put(piece, to: endpoint.rank, at: start + used + Self.headByteCount)
        used += padded
    }

    /// Adds a piece of values; as the form with bytes.
    public func add<Value: BitwiseCopyable>(
        _ piece: Span<Value>, to destination: Int, deadline: Deadline? = nil
    ) throws(FabricError) {
        // SAFETY: only whole values are copied, padding included, and they are not interpreted here.
        try unsafe add(piece.bytes, to: destination, deadline: deadline)
    }

    /// Sends the gathered pieces as one message. The channel's own batching still applies.
    public func send() throws(FabricError) {
        guard slot != nil else { return }
        try sender.commit(byteCount: used, operation: Self.operation)
        slot = nil
        used = 0
    }

    /// Sends the gathered pieces and flags them.
    public func flush() throws(FabricError) {
        try send()
        try sender.flush()
    }

    /// Puts the pieces of a message into their places of this die's window, and returns how many there were.
    ///
    /// - Throws: `.corrupt` naming the producer for a piece that leaves the message or the window.
    @discardableResult
    public static func scatter(_ message: ChannelMessage, of receiver: ChannelReceiver) throws(FabricError) -> Int {
        let endpoint = receiver.endpoint
        var at = 0
        var count = 0
        while at < message.byteCount {
            let room = message.byteCount - at - headByteCount
            guard message.operation == operation, room >= 0 else {
                throw endpoint.corrupt(receiver.peer, .wait, "message \(message.sequence) holds no pieces")
            }
            let head = endpoint.values(UInt64.self, at: message.offset + at, count: 2)
            let (destination, byteCount) = (head[0], head[1])
            let window = UInt64(endpoint.windowByteCount)
            guard byteCount <= UInt64(room), destination <= window, byteCount <= window - destination else {
                throw endpoint.corrupt(
                    receiver.peer, .wait, "a piece of \(byteCount) bytes for \(destination) in \(message.sequence)")
            }
            try endpoint.put(
                from: message.offset + at + headByteCount, byteCount: Int(byteCount), to: endpoint.rank,
                at: Int(destination))
            at += headByteCount + (Int(byteCount) + 7) / 8 * 8
            count += 1
        }
        return count
    }
}
