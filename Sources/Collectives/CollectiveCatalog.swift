/// Every collective algorithm there is, by dotted name. Conformance tests, benchmarks and `softpod verify` read this list.
///
/// Push, pull and concurrent are one algorithm an operation with another fraction of each block pushed, so an entry is an operation
/// and a form; the file of an operation is `Operations/<Operation>.swift`.
public enum CollectiveCatalog {
    /// One operation in one form.
    public struct Entry: Sendable, CustomStringConvertible {
        /// The operation.
        public let operation: CollectiveOperation
        /// The form: `push`, `pull` or `concurrent`, with ``CollectiveForm/balancedFraction``.
        public let form: CollectiveForm
        /// What it is, in one line.
        public let summary: String

        /// The dotted name, such as `allgather.push`.
        public var name: String { "\(operation).\(form.name)" }
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

    /// The three forms of every operation.
    public static let all: [Entry] = summaries.flatMap { (operation, summary) in
        [CollectiveForm.push, .pull, .concurrent(fraction: CollectiveForm.balancedFraction)].map {
            Entry(operation: operation, form: $0, summary: summary)
        }
    }

    /// The entry with this dotted name, if there is one.
    public static func entry(named name: String) -> Entry? { all.first { $0.name == name } }
}
