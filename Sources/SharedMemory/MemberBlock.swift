internal import Synchronization

/// What a host's segment holds of the membership: who was lost in which epoch, and what members agree on.
///
/// ```
/// 0     published   u64   the newest epoch whose members are told below             written by the agent
/// 8     revoked     u64   the newest epoch that began since a rank gave up the one before; 0 for none       likewise
/// 16    revoker     u64   that rank
/// 64    decisions   2 x u64   what the members have agreed on, by the parity of the agreement's number      compare-exchange by members
/// 128   sleepers    u64   members that may be asleep waiting for a decision             fetch-add by members
/// 256   entries     32 bytes a rank of the cluster, written by the agent:
///       0   lost      u64   the first epoch without the rank, sealed with its number; 0 while it is a member
///       8   cause     u64   ``MemberSet/Cause``
///       16  detail    i64
/// ```
///
/// An entry is written once, before `published`, which is stored with release order and before the epoch of the cluster block. Who has acquired
/// an epoch therefore finds all losses up to it, and passes over those of later ones by their number: what an epoch's members are does
/// not change, however late it is read.
@safe
public struct MemberBlock: @unchecked Sendable, BitwiseCopyable {
    private let base: UnsafeMutableRawPointer
    private let rankCount: Int
    private let firstEpoch: UInt64

    static let entriesOffset = 256
    static let entryByteCount = 32

    /// Bytes of the block of a cluster.
    static func byteCount(ranks: Int) -> Int { entriesOffset + ranks * entryByteCount }

    init(base: UnsafeMutableRawPointer, rankCount: Int, firstEpoch: UInt64) {
        unsafe self.base = base
        self.rankCount = rankCount
        self.firstEpoch = firstEpoch
    }

    private func field(_ offset: Int) -> Word { unsafe Word(base + offset) }
    private func entry(_ rank: Int, _ offset: Int) -> Word {
        field(Self.entriesOffset + rank * Self.entryByteCount + offset)
    }

    /// The newest epoch that has been published, or that the cluster began in. Acquires its entries.
    public var published: UInt64 { max(field(0).loadAcquiring(), firstEpoch) }

    /// Who gave up the epoch before this one, if that is how this one began.
    public func revoker(of epoch: UInt64) -> Int? {
        guard epoch > firstEpoch, field(8).loadAcquiring() == epoch else { return nil }
        return Int(clamping: field(16).loadRelaxed())
    }

    /// The members of an epoch that has been published.
    ///
    /// - Complexity: a load for each rank of the cluster.
    public func members(at epoch: UInt64) -> MemberSet {
        var losses: [MemberSet.Loss] = []
        for rank in 0..<rankCount {
            guard let lost = Self.open(entry(rank, 0).loadAcquiring(), rank), lost <= epoch,
                let cause = MemberSet.Cause(rawValue: entry(rank, 8).loadRelaxed())
            else { continue }
            losses.append(
                MemberSet.Loss(
                    rank: rank, epoch: lost, cause: cause,
                    detail: Int(truncatingIfNeeded: entry(rank, 16).loadRelaxed())))
        }
        return MemberSet(epoch: epoch, rankCount: rankCount, losses: losses)
    }

    /// What members agree on: the decision of an even or an odd agreement.
    package func decision(_ parity: Int) -> Word { field(64 + 8 * (parity & 1)) }

    /// Members that may be asleep waiting for a decision.
    package var sleepers: Word { field(128) }

    /// Writes losses and a revocation, and then the epoch that begins with them. For the agent alone.
    func publish(_ epoch: UInt64, lost: [MemberSet.Loss], revoker: Int?) {
        for loss in lost {
            entry(loss.rank, 8).storeRelaxed(loss.cause.rawValue)
            entry(loss.rank, 16).storeRelaxed(UInt64(truncatingIfNeeded: loss.detail))
            entry(loss.rank, 0).storeReleasing(Self.seal(epoch, loss.rank))  // acquired in `members(at:)`
        }
        if let revoker {
            field(16).storeRelaxed(UInt64(clamping: revoker))
            field(8).storeReleasing(epoch)  // acquired in `revoker(of:)`
        }
        field(0).storeReleasing(epoch)  // acquired in `published`
    }

    /// An epoch as an entry holds it: a stray store is not taken for one.
    private static func seal(_ epoch: UInt64, _ rank: Int) -> UInt64 {
        epoch << 16 | ((epoch &+ 1) &* 0x9E37_79B9_7F4A_7C15 ^ UInt64(rank) &* 0xD6E8_FEB8_6659_FD93) >> 48
    }

    private static func open(_ word: UInt64, _ rank: Int) -> UInt64? {
        word != 0 && seal(word >> 16, rank) == word ? word >> 16 : nil
    }
}

extension Segment {
    /// What this host's segment holds of the membership.
    public var memberBlock: MemberBlock {
        unsafe MemberBlock(
            base: base + SegmentLayout.membersOffset(dieCount: plan.dieCount), rankCount: plan.rankCount,
            firstEpoch: plan.firstEpoch)
    }

    /// The members of the cluster's epoch now; nil if that epoch was never published, as when its word was overwritten.
    public var members: MemberSet? {
        let epoch = cluster.epoch.loadAcquiring()
        return epoch <= memberBlock.published ? memberBlock.members(at: epoch) : nil
    }

    /// Begins an epoch: tells who is not a member of it any more, or which rank has given up the epoch before, and wakes every die of this
    /// host that sleeps. The agent is the one writer; an epoch is published once.
    ///
    /// The order is: entries, `published` (release), the cluster's epoch (sequentially consistent, as a sleeper stores its doorbell and then reads
    /// the epoch), doorbells. Waits end by the epoch; who then reads the members acquires what is told here.
    ///
    /// - Parameters:
    ///   - epoch: its number, greater than all before.
    ///   - lost: ranks that are lost with it; their processes have ended.
    ///   - revoker: the rank that gave up the epoch before.
    public func publish(epoch: UInt64, lost: [MemberSet.Loss], revoker: Int? = nil) {
        memberBlock.publish(epoch, lost: lost, revoker: revoker)
        cluster.epoch.storeSequentially(epoch)
        let gone = Set(lost.map(\.rank))
        for rank in plan.ranks where !gone.contains(rank) { control(of: rank).wakeAnyway() }
    }
}
