public import Mutants
public import SharedMemory

/// An ordered subset of the cluster's ranks that acts together.
///
/// Members are numbered 0 ..< size in the team; ``self[_:]`` gives the rank in the cluster. A team belongs to its endpoint
/// and its thread. All members make the same calls in the same order.
public final class Team {
    /// The die this team object belongs to.
    public let endpoint: Endpoint
    /// This die's number in the team.
    public let rank: MemberIndex
    /// Members.
    public let size: Int
    /// The first member, and the leader.
    public let start: Rank
    /// Distance between neighbours in ranks of the cluster; may be negative. 0 where members do not lie at one distance, as after a loss.
    public let stride: Int
    /// The members, where they do not lie at one distance; else none.
    @usableFromInline let list: [Rank]
    /// Which of the 64 slots of sync words the team uses.
    public let slot: Int
    /// Whether all windows of the team are mapped here, so that members can meet on the leader's board.
    public let isNear: Bool
    /// Where the team's board lies in the leader's window; for near teams.
    let board: Int
    /// Arrivals at the leader's counter that this member has made, for near teams meetings begun.
    var generation: UInt64 = 0
    /// Barriers passed by flags.
    var flagRound: UInt64 = 0
    /// Whether a meeting has been begun and not ended.
    var isMeeting = false
    /// The first member of this host, and how many there are.
    let nearMembers: (first: Int, count: Int)
    private(set) var alive = true
    /// Whether ``destroy()`` was called here.
    public var isDestroyed: Bool { !alive }
    /// Why the team can no longer synchronise, if so.
    var failure: FabricError?
    /// Operations of the team whose bytes were proved by check words; the same at all members.
    package var protectedCalls: UInt64 = 0

    init(endpoint: Endpoint, members: TeamMembers, rank: MemberIndex, slot: Int, board: Int) {
        self.endpoint = endpoint
        start = members.start
        stride = members.stride
        list = members.list
        size = members.size
        self.rank = rank
        self.slot = slot
        self.board = board
        // Near ranks are neighbours, and the members that are follow each other; the member itself is near.
        let near = (0..<members.size).filter { endpoint.isNear(members[$0]) }
        isNear = near.count == members.size
        nearMembers = (near.first ?? rank, max(near.count, 1))
    }

    /// How many members that follow each other may share a host: as many as the widest host has room for; the same at every member.
    public var hostGroup: Int { max(1, endpoint.segment.plan.widestHostDieCount / max(1, abs(stride))) }

    /// The team of all ranks. Make it once per endpoint, before any other team.
    public static func world(_ endpoint: Endpoint) -> Team {
        Team(
            endpoint: endpoint, members: TeamMembers(start: 0, stride: 1, size: endpoint.rankCount),
            rank: endpoint.rank.index, slot: 0, board: WindowLayout.boardsOffset)
    }

    /// The team of all ranks that are left, this die among them: the world of a later epoch. Once per endpoint, before any other team.
    package static func world(_ endpoint: Endpoint, of present: [Int]) -> Team {
        guard let rank = present.firstIndex(of: endpoint.rank.index) else {
            preconditionFailure("a rank makes the team of its own epoch")
        }
        return Team(
            endpoint: endpoint, members: TeamMembers(present.map { Rank($0) }), rank: rank, slot: 0,
            board: WindowLayout.boardsOffset)
    }

    /// The rank of a member.
    @inlinable @inline(__always)
    public subscript(member: MemberIndex) -> Rank {
        precondition(member >= 0 && member < size, "no such member")
        if _slowPath(stride == 0) { return list[member] }
        return Mutated.memberToRank ? Rank(member) : Rank(start.index &+ member &* stride)
    }

    /// The number in this team of a rank, or nil if it is not a member.
    public func index(of rank: Rank) -> MemberIndex? {
        if stride == 0 { return list.firstIndex(of: rank) }
        return Self.index(of: rank.index, start: start.index, stride: stride, size: size)
    }

    /// The number in `other` of a member of this team, or nil.
    public func translate(_ member: MemberIndex, to other: Team) -> MemberIndex? { other.index(of: self[member]) }

    static func index(of rank: Int, start: Int, stride: Int, size: Int) -> Int? {
        let distance = rank - start
        guard distance % stride == 0 else { return nil }
        let index = distance / stride
        return (0..<size).contains(index) ? index : nil
    }

    func offset(_ word: Int) -> Int { WindowLayout.slot(slot) + word }

    /// Returns when all members have come this far, and what each put before is visible to all.
    ///
    /// A `quiet` and a ``sync(deadline:operation:)``; between mapped windows the sync alone does it.
    public func barrier(deadline: Deadline? = nil) throws(FabricError) {
        if !isNear { try endpoint.quiet() }
        try sync(deadline: deadline, operation: .barrier)
    }

    /// Returns when all members have come this far. Puts to mapped windows are visible; those still on a network need a `quiet` before.
    ///
    /// Three ways, by what is cheapest (costs for n members; each member waits once):
    /// - at most four members that have a core each: each writes a flag into every other's window, one hop;
    /// - all windows mapped: one fetch-add a member at the leader's counter (by groups of sixteen in large teams), one store by
    ///   the last arriver, which all others watch;
    /// - else the leader's counter, and a signal to each member by the last arriver.
    ///
    /// - Throws: `.timedOut` naming the members that have not arrived, or `.membershipChanged`. The first error ends the team:
    ///   its arrivals no longer tell who has come, so later calls throw it again.
    public func sync(
        deadline: Deadline? = nil, operation: FabricOperation = .barrier
    ) throws(FabricError) {
        precondition(alive, "the team was destroyed")
        if let failure { throw failure }
        precondition(!isMeeting, "a barrier while an operation of the team is under way")
        endpoint.count(.barrier, bytes: 0)
        guard size > 1 else { return try endpoint.checkMembership() }
        try guarded { () throws(FabricError) in
            if !isNear {
                try syncBySignals(deadline, operation)
            } else if meetsByFlags {
                try syncByFlags(deadline, operation)
            } else {
                try syncByMeeting(deadline, operation)
            }
        }
    }

    /// Takes a step of a synchronisation; an error ends the team.
    func guarded(_ step: () throws(FabricError) -> Void) throws(FabricError) {
        do throws(FabricError) {
            try step()
        } catch {
            failure = error
            isMeeting = false
            throw error
        }
    }

    /// Gives the team's slot back. No member may use the team any more; no synchronisation.
    public func destroy() {
        precondition(slot != 0, "the world cannot be destroyed")
        precondition(alive, "a team is destroyed once")
        alive = false
        // Others may still be leaving the team's last meeting, whose words are the leader's: it gives them to another team only when
        // all have said that they are done.
        if isNear { endpoint.addNear(1, at: start, offset(WindowLayout.leaversOffset)) }
        if isNear, rank == 0 {
            endpoint.teamSpace.leave(slot: slot, size: size, board: board)
        } else {
            endpoint.teamSpace.giveBack(slot: slot)
        }
    }
}
