public import SharedMemory

/// Relay (c): data for a distant group goes to one rank of that group, which forwards it inside.
///
/// A source keeps one channel for each group instead of one for each rank. It names the final rank as a message's target; the
/// relay passes the message on, with its origin and its number for the consumer. Order is kept for each pair of source and target.
public final class RelayForwarder {
    /// The channel from outside the group.
    public let incoming: ChannelReceiver
    private let outgoing: [Rank: ChannelSender]

    /// A relay from one channel to those of the group's members, each to another rank.
    public init(from incoming: ChannelReceiver, to outgoing: [ChannelSender]) {
        self.incoming = incoming
        var table: [Rank: ChannelSender] = [:]
        for sender in outgoing {
            precondition(table.updateValue(sender, forKey: sender.peer) == nil, "one channel for each member")
            precondition(sender.plan.slotByteCount >= incoming.plan.slotByteCount, "what comes in fits what goes out")
        }
        self.outgoing = table
    }

    /// Waits for a message, and passes it on. Returns it if it is for this rank; then it lies there until the next call.
    ///
    /// - Throws: as both channels; `.corrupt` for a target outside the group.
    public func forward(deadline: Deadline? = nil) throws(FabricError) -> ChannelMessage? {
        // What the last call returned has been used by now.
        try incoming.releaseLazily()
        let message = try incoming.take(deadline: deadline)
        let endpoint = incoming.endpoint
        if message.target == endpoint.rank { return message }
        guard let sender = outgoing[message.target], message.byteCount <= sender.plan.slotByteCount else {
            throw endpoint.corrupt(
                incoming.peer, .wait,
                "message \(message.sequence) is for rank \(message.target), which this relay does not reach")
        }
        let bytes = endpoint.bytes(at: message.offset, byteCount: message.byteCount)
        try sender.send(
            bytes, operation: message.operation, target: message.target, origin: message.origin, deadline: deadline)
        try incoming.releaseLazily()
        return nil
    }

    /// Flags everything forwarded so far, and frees what came in.
    public func flush() throws(FabricError) {
        try incoming.release()
        for sender in outgoing.values { try sender.flush() }
    }
}
