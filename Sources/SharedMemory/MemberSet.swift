/// The ranks of a cluster in one epoch, and how those were lost that are not among them any more.
///
/// A value: what it says of an epoch never changes. A host's agent publishes it (``Segment/publish(lost:_:)``); every rank reads it from the
/// segment of its host (``Segment/members(at:)``).
public struct MemberSet: Sendable, Equatable, CustomStringConvertible {
    /// How a rank was lost.
    public enum Cause: UInt64, Sendable, Codable, CaseIterable {
        /// A signal ended its process; the detail is the signal.
        case killed = 1
        /// Its process exited before its time; the detail is the code.
        case exited = 2
        /// It was stopped for longer than its lease, and its agent killed it; the detail is how long, in milliseconds.
        case stopped = 3
        /// It neither computed anything for others nor waited, for longer than its lease, and its agent killed it; likewise.
        case hung = 4
    }

    /// One rank that is not a member any more.
    public struct Loss: Sendable, Equatable {
        /// The rank.
        public var rank: Int
        /// The first epoch without it.
        public var epoch: UInt64
        /// How it was lost.
        public var cause: Cause
        /// What the cause says it is.
        public var detail: Int

        /// A loss.
        public init(rank: Int, epoch: UInt64, cause: Cause, detail: Int) {
            self.rank = rank
            self.epoch = epoch
            self.cause = cause
            self.detail = detail
        }

        /// `was killed by signal 9`.
        public var fate: String {
            switch cause {
            case .killed: "was killed by signal \(detail)"
            case .exited: "exited with code \(detail)"
            case .stopped: "was stopped for \(detail) ms, longer than its lease, and was killed by its agent"
            case .hung: "made no progress for \(detail) ms, longer than its lease, and was killed by its agent"
            }
        }
    }

    /// The epoch that it is the membership of.
    public let epoch: UInt64
    /// Ranks that the cluster had when it began.
    public let rankCount: Int
    /// Those that are not members any more, by rank.
    public let losses: [Loss]

    /// A membership of ``rankCount`` ranks without those lost.
    public init(epoch: UInt64, rankCount: Int, losses: [Loss] = []) {
        self.epoch = epoch
        self.rankCount = rankCount
        self.losses = losses.sorted { $0.rank < $1.rank }
    }

    /// Whether a rank is a member.
    public func contains(_ rank: Int) -> Bool {
        (0..<rankCount).contains(rank) && !losses.contains { $0.rank == rank }
    }

    /// The members, rising.
    public var present: [Int] {
        let lost = Set(losses.map(\.rank))
        return (0..<rankCount).filter { !lost.contains($0) }
    }

    /// What was lost after an epoch.
    public func lost(after epoch: UInt64) -> [Loss] { losses.filter { $0.epoch > epoch } }

    /// `epoch 2: 3 of 4 ranks; rank 1 was killed by signal 9`.
    public var description: String {
        let told = losses.prefix(4).map { "rank \($0.rank) \($0.fate)" }
        let more = losses.count > 4 ? ["\(losses.count - 4) more were lost"] : []
        return (["epoch \(epoch): \(rankCount - losses.count) of \(rankCount) ranks"] + told + more)
            .joined(separator: "; ")
    }
}
