internal import CKernels
public import Fabric
internal import SharedMemory

/// The limits that bulk movement is measured against: bare copies from window to window, of any dies. No counters and no wait.
public enum RawMove {
    /// One `memcpy` from one mapped window into another; the places do not overlap.
    @inline(never)
    public static func copy(
        endpoint: Endpoint, from peer: Rank, at offset: Int, to target: Rank, at destination: Int, byteCount: Int
    ) {
        unsafe endpoint.bareAddress(target, destination, byteCount).copyMemory(
            from: endpoint.bareAddress(peer, offset, byteCount), byteCount: byteCount)
    }

    /// The same by a loop over the widest vectors of the processor, whatever the length.
    @inline(never)
    public static func loop(
        endpoint: Endpoint, from peer: Rank, at offset: Int, to target: Rank, at destination: Int, byteCount: Int
    ) {
        unsafe softpod_copy_loop(
            endpoint.bareAddress(target, destination, byteCount), endpoint.bareAddress(peer, offset, byteCount),
            byteCount)
    }
}
