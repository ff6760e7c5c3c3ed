public import Fabric

/// Payload by peer and by tier: an observer that adds up.
public final class AccessSums: AccessObserver {
    /// Bytes of payload to and from each rank's window.
    public private(set) var bytesByPeer: [Int]
    /// Bytes of payload over each tier, in the order of ``Tier``.
    public private(set) var bytesByTier: [Int]
    /// Accesses over each tier, words of synchronisation included.
    public private(set) var accessesByTier: [Int]

    /// Sums of nothing, for a cluster of so many ranks.
    public init(ranks: Int) {
        bytesByPeer = Array(repeating: 0, count: ranks)
        bytesByTier = Array(repeating: 0, count: Tier.allCases.count)
        accessesByTier = bytesByTier
    }

    /// Adds one access.
    public func willAccess(_ access: FabricAccess) {
        bytesByPeer[access.peer.index] += access.payloadByteCount
        bytesByTier[Int(access.tier.rawValue)] += access.payloadByteCount
        accessesByTier[Int(access.tier.rawValue)] += 1
    }
}
