public import SharedMemory

// What algorithms above the fabric need of waiting: words that only rise. They speak without naming a comparison, so that
// they need not import the module that owns the waiter.

extension Endpoint {
    /// Waits until a rising word of this die's own window is at least `value`, and returns what it is. Acquires.
    ///
    /// The word is written with ``signal(_:_:at:_:)``, whose release this pairs with.
    /// - Throws: `.timedOut` or `.membershipChanged`.
    @inlinable
    public func wait(
        at offset: Int, reaches value: UInt64, deadline: Deadline? = nil, peer: Int? = nil, operation: FabricOperation
    ) throws(FabricError) -> UInt64 {
        try wait(at: offset, until: .greaterOrEqual, value, deadline: deadline, peer: peer, operation: operation)
    }

    /// Whether a rising word of this die's own window is at least `value`, without waiting. Acquires.
    @inlinable
    public func hasReached(_ value: UInt64, at offset: Int) -> Bool { test(at: offset, .greaterOrEqual, value) }

    /// Counts one call of an operation that is made of others, such as a dispatch.
    public func begin(_ operation: FabricOperation) { count(operation, bytes: 0) }
}
