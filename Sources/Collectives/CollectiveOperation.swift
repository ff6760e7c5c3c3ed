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

    /// The name in dotted names, tables and traces: all lower case.
    public var description: String { "\(name)" }

    /// The operation with this name, if there is one.
    public init?(name: String) {
        guard let match = Self.allCases.first(where: { $0.description == name }) else { return nil }
        self = match
    }

    /// The name as a literal, for places that must not allocate.
    public var name: StaticString {
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
    public var isRooted: Bool {
        self == .broadcast || self == .reduce || self == .gather || self == .scatter
    }
}
