public import SharedMemory

/// An ordered subset of the cluster's ranks that acts together.
///
/// Members are numbered 0 ..< size in the team; ``member(_:)`` gives the rank in the cluster. A team belongs to its endpoint
/// and its thread. All members make the same calls in the same order.
public final class Team {
    /// The die this team object belongs to.
    public let endpoint: Endpoint
    /// This die's number in the team.
    public let rank: Int
    /// Members.
    public let size: Int
    /// First member, and the distance between neighbours, in ranks of the cluster.
    public let start: Int
    /// Distance between neighbours; may be negative.
    public let stride: Int
    /// Which of the 64 slots of sync words the team uses.
    let slot: Int
    /// Barriers passed.
    private(set) var generation: UInt64 = 0
    private var alive = true
    /// Why the team can no longer synchronise, if so.
    private var failure: FabricError?

    init(endpoint: Endpoint, start: Int, stride: Int, size: Int, rank: Int, slot: Int) {
        self.endpoint = endpoint
        self.start = start
        self.stride = stride
        self.size = size
        self.rank = rank
        self.slot = slot
    }

    /// The team of all ranks. Make it once per endpoint, before any other team.
    public static func world(_ endpoint: Endpoint) -> Team {
        Team(endpoint: endpoint, start: 0, stride: 1, size: endpoint.rankCount, rank: endpoint.rank, slot: 0)
    }

    /// The cluster rank of a member.
    @inlinable @inline(__always)
    public func member(_ index: Int) -> Int {
        precondition(index >= 0 && index < size, "no such member")
        return start &+ index &* stride
    }

    /// The number in this team of a cluster rank, or nil if it is not a member.
    public func index(of rank: Int) -> Int? {
        Self.index(of: rank, start: start, stride: stride, size: size)
    }

    /// The number in `other` of a member of this team, or nil.
    public func translate(_ index: Int, to other: Team) -> Int? { other.index(of: member(index)) }

    static func index(of rank: Int, start: Int, stride: Int, size: Int) -> Int? {
        let distance = rank - start
        guard distance % stride == 0 else { return nil }
        let index = distance / stride
        return (0..<size).contains(index) ? index : nil
    }

    private func offset(_ word: Int) -> Int { WindowLayout.slot(slot) + word }

    /// Everybody has come this far, and everything everybody put before is visible to all.
    ///
    /// A `quiet` and a ``sync(deadline:operation:)``.
    public func barrier(deadline: Deadline? = nil) throws(FabricError) {
        try endpoint.quiet()
        try sync(deadline: deadline, operation: .barrier)
    }

    /// Everybody has come this far. Puts to mapped windows are visible; those still on a network need a `quiet` before.
    ///
    /// Flat: each member adds one to the leader's arrivals; whoever brings the count to a multiple of the size is last and
    /// releases all. Each member waits once. Messages: size adds and size signals.
    ///
    /// - Throws: `.timedOut` naming the members that have not arrived, or `.membershipChanged`. The first error ends the team:
    ///   its arrivals no longer tell who has come, so later calls throw it again.
    public func sync(
        deadline: Deadline? = nil, operation: FabricOperation = .barrier
    ) throws(FabricError) {
        precondition(alive, "the team was destroyed")
        if let failure { throw failure }
        generation += 1
        guard size > 1 else {
            endpoint.count(.barrier, bytes: 0)
            return try endpoint.checkMembership()
        }
        endpoint.count(.barrier, bytes: 0)
        endpoint.word(at: offset(WindowLayout.arrivedOffset)).storeReleasing(generation)
        // Sequentially consistent: acquires what earlier arrivers released, and releases ours to the last.
        let arrivals = try endpoint.fetchAdd(1, at: start, offset(WindowLayout.arrivalsOffset)) + 1
        if arrivals == generation &* UInt64(size) {
            let release = offset(WindowLayout.releaseOffset)
            for step in 1..<size {
                try endpoint.signal(.set, generation, at: member((rank + step) % size), release)
            }
            return
        }
        do {
            try endpoint.wait(
                at: offset(WindowLayout.releaseOffset), until: .greaterOrEqual, generation, deadline: deadline,
                operation: operation)
        } catch {
            let final = error.code == .timedOut ? blame(error) : error
            failure = final
            throw final
        }
    }

    /// Puts the members that have not arrived into a time-out error.
    private func blame(_ error: FabricError) -> FabricError {
        var error = error
        error.peers = (0..<size).map(member).filter { peer in
            let arrived = try? endpoint.fetch(at: peer, offset(WindowLayout.arrivedOffset))  // unreachable is suspect
            return arrived.map { $0 < generation } ?? true
        }
        return error
    }

    /// This member's four words for a split or an allocation check.
    func exchange(_ index: Int) -> Int { offset(WindowLayout.exchangeOffset) + 8 * index }

    /// Gives the team's slot back. No member may use the team any more; no synchronisation.
    public func destroy() {
        precondition(slot != 0, "the world cannot be destroyed")
        precondition(alive, "a team is destroyed once")
        alive = false
        endpoint.freeTeamSlots |= 1 << UInt64(slot)
    }

    /// Clears this die's words of a slot before a new team uses it.
    static func clear(slot: Int, on endpoint: Endpoint) {
        for word in [WindowLayout.arrivalsOffset, WindowLayout.releaseOffset, WindowLayout.arrivedOffset] {
            endpoint.word(at: WindowLayout.slot(slot) + word).storeReleasing(0)
        }
    }
}
