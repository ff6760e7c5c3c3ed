// Puts that need not have happened when the call returns: the field's non-blocking puts.

extension Endpoint {
    /// Copies `byteCount` bytes of this die's window into a peer's, at the latest by the next ``quiet()``.
    ///
    /// The source must stay as it is until then. A signal or an atomic to the same peer after it is seen after it. Between mapped windows
    /// this is a put; over a network it returns before the bytes have been sent, so that the next can follow them.
    @inlinable
    public func putDeferred(from source: Int, byteCount: Int, to peer: Int, at offset: Int) throws(FabricError) {
        if isNear(peer) { return try put(from: source, byteCount: byteCount, to: peer, at: offset) }
        check(rank, source, byteCount)
        _ = reach(.put, peer, offset, byteCount)  // Not mapped, as seen above.
        try distant().putDeferred(bytes(at: source, byteCount: byteCount), to: peer, at: offset)
    }
}

extension Transport {
    /// A transport that has no better way puts at once.
    public func putDeferred(_ source: RawSpan, to peer: Int, at offset: Int) throws(FabricError) {
        try put(source, to: peer, at: offset)
    }

    /// A transport between mapped windows has nobody to ask.
    public func rankAwaited(by rank: Int) throws(FabricError) -> Int? { nil }
}
