internal import CKernels
internal import SharedMemory

/// The limits that bulk movement is measured against: bare copies from window to window, of any dies. No counters and no wait.
public enum RawMove {
    /// One `memcpy` from one mapped window into another; the places do not overlap.
    @inline(never)
    public static func copy(
        endpoint: Endpoint, from peer: Int, at offset: Int, to target: Int, at destination: Int, byteCount: Int
    ) {
        check(endpoint, peer, offset, target, destination, byteCount)
        unsafe endpoint.shared.address(target, destination).copyMemory(
            from: endpoint.shared.address(peer, offset), byteCount: byteCount)
    }

    /// The same by a loop over the widest vectors of the processor, whatever the length.
    @inline(never)
    public static func loop(
        endpoint: Endpoint, from peer: Int, at offset: Int, to target: Int, at destination: Int, byteCount: Int
    ) {
        check(endpoint, peer, offset, target, destination, byteCount)
        unsafe softpod_copy_loop(
            endpoint.shared.address(target, destination), endpoint.shared.address(peer, offset), byteCount)
    }

    private static func check(
        _ endpoint: Endpoint, _ peer: Int, _ offset: Int, _ target: Int, _ destination: Int, _ byteCount: Int
    ) {
        endpoint.check(peer, offset, byteCount)
        endpoint.check(target, destination, byteCount)
        precondition(endpoint.isNear(peer) && endpoint.isNear(target), "only mapped windows are copied between")
    }
}
