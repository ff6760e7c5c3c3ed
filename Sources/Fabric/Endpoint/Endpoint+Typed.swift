// The typed forms of put and get: whole values instead of bytes.

extension Endpoint {
    /// Copies values into a peer's window, at a byte offset.
    @inlinable
    public func put<Value: BitwiseCopyable>(
        _ values: Span<Value>, to peer: Rank, at offset: Int
    ) throws(FabricError) {
        // SAFETY: only whole values are copied, padding included, and nobody interprets the bytes here.
        try unsafe put(values.bytes, to: peer, at: offset)
    }

    /// Copies values out of a peer's window, from a byte offset.
    @inlinable
    public func get<Value: BitwiseCopyable>(
        from peer: Rank, at offset: Int, into values: inout MutableSpan<Value>
    ) throws(FabricError) {
        // SAFETY: any bytes are a valid plain value of the types the fabric carries.
        var bytes = unsafe values.mutableBytes
        try get(from: peer, at: offset, into: &bytes)
    }

    /// Copies `count` values out of a peer's window into a new array.
    public func get<Value: BitwiseCopyable>(
        _ type: Value.Type, count: Int, from peer: Rank, at offset: Int
    ) throws(FabricError) -> [Value] {
        precondition(count >= 0, "a get has no negative count")
        let byteCount = count * MemoryLayout<Value>.stride
        check(peer, offset, byteCount)
        // The storage of all empty arrays is one, and filling it would write to it.
        if count == 0 { return [] }
        var failure: FabricError?
        let values = unsafe [Value](unsafeUninitializedCapacity: count) { buffer, initialized in
            var bytes = unsafe MutableRawSpan(_unsafeBytes: UnsafeMutableRawBufferPointer(buffer))
            do throws(FabricError) {
                try get(from: peer, at: offset, into: &bytes)
                initialized = count
            } catch {
                failure = error
            }
        }
        if let failure { throw failure }
        return values
    }

    /// A put of values and a signal: who sees the signal sees the values.
    @inlinable
    public func putSignal<Value: BitwiseCopyable>(
        _ values: Span<Value>, to peer: Rank, at offset: Int, signal: SignalOperation, _ value: UInt64,
        at wordOffset: Int
    ) throws(FabricError) {
        // SAFETY: as in put.
        try unsafe putSignal(values.bytes, to: peer, at: offset, signal: signal, value, at: wordOffset)
    }
}
