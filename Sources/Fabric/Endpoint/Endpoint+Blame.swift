internal import SharedMemory

// Who waits for whom, to find who is to blame.

extension Endpoint {
    /// The rank that a rank waits for at this moment, if it waits for one; to find who is to blame. Another host is asked.
    public func rankAwaited(by rank: Rank) -> Rank? {
        guard (0..<rankCount).contains(rank.index) else { return nil }
        let awaited: Rank?
        if segment.plan.ranks.contains(rank.index) {
            awaited = segment.control(of: rank.index).waiting?.peer.map { Rank($0) }
        } else {
            awaited = try? far?.rankAwaited(by: rank)  // a host that does not answer names no rank
        }
        // The record is another die's: a rank that there is not is no answer.
        return awaited.flatMap { (0..<rankCount).contains($0.index) ? $0 : nil }
    }
}
