internal import SharedMemory

// Who waits for whom, to find who is to blame.

extension Endpoint {
    /// The rank that a rank waits for at this moment, if it waits for one; to find who is to blame. Another host is asked.
    public func rankAwaited(by rank: Int) -> Int? {
        guard (0..<rankCount).contains(rank) else { return nil }
        let awaited: Int?
        if segment.plan.ranks.contains(rank) {
            awaited = segment.control(of: rank).waiting?.peer
        } else {
            awaited = try? far?.rankAwaited(by: rank)  // a host that does not answer names no rank
        }
        // The record is another die's: a rank that there is not is no answer.
        return awaited.flatMap { (0..<rankCount).contains($0) ? $0 : nil }
    }
}
