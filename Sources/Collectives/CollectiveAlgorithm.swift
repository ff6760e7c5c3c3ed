/// How a collective is carried out. All give the same bits; they differ in who moves the bytes, how often each byte crosses, and how
/// often each member waits. `docs/collectives.md` has the cost of each.
public enum CollectiveAlgorithm: Sendable, Equatable, CustomStringConvertible {
    /// What a tuning table says for operation, bytes, team and census, or else ``CostModel`` finds cheapest.
    case automatic
    /// Each pair of partners for itself: pushed, pulled, or both at once.
    case pairwise(CollectiveForm)
    /// Members post what they have, the last to arrive opens the work, and whoever runs does pieces of it for all.
    /// Only where all windows are mapped; elsewhere it is a pull.
    case cooperative
    /// Everything goes from each member to the next, piece by piece.
    case ring
    /// Between groups of at most `group` neighbouring members, the dies of a server, everything goes from leader to leader.
    case twoLevel(group: Int)
    /// What is for another group goes to one member of it, another for each sender, which hands it on inside.
    case trampoline(group: Int)

    /// Dies of a server: the group of ``twoLevel(group:)`` and ``trampoline(group:)`` that fits the modelled cluster.
    public static let serverDieCount = 16

    /// Push, pull or both at once, with the fraction that is best for the operation: ``CollectiveForm/tunedFraction(_:byteCount:)``.
    case tuned

    /// The producer writes.
    public static let push = CollectiveAlgorithm.pairwise(.push)
    /// The consumer reads.
    public static let pull = CollectiveAlgorithm.pairwise(.pull)
    /// A fraction of each block is pushed while the rest is pulled.
    public static func concurrent(fraction: Double) -> CollectiveAlgorithm {
        .pairwise(.concurrent(fraction: fraction))
    }

    /// The second half of an algorithm's dotted name.
    public var name: String {
        switch self {
        case .automatic: "automatic"
        case .tuned: "tuned"
        case .pairwise(let form): form.name
        case .cooperative: "cooperative"
        case .ring: "ring"
        case .twoLevel: "twolevel"
        case .trampoline: "trampoline"
        }
    }

    /// The name, with the fraction or the group where there is one.
    public var description: String {
        switch self {
        case .pairwise(let form): form.description
        case .twoLevel(let group), .trampoline(let group): "\(name)(\(group))"
        default: name
        }
    }

    /// Whether the algorithm knows how to do an operation.
    public func carries(_ operation: CollectiveOperation) -> Bool {
        switch self {
        case .automatic, .tuned, .pairwise: true
        // Two members that talk are no team that meets.
        case .cooperative: operation != .sendReceive
        // Nothing is sent round that is for one member only.
        case .ring:
            switch operation {
            case .allToAll, .allToAllV, .gather, .scatter, .sendReceive: false
            default: true
            }
        // Leaders put blocks of all their members together, so each would have to know all lengths of its group.
        case .twoLevel: operation != .sendReceive && operation != .allToAllV
        case .trampoline: operation != .sendReceive
        }
    }

    /// The code in flight records.
    var code: UInt8 {
        switch self {
        case .automatic, .tuned: 0
        case .pairwise(.push): 1
        case .pairwise(.pull): 2
        case .pairwise(.concurrent): 3
        case .cooperative: 4
        case .ring: 5
        case .twoLevel: 6
        case .trampoline: 7
        }
    }

    /// The name of a code in a flight record.
    public static func name(code: UInt8) -> String {
        CollectiveCatalog.algorithms.first { $0.code == code }?.name ?? "algorithm \(code)"
    }

    /// Bits that tell algorithms apart, for the digest members compare.
    var digest: Int {
        switch self {
        case .automatic, .tuned: 0
        case .pairwise(let form): form.digest
        case .cooperative: 3
        case .ring: 4
        case .twoLevel(let group): group << 4 | 5
        case .trampoline(let group): group << 4 | 6
        }
    }

    /// A fraction is a number from 0 to 1, a group has members.
    func check() {
        switch self {
        case .pairwise(let form): form.check()
        case .twoLevel(let group), .trampoline(let group): precondition(group > 0, "a group has members")
        case .automatic, .tuned, .cooperative, .ring: break
        }
    }
}
