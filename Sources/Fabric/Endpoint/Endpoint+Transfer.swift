// Moving bytes for others: between windows of which neither need be this die's own.

extension Endpoint {
    /// Copies bytes from one mapped window into another; both may be this die's own, and the places may be the same.
    ///
    /// The caller must have been told that the source is final and that the destination may be written.
    @inlinable
    public func copy(from peer: Rank, at offset: Int, byteCount: Int, to target: Rank, at destination: Int) {
        check(peer, offset, byteCount)
        precondition(
            isNear(peer) && reach(.put, target, destination, byteCount), "only mapped windows are copied between")
        shared.copy(from: peer, offset, to: target, destination, byteCount: byteCount)
    }
}
