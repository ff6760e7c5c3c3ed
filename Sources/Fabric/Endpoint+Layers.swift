public import SharedMemory

// What algorithms above the fabric need so that they need not import the modules below it: words that only rise, counts, and
// whom to blame.

/// When a wait gives up.
public typealias WaitDeadline = Deadline

extension Endpoint {
    /// Counts one call of an operation that is made of others: a collective, a dispatch, a combine.
    public func record(_ operation: FabricOperation) { count(operation, bytes: 0) }

    /// Waits until a rising word of this die's own window is at least `target`, and returns what it then is.
    ///
    /// As ``wait(at:until:_:deadline:peer:operation:)``, which says how it wakes and what it acquires.
    @inlinable
    @discardableResult
    public func wait(
        at offset: Int, reaches target: UInt64, deadline: Deadline? = nil, peer: Int? = nil,
        operation: FabricOperation
    ) throws(FabricError) -> UInt64 {
        try wait(
            at: offset, until: .greaterOrEqual, target, deadline: deadline, peer: peer,
            operation: operation)
    }

    /// Whether a rising word of this die's own window is at least `value`, without waiting. Acquires.
    @inlinable
    public func hasReached(_ value: UInt64, at offset: Int) -> Bool { test(at: offset, .greaterOrEqual, value) }

    /// A moment some time from now.
    public func deadline(after timeout: Duration) -> Deadline { Deadline(after: timeout) }

    /// The rank that a rank waits for at this moment, if it waits for one; to find who is to blame. Another host is asked.
    public func rankAwaited(by rank: Int) -> Int? {
        guard (0..<rankCount).contains(rank) else { return nil }
        guard segment.plan.ranks.contains(rank) else {
            return try? far?.rankAwaited(by: rank)  // who cannot be asked is not to blame for what is not known
        }
        return segment.control(of: rank).waiting?.peer
    }
}
