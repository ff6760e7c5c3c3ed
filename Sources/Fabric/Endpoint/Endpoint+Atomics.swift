// Atomics on 64 and 32 bits of any window. All are sequentially consistent; those on 64 bits wake the word's waiter.
// A word changed by atomics is changed by atomics and signals only: a put over it is a race.

extension Endpoint {
    @inlinable @inline(__always)
    func change64(
        _ operation: AtomicOperation, _ operand: UInt64, _ comparand: UInt64, _ peer: Rank, _ offset: Int
    ) throws(FabricError) -> UInt64 {
        if reachWord(.atomic, peer, offset) {
            return shared.atomic64(operation, operand, comparand: comparand, at: peer, offset)
        }
        return try distant().atomic64(operation, operand, comparand: comparand, at: peer, offset)
    }

    @inlinable @inline(__always)
    func change32(
        _ operation: AtomicOperation, _ operand: UInt32, _ comparand: UInt32, _ peer: Rank, _ offset: Int
    ) throws(FabricError) -> UInt32 {
        if reachWord(.atomic, peer, offset, 4) {
            return shared.atomic32(operation, operand, comparand: comparand, at: peer, offset)
        }
        return try distant().atomic32(operation, operand, comparand: comparand, at: peer, offset)
    }

    /// Changes a 64-bit word as `operation` says and returns what it was. `comparand` matters to `.compareSwap` only.
    @inlinable
    @discardableResult
    public func atomic(
        _ operation: AtomicOperation, _ operand: UInt64, comparand: UInt64 = 0, at peer: Rank, _ offset: Int
    ) throws(FabricError) -> UInt64 { try change64(operation, operand, comparand, peer, offset) }

    /// Changes a 32-bit word as `operation` says and returns what it was.
    @inlinable
    @discardableResult
    public func atomic32(
        _ operation: AtomicOperation, _ operand: UInt32, comparand: UInt32 = 0, at peer: Rank, _ offset: Int
    ) throws(FabricError) -> UInt32 { try change32(operation, operand, comparand, peer, offset) }

    /// Reads a 64-bit word atomically.
    @inlinable
    public func fetch(at peer: Rank, _ offset: Int) throws(FabricError) -> UInt64 {
        try change64(.fetch, 0, 0, peer, offset)
    }

    /// Adds to a 64-bit word, wrapping, and returns what it was.
    @inlinable
    @discardableResult
    public func fetchAdd(_ value: UInt64, at peer: Rank, _ offset: Int) throws(FabricError) -> UInt64 {
        try change64(.add, value, 0, peer, offset)
    }

    /// Replaces a 64-bit word and returns what it was.
    @inlinable
    @discardableResult
    public func swap(_ value: UInt64, at peer: Rank, _ offset: Int) throws(FabricError) -> UInt64 {
        try change64(.set, value, 0, peer, offset)
    }

    /// Replaces a 64-bit word if it equals `expected`; returns what it was.
    @inlinable
    @discardableResult
    public func compareSwap(
        expected: UInt64, desired: UInt64, at peer: Rank, _ offset: Int
    ) throws(FabricError) -> UInt64 { try change64(.compareSwap, desired, expected, peer, offset) }
}
