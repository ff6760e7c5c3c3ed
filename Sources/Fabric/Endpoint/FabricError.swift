internal import SharedMemory

/// Why an operation of the fabric failed: what, who, since when, and what is lost with it.
public struct FabricError: Error, CustomStringConvertible, Sendable, Equatable {
    /// What went wrong.
    public enum Code: String, Sendable {
        /// A wait's deadline passed; `peers` names who did not answer.
        case timedOut
        /// The membership changed while waiting: a rank died, the agent died, or the run was stopped. With scope `.peer` the run goes on
        /// without `peers`, and survivors may shrink their team; with scope `.cluster` it ends.
        case membershipChanged
        /// A rank gave up the epoch, so that all members leave what they wait for; `peers` names it. Members may shrink their team.
        case revoked
        /// This rank is not a member any more: it was taken for lost, and the others go on without it.
        case evicted
        /// The link to another host was given up; the context names both hosts.
        case linkLost
        /// The symmetric heap has no room for an allocation.
        case outOfMemory
        /// Ranks called a collective operation with different arguments.
        case mismatch
        /// All team slots are taken.
        case tooManyTeams
        /// The transport has no way to do this.
        case unsupported
        /// A word that a peer writes, or that all share, contradicts the protocol: a count, an index, a flag or a phase that cannot be. The
        /// context tells the word and its value; `peers` whose it is.
        case corrupt
        /// Bytes do not go with the check word beside them: they, or the word, changed since `peers` sent them. Only where integrity is
        /// asked for (``Endpoint/isProtected``); the context tells what the bytes are.
        case damaged
    }

    /// The largest thing that must be rebuilt.
    public enum Scope: Int, Sendable, Comparable {
        case operation, link, peer, server, cluster

        /// Smaller scopes lose less.
        public static func < (left: Scope, right: Scope) -> Bool { left.rawValue < right.rawValue }
    }

    /// What went wrong.
    public var code: Code
    /// What is lost with it.
    public var scope: Scope
    /// The operation that failed.
    public var operation: FabricOperation
    /// The rank that reports.
    public var rank: Rank
    /// The ranks to blame, as far as they are known.
    public var peers: [Rank]
    /// Offset of the word waited for, if it was a wait, or of the bytes that are damaged, in this rank's window.
    public var wordOffset: Int?
    /// Nanoseconds the operation had taken.
    public var elapsedNanoseconds: UInt64
    /// The epoch the rank was in.
    public var epoch: UInt64
    /// The phase the rank was in.
    public var phase: String
    /// The system's error number, where a call failed.
    public var errno: Int32?
    /// What the code alone does not say.
    public var context: String

    package init(
        _ code: Code, scope: Scope, operation: FabricOperation, rank: Rank, peers: [Rank] = [], wordOffset: Int? = nil,
        elapsedNanoseconds: UInt64 = 0, epoch: UInt64 = 0, phase: String = "", errno: Int32? = nil, context: String = ""
    ) {
        self.code = code
        self.scope = scope
        self.operation = operation
        self.rank = rank
        self.peers = peers
        self.wordOffset = wordOffset
        self.elapsedNanoseconds = elapsedNanoseconds
        self.epoch = epoch
        self.phase = phase
        self.errno = errno
        self.context = context
    }

    /// One sentence: what failed, who, since when, what to do.
    public var description: String {
        let milliseconds = elapsedNanoseconds / 1_000_000
        let whom = Self.name(peers)
        let place = phase.isEmpty ? "" : " in phase \(phase)"
        let tail = context.isEmpty ? "" : "; \(context)"
        switch code {
        case .timedOut:
            let what = peers.isEmpty ? "an answer" : whom
            return "rank \(rank) waited \(milliseconds) ms for \(what) in \(operation)\(place), epoch \(epoch)\(tail)"
        case .membershipChanged:
            return "rank \(rank) gave up \(operation)\(place) after \(milliseconds) ms: the membership changed\(tail)"
        case .revoked:
            return
                "rank \(rank) gave up \(operation)\(place) after \(milliseconds) ms: \(whom) revoked the epoch\(tail)"
        case .evicted: return "rank \(rank) is no member any more in \(operation)\(place)\(tail)"
        case .linkLost: return "rank \(rank) gave up \(operation)\(place) after \(milliseconds) ms\(tail)"
        case .outOfMemory: return "rank \(rank): the symmetric heap is full\(tail)"
        case .mismatch: return "rank \(rank): ranks disagree in \(operation)\(tail)"
        case .tooManyTeams: return "rank \(rank): no free team slot\(tail)"
        case .unsupported: return "rank \(rank): the transport cannot do \(operation)\(tail)"
        case .corrupt:
            return
                "rank \(rank) got impossible data from \(peers.isEmpty ? "a peer" : whom) in \(operation)\(place)\(tail)"
        case .damaged:
            return
                "rank \(rank) got damaged data from \(peers.isEmpty ? "a peer" : whom) in \(operation)\(place)\(tail)"
        }
    }

