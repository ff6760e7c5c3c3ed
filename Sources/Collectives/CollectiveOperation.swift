/// The collective operations there are.
///
/// The raw value travels in messages, so that members that call different operations find out.
public enum CollectiveOperation: UInt8, CaseIterable, Sendable, CustomStringConvertible {
    case barrier = 1
    case broadcast
    case allGather
    case allGatherV
    case reduceScatter
    case allReduce
    case allToAll
    case allToAllV
    case reduce
    case gather
    case scatter
    case sendReceive

    /// The operation with this name, if there is one.
    public init?(name: String) {
        guard let match = Self.allCases.first(where: { $0.description == name }) else { return nil }
        self = match
    }

    /// The name in dotted names, tables and traces: all lower case.
    public var description: String {
        switch self {
        case .barrier: "barrier"
        case .broadcast: "broadcast"
        case .allGather: "allgather"
        case .allGatherV: "allgatherv"
        case .reduceScatter: "reducescatter"
        case .allReduce: "allreduce"
        case .allToAll: "alltoall"
        case .allToAllV: "alltoallv"
        case .reduce: "reduce"
        case .gather: "gather"
        case .scatter: "scatter"
        case .sendReceive: "sendreceive"
        }
    }

    /// Whether elements are folded, so that type and reduction matter.
    public var isReduction: Bool { self == .reduceScatter || self == .allReduce || self == .reduce }

    /// Whether one member, the root, plays another part than the others.
    public var isRooted: Bool { onlyRootGives || onlyRootTakes }

    /// Whether members share no length, so that tables and models cannot choose by it.
    public var sharesNoLength: Bool { self == .allToAllV || self == .sendReceive }

    /// How many blocks a member's source or destination holds.
    enum Extent { case none, one, oneOfEach }

    /// Blocks a member gives. Where ``onlyRootGives``, the others give none.
    var source: Extent {
        switch self {
        case .barrier: .none
        case .reduceScatter, .allToAll, .allToAllV, .scatter: .oneOfEach
        default: .one
        }
    }

    /// Blocks a member takes. Where ``onlyRootTakes``, the others take none.
    var destination: Extent {
        switch self {
        case .barrier: .none
        case .allGather, .allGatherV, .allToAll, .allToAllV, .gather: .oneOfEach
        default: .one
        }
    }

    /// Whether short blocks can ride in the records of a meeting.
    var fitsRecords: Bool {
        self == .broadcast || self == .allReduce || self == .reduce || self == .allGather || self == .gather
    }

    var onlyRootGives: Bool { self == .broadcast || self == .scatter }
    var onlyRootTakes: Bool { self == .gather || self == .reduce }
}
