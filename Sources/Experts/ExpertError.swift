public import Fabric

/// Why an exchange with the experts failed: who, which token, and what the fabric said.
public struct ExpertError: Error, CustomStringConvertible, Sendable, Equatable {
    /// What went wrong.
    public enum Code: String, Sendable {
        /// The numbers of a layout do not fit together.
        case badLayout
        /// An expert id out of range, or twice in one token; `token` says where.
        case badRouting
        /// A weight that is not a finite number; `token` says where.
        case badWeight
        /// More tokens than the layout has slots for.
        case tooManyTokens
        /// The handle belongs to another dispatch, or its combine is already done.
        case staleHandle
        /// An earlier call on this exchange failed half-way, so its words can no longer be trusted.
        case broken
        /// The fabric failed, or a peer did; `fabric` says how.
        case fabric
    }

    /// What went wrong.
    public var code: Code
    /// The cluster rank that reports, where there is one.
    public var rank: Rank?
    /// The token of this rank that broke a rule.
    public var token: Int?
    /// The fabric's error, for ``Code/fabric``.
    public var fabric: FabricError?
    /// One sentence.
    public var description: String

    init(_ code: Code, rank: Rank? = nil, token: Int? = nil, _ description: String) {
        self.code = code
        self.rank = rank
        self.token = token
        self.description = description
    }

    init(_ cause: FabricError) {
        code = .fabric
        rank = cause.rank
        fabric = cause
        description = cause.description
    }

    /// Ranks of the cluster to blame, as far as they are known.
    public var peers: [Rank] { fabric?.peers ?? [] }
}

extension ExpertError: FabricCaused {
    /// The fabric's error, for ``Code/fabric``.
    public var fabricCause: FabricError? { fabric }
}