    private static func name(_ peers: [Rank]) -> String {
        switch peers.count {
        case 0: return "no known rank"
        case 1: return "rank \(peers[0])"
        case ...8: return "ranks " + peers.map(\.description).joined(separator: ", ")
        default: return "\(peers.count) ranks, first " + peers.prefix(8).map(\.description).joined(separator: ", ")
        }
    }
}

extension FabricError {
    /// Whether it came of the epoch, which every rank sees by itself: a rank that fails so tells no other, as that would blame it.
    public var isSeenByAll: Bool {
        code == .membershipChanged || code == .revoked || code == .evicted || code == .linkLost
            || code == .corrupt && scope == .cluster
    }

    /// Whether the members of the new epoch may go on: after ``Code/revoked``, or a death that the run survives.
    public var isSurvivable: Bool { code == .revoked || code == .membershipChanged && scope == .peer }

    /// What the verdict of a segment means for an operation of one of its dies: a change of the membership, or a link lost.
    ///
    /// A verdict, or a new membership, is there before the epoch moves. An epoch without either was moved by a store that no die makes: a
    /// cause of its own.
    ///
    /// - Parameters:
    ///   - old: the epoch that the operation belongs to.
    ///   - awaited: ranks that it waited for.
    init(
        membershipOf segment: Segment, _ operation: FabricOperation, rank: Rank, since old: UInt64, wordOffset: Int?,
        _ elapsed: UInt64, awaiting awaited: [Rank] = []
    ) {
        let epoch = segment.cluster.epoch.loadAcquiring()
        guard let verdict = segment.cluster.verdict else {
            if let members = segment.members, members.epoch > old {
                self.init(
                    members, revoker: segment.memberBlock.revoker(of: members.epoch), operation, rank: rank, since: old,
                    wordOffset: wordOffset, elapsed, awaiting: awaited)
                phase = segment.control(of: rank.index).phase
                return
            }
            self.init(
                .corrupt, scope: .cluster, operation: operation, rank: rank, wordOffset: wordOffset,
                elapsedNanoseconds: elapsed, epoch: epoch, phase: segment.control(of: rank.index).phase,
                context: "the epoch moved to \(epoch) without a verdict: its word was overwritten")
            return
        }
        let isLink = verdict.code == .linkLost
        self.init(
            isLink ? .linkLost : .membershipChanged, scope: isLink ? .link : .cluster, operation: operation, rank: rank,
            peers: verdict.rank.map { [Rank($0)] } ?? [], wordOffset: wordOffset, elapsedNanoseconds: elapsed,
            epoch: epoch, phase: segment.control(of: rank.index).phase,
            context: verdict.text)
    }
}

extension FabricError {
    /// What a new membership means for an operation of the epoch before: whom it lost, or who gave that epoch up.
    private init(
        _ members: MemberSet, revoker: Int?, _ operation: FabricOperation, rank: Rank, since old: UInt64,
        wordOffset: Int?, _ elapsed: UInt64, awaiting awaited: [Rank]
    ) {
        let lost = members.lost(after: old)
        let isOut = !members.contains(rank.index)
        let waited =
            awaited.isEmpty ? "" : "; it waited for rank " + awaited.map(\.description).joined(separator: ", ")
        self.init(
            isOut ? .evicted : lost.isEmpty ? .revoked : .membershipChanged, scope: .peer, operation: operation,
            rank: rank, peers: lost.isEmpty ? revoker.map { [Rank($0)] } ?? [] : lost.map { Rank($0.rank) },
            wordOffset: wordOffset, elapsedNanoseconds: elapsed, epoch: members.epoch,
            context: members.description + waited)
    }
}

/// An error of a higher layer that may have been caused by the fabric.
///
/// A report tells by it a first cause from a consequence of another rank's death, and names the ranks to blame.
public protocol FabricCaused: Error {
    /// The fabric's error below, if there is one.
    var fabricCause: FabricError? { get }
}

extension FabricError: FabricCaused {
    /// Itself.
    public var fabricCause: FabricError? { self }
}
