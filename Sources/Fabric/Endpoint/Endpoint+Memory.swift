// This die's own window, and collective allocation from the symmetric heap.

extension Endpoint {
    /// Bytes of this die's window, to read. Valid while the endpoint lives.
    @inlinable
    @_lifetime(borrow self)
    public func bytes(at offset: Int, byteCount: Int) -> RawSpan {
        check(rank, offset, byteCount)
        let span = unsafe RawSpan(_unsafeStart: ownBase + offset, byteCount: byteCount)
        return unsafe _overrideLifetime(span, borrowing: self)
    }

    /// Bytes of this die's window, to write. Peers may write other bytes at the same time; the same bytes are a race.
    @inlinable
    @_lifetime(borrow self)
    public func mutableBytes(at offset: Int, byteCount: Int) -> MutableRawSpan {
        check(rank, offset, byteCount)
        let span = unsafe MutableRawSpan(_unsafeStart: ownBase + offset, byteCount: byteCount)
        return unsafe _overrideLifetime(span, borrowing: self)
    }

    /// `count` values of this die's window, to read.
    @inlinable
    @_lifetime(borrow self)
    public func values<Value: BitwiseCopyable>(
        _ type: Value.Type, at offset: Int, count: Int
    ) -> Span<Value> {
        check(rank, offset, count * MemoryLayout<Value>.stride)
        precondition(offset & (MemoryLayout<Value>.alignment - 1) == 0, "values are aligned to their type")
        let span = unsafe Span<Value>(
            _unsafeStart: (ownBase + offset).assumingMemoryBound(to: Value.self), count: count)
        return unsafe _overrideLifetime(span, borrowing: self)
    }

    /// `count` values of this die's window, to write.
    @inlinable
    @_lifetime(borrow self)
    public func mutableValues<Value: BitwiseCopyable>(
        _ type: Value.Type, at offset: Int, count: Int
    ) -> MutableSpan<Value> {
        check(rank, offset, count * MemoryLayout<Value>.stride)
        precondition(offset & (MemoryLayout<Value>.alignment - 1) == 0, "values are aligned to their type")
        let span = unsafe MutableSpan<Value>(
            _unsafeStart: (ownBase + offset).assumingMemoryBound(to: Value.self), count: count)
        return unsafe _overrideLifetime(span, borrowing: self)
    }

    /// A peer's bytes, where they are mapped here: the load half of load/store. Nil for a rank behind a network.
    ///
    /// The caller must have been told (by a signal or a barrier) that the bytes are final.
    @inlinable
    @_lifetime(borrow self)
    public func peerBytes(_ peer: Rank, at offset: Int, byteCount: Int) -> RawSpan? {
        guard isNear(peer), reach(.load, peer, offset, byteCount) else { return nil }
        let span = unsafe RawSpan(_unsafeStart: shared.address(peer, offset), byteCount: byteCount)
        return unsafe _overrideLifetime(span, borrowing: self)
    }

    /// A peer's bytes to write in place, where they are mapped here: the store half of load/store.
    @inlinable
    @_lifetime(borrow self)
    public func peerMutableBytes(_ peer: Rank, at offset: Int, byteCount: Int) -> MutableRawSpan? {
        guard isNear(peer), reach(.store, peer, offset, byteCount) else { return nil }
        let span = unsafe MutableRawSpan(_unsafeStart: shared.address(peer, offset), byteCount: byteCount)
        return unsafe _overrideLifetime(span, borrowing: self)
    }
}
