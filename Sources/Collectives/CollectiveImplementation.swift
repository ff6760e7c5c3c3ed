internal import Fabric

/// The code of one algorithm: a line of ``CollectiveCatalog``.
///
/// `docs/collectives.md` tells how to add one. Most are ``Schedule``s, which one runner carries out.
protocol CollectiveImplementation: Sendable {
    /// What carries out a call.
    associatedtype Execution: CollectiveExecution

    /// The second half of its dotted names.
    var name: StaticString { get }
    /// The number it takes beside the call, if it takes one.
    var parameter: AlgorithmParameter? { get }
    /// Whether it uses nothing but the team's board and mapped windows. Then it is only for teams whose windows are all mapped, and its
    /// operations go on beside those of other teams; else they use the events and slots of the workspace, one after the other.
    var usesOnlyBoard: Bool { get }
    /// Where ``CostModel`` tries it, lower numbers first: of those that cost about the same the first is taken.
    var preference: Int { get }

    /// Whether it knows how to do an operation, for any type, length and team.
    func carries(_ operation: CollectiveOperation) -> Bool

    /// The execution of a call whose algorithm it is; says nothing to others yet, and leaves its name in the workspace when it does.
    func begin(_ call: CollectiveCall, on collective: Collective) -> Execution

    /// Carries out a call from start to end.
    func run(_ call: CollectiveCall, on collective: Collective) throws(FabricError)

    /// What a call has to do, for ``CostModel``: `size` as ``CollectiveCall/sharedByteCount(_:)`` counts.
    func load(_ model: CostModel, _ operation: CollectiveOperation, _ size: Double, parameter: Double) -> Load
}

extension CollectiveImplementation {
    var parameter: AlgorithmParameter? { nil }
    var usesOnlyBoard: Bool { false }

    // Its type is known here, so nothing is boxed.
    func run(_ call: CollectiveCall, on collective: Collective) throws(FabricError) {
        var execution = begin(call, on: collective)
        try execution.run()
    }
}

/// A number that goes with the name of an algorithm.
struct AlgorithmParameter: Sendable {
    /// Taken where none is given.
    var standard: Double
    /// What is tried by ``CostModel``.
    var priced: Double
    var range: ClosedRange<Double>
    var isWhole: Bool

    func accepts(_ value: Double) -> Bool { range.contains(value) && (!isWhole || value == value.rounded()) }

    /// Members of a group.
    static let group = AlgorithmParameter(
        standard: Double(CollectiveAlgorithm.serverDieCount), priced: Double(CollectiveAlgorithm.serverDieCount),
        range: 1...65_536, isWhole: true)
}

/// One call at one member on its way: a state that is moved on until it is over.
protocol CollectiveExecution {
    /// Whether ``advance(waits:)`` can leave it where it would have to wait for another member. What publishes its table of lengths
    /// cannot be left: there is one for all calls of a die.
    var canBeLeft: Bool { get }

    /// From start to end, waiting where it must; not after ``advance(waits:)``.
    mutating func run() throws(FabricError)

    /// Goes on to the end or, unless it may wait, as far as others have come.
    ///
    /// - Returns: whether it is over.
    mutating func advance(waits: Bool) throws(FabricError) -> Bool
}
