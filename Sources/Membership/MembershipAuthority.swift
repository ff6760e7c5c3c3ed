public import SharedMemory

/// Decides which ranks of a host's cluster are members, and publishes it: the agent's part. One writer.
///
/// A loss is taken when the rank's process has ended, which its parent knows for certain by the process's descriptor; a rank that is only suspected is
/// killed first (fencing), so no rank that is not a member can store anything any more when an epoch begins. That needs no vote, of the dead or of
/// others; hosts that are silent would, and are not handled here.
public struct MembershipAuthority: Sendable {
    private let segment: Segment
    /// The members now.
    public private(set) var members: MemberSet

    /// All ranks of the segment's cluster are members, in the epoch it begins in.
    public init(_ segment: Segment) {
        self.segment = segment
        members = MemberSet(epoch: segment.plan.firstEpoch, rankCount: segment.plan.rankCount)
    }

    /// Takes ranks out that are lost, all in one epoch, and publishes it.
    ///
    /// - Returns: the new membership; nil if none of them was a member.
    public mutating func lose(_ ranks: Range<Int>, _ cause: MemberSet.Cause, detail: Int) -> MemberSet? {
        let epoch = members.epoch + 1
        let lost = ranks.filter(members.contains).map {
            MemberSet.Loss(rank: $0, epoch: epoch, cause: cause, detail: detail)
        }
        guard !lost.isEmpty else { return nil }
        members = MemberSet(epoch: epoch, rankCount: members.rankCount, losses: members.losses + lost)
        segment.publish(epoch: epoch, lost: lost)
        return members
    }

    /// Begins the next epoch with the same members, since one of them gave this one up.
    ///
    /// - Returns: the new membership; nil if that epoch was over, or the rank is no member.
    public mutating func revoke(_ epoch: UInt64, by rank: Int) -> MemberSet? {
        guard epoch == members.epoch, members.contains(rank) else { return nil }
        members = MemberSet(epoch: epoch + 1, rankCount: members.rankCount, losses: members.losses)
        segment.publish(epoch: epoch + 1, lost: [], revoker: rank)
        return members
    }
}
