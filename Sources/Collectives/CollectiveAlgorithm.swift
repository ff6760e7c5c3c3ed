/// How a collective is carried out. All give the same bits; they differ in who moves the bytes, how often each byte crosses, and how
/// often each member waits. `docs/collectives.md` has the cost of each.
public enum CollectiveAlgorithm: Sendable, Equatable, CustomStringConvertible {
    /// What the tuning table says for operation, bytes, team and census.
    case automatic
    /// Each pair of partners for itself: pushed, pulled, or both at once.
    case pairwise(CollectiveForm)
    /// Members post what they have, the last to arrive opens the work, and whoever runs does pieces of it for all.
    /// Only where all windows are mapped; elsewhere it is a pull.
    case cooperative

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
        case .pairwise(let form): form.name
        case .cooperative: "cooperative"
        }
    }

    /// The name, with the fraction where there is one.
    public var description: String {
        if case .pairwise(let form) = self { return form.description }
        return name
    }

    /// Whether the algorithm knows how to do an operation.
    public func carries(_ operation: CollectiveOperation) -> Bool {
        switch self {
        case .automatic, .pairwise: true
        // Two members that talk are no team that meets.
        case .cooperative: operation != .sendReceive
        }
    }

    /// The code in flight records.
    var code: UInt8 {
        switch self {
        case .automatic: 0
        case .pairwise(.push): 1
        case .pairwise(.pull): 2
        case .pairwise(.concurrent): 3
        case .cooperative: 4
        }
    }

    /// The name of a code in a flight record.
    public static func name(code: UInt8) -> String {
        CollectiveCatalog.algorithms.first { $0.code == code }?.name ?? "algorithm \(code)"
    }

    /// Bits that tell algorithms apart, for the digest members compare.
    var digest: Int {
        switch self {
        case .automatic: 0
        case .pairwise(let form): form.digest
        case .cooperative: 3
        }
    }

    /// A fraction is a number from 0 to 1.
    func check() {
        if case .pairwise(let form) = self { form.check() }
    }
}
