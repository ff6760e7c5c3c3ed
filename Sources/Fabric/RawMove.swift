internal import SharedMemory

/// The limit that bulk movement is measured against: one `memcpy` from window to window, whoever's they are.
///
/// No counters and no wait. A routine that stores past the caches belongs here as another function with the same
/// arguments, so that the benchmarks can name it beside this one.
public enum RawMove {
    /// Copies bytes of one mapped window into another; the places do not overlap.
    @inline(never)
    public static func copy(
        endpoint: Endpoint, from peer: Int, at offset: Int, to target: Int, at destination: Int, byteCount: Int
    ) {
        endpoint.check(peer, offset, byteCount)
        endpoint.check(target, destination, byteCount)
        precondition(endpoint.isNear(peer) && endpoint.isNear(target), "only mapped windows are copied between")
        unsafe endpoint.shared.address(target, destination).copyMemory(
            from: endpoint.shared.address(peer, offset), byteCount: byteCount)
    }
}
