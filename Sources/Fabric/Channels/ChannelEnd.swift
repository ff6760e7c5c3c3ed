public import SharedMemory

/// What each end of a channel has: its endpoint, the rank at the other end, and the first error, which ends it.
///
/// Both ends are made with the same plan and region, then a barrier, then they are used. An end belongs to its endpoint's thread; nothing
/// in it allocates.
public class ChannelEnd {
    /// The die's door to the fabric.
    public final let endpoint: Endpoint
    /// The rank at the other end.
    public final let peer: Rank
    /// Where the half of this epoch starts, in both windows.
    final let base: Int
    private final var failure: FabricError?

    init(_ endpoint: Endpoint, _ peer: Rank, base: Int) {
        precondition(peer.index >= 0 && peer.index < endpoint.rankCount, "the other end is a rank")
        self.endpoint = endpoint
        self.peer = peer
        self.base = base
    }

    /// Clears words of this end's own window. Before the barrier no other rank reads or writes them; the barrier releases them.
    final func clear(_ words: Int..., to start: UInt64) {
        for word in words { endpoint.word(at: base + word).storeRelaxed(endpoint.notification(start)) }
    }

    /// Throws the error that has ended the channel, if one has.
    final func checkUsable() throws(FabricError) { if let failure { throw failure } }

    /// Takes a step of the channel. The first error ends it: later calls throw it again.
    final func guarded<Value>(_ step: () throws(FabricError) -> Value) throws(FabricError) -> Value {
        try checkUsable()
        do throws(FabricError) {
            return try step()
        } catch {
            throw ended(by: error)
        }
    }

    final func ended(by error: FabricError) -> FabricError {
        failure = error
        return error
    }

    /// What a message does that is longer than the place it is to be received in.
    final func tooLong(_ byteCount: Int, for room: Int) -> FabricError {
        FabricError(
            .mismatch, scope: .link, operation: .wait, rank: endpoint.rank, peers: [peer],
            context: "a message of \(byteCount) bytes for a place of \(room)")
    }

    /// The other end broke the protocol.
    final func corrupt(_ operation: FabricOperation, _ context: String) -> FabricError {
        endpoint.corrupt(peer, operation, context)
    }
}

/// An end that messages are received at.
public protocol MessageReceiver: ChannelEnd {
    /// Waits for the next message, copies it out, and returns its length.
    func receive(into destination: inout MutableRawSpan, deadline: Deadline?) throws(FabricError) -> Int
}

extension MessageReceiver {
    /// The same into values.
    public func receive<Value: BitwiseCopyable>(
        into values: inout MutableSpan<Value>, deadline: Deadline? = nil
    ) throws(FabricError) -> Int {
        // SAFETY: any bytes are a valid plain value of the types the fabric carries.
        var bytes = unsafe values.mutableBytes
        return try receive(into: &bytes, deadline: deadline)
    }
}
