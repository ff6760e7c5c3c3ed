public import SharedMemory

// What the layers above need so that they need not know the ones below.

extension Endpoint {
    /// Counts one operation of a layer above: a collective, a dispatch, a combine.
    package func record(_ operation: FabricOperation) { count(operation, bytes: 0) }

    /// Waits until a word of this die's own window, which only rises, has reached a value. Returns what it then is.
    ///
    /// As ``wait(at:until:_:deadline:peer:operation:)``, which says how it wakes and what it acquires.
    @inlinable
    @discardableResult
    public func wait(
        at offset: Int, atLeast target: UInt64, deadline: Deadline? = nil, peer: Int? = nil,
        operation: FabricOperation
    ) throws(FabricError) -> UInt64 {
        try wait(
            at: offset, until: .greaterOrEqual, target, deadline: deadline, peer: peer,
            operation: operation)
    }

    /// A moment some time from now.
    public func deadline(after timeout: Duration) -> Deadline { Deadline(after: timeout) }

    /// The rank that a rank of this host waits for at this moment, if it waits for one; to find who is to blame.
    public func rankAwaited(by rank: Int) -> Int? {
        guard rank >= 0, rank < segment.plan.dieCount else { return nil }
        return segment.control(of: rank).waiting?.peer
    }
}
