/// Every collective algorithm there is, by dotted name. Conformance tests, benchmarks, tuning and `softpod verify` read this list.
///
/// An entry is an operation and an algorithm that can carry it out.
public enum CollectiveCatalog {
    /// The code of each algorithm. A line here makes an algorithm known everywhere; its place is its code in flight records.
    static let implementations: [any CollectiveImplementation] = [
        Pairwise.push, Pairwise.pull, Pairwise.concurrent, WorkSharing(), Ring(), Groups.leaders, Groups.spread,
    ]

    /// One operation by one algorithm.
    public struct Entry: Sendable, CustomStringConvertible {
        /// The operation.
        public let operation: CollectiveOperation
        /// The algorithm, with the standard number where it takes one.
        public let algorithm: CollectiveAlgorithm

        /// The dotted name, such as `allgather.push`.
        public var name: String { "\(operation).\(algorithm.name)" }
        /// The dotted name.
        public var description: String { name }
    }

    /// The algorithms there are, `automatic` and `tuned` aside, with standard numbers.
    public static let algorithms: [CollectiveAlgorithm] = implementations.enumerated().map {
        CollectiveAlgorithm(place: $0, parameter: $1.parameter?.standard ?? 0)
    }

    /// Every operation by every algorithm that can carry it out.
    public static let all: [Entry] = CollectiveOperation.allCases.flatMap { operation in
        algorithms.filter { $0.carries(operation) }.map { Entry(operation: operation, algorithm: $0) }
    }

    static func place(of name: String) -> Int? { implementations.firstIndex { "\($0.name)" == name } }
}
