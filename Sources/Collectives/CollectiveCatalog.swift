/// Every collective algorithm there is, by dotted name. Conformance tests, benchmarks and `softpod verify` read this list.
///
/// An entry is an operation and an algorithm that can carry it out; the file of an operation is `Operations/<Operation>.swift`.
public enum CollectiveCatalog {
    /// One operation by one algorithm.
    public struct Entry: Sendable, CustomStringConvertible {
        /// The operation.
        public let operation: CollectiveOperation
        /// The algorithm; `concurrent` with ``CollectiveForm/balancedFraction``.
        public let algorithm: CollectiveAlgorithm
        /// What it is, in one line.
        public let summary: String

        /// The dotted name, such as `allgather.push`.
        public var name: String { "\(operation).\(algorithm.name)" }
        /// The dotted name.
        public var description: String { name }
    }

    private static let summaries: [(CollectiveOperation, String)] = [
        (.barrier, "everybody has come this far"),
        (.broadcast, "the root's block to everybody"),
        (.allGather, "everybody's block to everybody"),
        (.allGatherV, "everybody's block to everybody, lengths differ"),
        (.reduceScatter, "blocks reduced, one to each member"),
        (.allReduce, "everything reduced, to everybody"),
        (.allToAll, "a block from each to each"),
        (.allToAllV, "a block from each to each, lengths differ"),
        (.reduce, "everything reduced, to the root"),
        (.gather, "everybody's block to the root"),
        (.scatter, "the root's blocks, one to each member"),
        (.sendReceive, "a block to one member, one from another"),
    ]

    /// The algorithms there are, `automatic` aside.
    public static let algorithms: [CollectiveAlgorithm] = [
        .push, .pull, .concurrent(fraction: CollectiveForm.balancedFraction), .cooperative,
        .ring, .twoLevel(group: CollectiveAlgorithm.serverDieCount),
        .trampoline(group: CollectiveAlgorithm.serverDieCount),
    ]

    /// Every operation by every algorithm that can carry it out.
    public static let all: [Entry] = summaries.flatMap { (operation, summary) in
        algorithms.filter { $0.carries(operation) }.map {
            Entry(operation: operation, algorithm: $0, summary: summary)
        }
    }

    /// The entry with this dotted name, if there is one.
    public static func entry(named name: String) -> Entry? { all.first { $0.name == name } }
}
