/// The name of a way to carry out a collective, and the number that goes with some names: what a call, a table or a command line asks for.
///
/// All algorithms give the same bits; they differ in which members move the bytes, how often each byte crosses, and how often each member waits.
/// `docs/collectives.md` has the cost of each; the code of each is the ``CollectiveImplementation`` of that name in ``CollectiveCatalog``.
public struct CollectiveAlgorithm: Sendable, Equatable, CustomStringConvertible {
    /// The place in the catalog, from 1 on, as flight records hold it; the two that stand for others have numbers of their own.
    let code: UInt8
    /// The fraction of each block that `concurrent` pushes, or the members of a group of `twolevel` and `trampoline`; else 0.
    public let parameter: Double

    private init(code: UInt8, parameter: Double = 0) {
        self.code = code
        self.parameter = parameter
    }

    /// The algorithm that an implementation of the catalog carries out.
    init(place: Int, parameter: Double) { self.init(code: UInt8(place + 1), parameter: parameter) }

    /// An algorithm of the catalog by its name, with the standard number.
    ///
    /// A name that is not in the catalog is a programmer error; ``init(text:)`` refuses it.
    public static func named(_ name: String) -> CollectiveAlgorithm {
        guard let place = CollectiveCatalog.place(of: name) else {
            preconditionFailure("no algorithm is called \(name)")
        }
        return CollectiveCatalog.algorithms[place]
    }

    /// What a tuning table says for operation, bytes, team and census, or else ``CostModel`` finds cheapest.
    public static var automatic: CollectiveAlgorithm { CollectiveAlgorithm(code: 0) }
    /// Push, pull or both at once, with the fraction that is best for the operation: ``TransferDirection/tunedFraction(_:byteCount:)``.
    public static var tuned: CollectiveAlgorithm { CollectiveAlgorithm(code: .max) }
    /// The producer writes.
    public static let push = named("push")
    /// The consumer reads.
    public static let pull = named("pull")
    /// A fraction of each block is pushed while the rest is pulled.
    public static func concurrent(fraction: Double) -> CollectiveAlgorithm { balanced.with(fraction) }
    /// Members post what they have, the last to arrive opens the work, and each that runs does pieces of it for all.
    /// Only where all windows are mapped; elsewhere it is a pull.
    public static let cooperative = named("cooperative")
    /// Everything goes from each member to the next, piece by piece.
    public static let ring = named("ring")
    /// Between groups of at most `group` neighbouring members, the dies of a server, everything goes from leader to leader.
    public static func twoLevel(group: Int) -> CollectiveAlgorithm { leaders.with(Double(group)) }
    /// What is for another group goes to one member of it, another for each sender, which hands it on inside.
    public static func trampoline(group: Int) -> CollectiveAlgorithm { spread.with(Double(group)) }

    private static let balanced = named("concurrent")
    private static let leaders = named("twolevel")
    private static let spread = named("trampoline")

    /// The same name with another number; one that does not go with it is a programmer error.
    func with(_ parameter: Double) -> CollectiveAlgorithm {
        precondition(
            implementation?.parameter?.accepts(parameter) == true,
            "the fraction pushed is a number from 0 to 1, and a group has members")
        return CollectiveAlgorithm(code: code, parameter: parameter)
    }

    /// Dies of a server: the group of ``twoLevel(group:)`` and ``trampoline(group:)`` that fits the modelled cluster.
    public static let serverDieCount = 16

    /// The code of this name; nil for `automatic` and `tuned`, which stand for others.
    var implementation: (any CollectiveImplementation)? {
        code == 0 || code == .max ? nil : CollectiveCatalog.implementations[Int(code) - 1]
    }

    /// The second half of an algorithm's dotted name.
    public var name: String {
        implementation.map { "\($0.name)" } ?? (self == .automatic ? "automatic" : "tuned")
    }

    /// The name of a code in a flight record.
    public static func name(code: UInt8) -> String {
        CollectiveCatalog.algorithms.first { $0.code == code }?.name ?? "algorithm \(code)"
    }

    /// The name, with the number where there is one: `concurrent(0.4)`.
    public var description: String { shownParameter.map { "\(name)(\($0))" } ?? name }

    /// The name that ``init(text:)`` reads, with the number where it is not the standard one: `concurrent:0.5`.
    public var text: String {
        let isStandard = parameter == implementation?.parameter?.standard
        return shownParameter.map { isStandard ? name : "\(name):\($0)" } ?? name
    }

    private var shownParameter: String? {
        implementation?.parameter.map { $0.isWhole ? "\(Int(parameter))" : "\(parameter)" }
    }

    /// An algorithm of the catalog by its name, with a number after a colon if need be, or `tuned`; nil if it is neither.
    public init?(text: String) {
        if text == Self.tuned.name {
            self = .tuned
            return
        }
        let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        guard let name = parts.first, let place = CollectiveCatalog.place(of: String(name)) else { return nil }
        let standard = CollectiveCatalog.algorithms[place]
        guard parts.count == 2 else {
            self = standard
            return
        }
        guard let value = Double(parts[1]), standard.implementation?.parameter?.accepts(value) == true else {
            return nil
        }
        self = standard.with(value)
    }

    /// Whether the algorithm knows how to do an operation.
    public func carries(_ operation: CollectiveOperation) -> Bool { implementation?.carries(operation) ?? true }

    /// Bits that tell algorithms apart, for the digest members compare.
    var digest: Int { Int(truncatingIfNeeded: parameter.bitPattern) ^ Int(code) }
}
