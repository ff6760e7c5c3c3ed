internal import Hashing

/// Which algorithm carries out a call that does not name one: a list of rules, of which the first that fits decides. Where none fits,
/// ``CostModel`` does.
///
/// A pure function of what all members share: the operation, the size of the call as
/// ``CollectiveCall/sharedByteCount(_:)`` counts it, the size of the team, and whether the cluster's dies outnumber the
/// cores. All ranks must have the same table; ``CollectiveWorkspace/init(_:byteCount:tuning:rates:)`` checks that.
///
/// - Complexity: a look-up reads the rules of one operation in order and allocates nothing.
public struct TuningTable: Sendable, Equatable {
    /// Whether dies have a core each.
    public enum Cores: String, Sendable, CaseIterable {
        /// They do, so that waits may spin.
        case own
        /// They do not.
        case shared
        /// Either.
        case any

        func fits(sharesCores: Bool) -> Bool { self == .any || (self == .shared) == sharesCores }
    }

    /// One line of the table.
    public struct Rule: Sendable, Equatable {
        /// For this operation.
        public var operation: CollectiveOperation
        /// Calls up to this size; `Int.max` is any, and the only limit where members do not share a size (all-to-all-v,
        /// send/receive).
        public var byteCount: Int
        /// Teams up to this size; `Int.max` is any.
        public var members: Int
        /// Where dies have a core each, where they share, or both.
        public var cores: Cores
        /// What to use.
        public var algorithm: CollectiveAlgorithm

        /// A rule.
        public init(
            _ operation: CollectiveOperation, byteCount: Int = .max, members: Int = .max, cores: Cores = .any,
            _ algorithm: CollectiveAlgorithm
        ) {
            self.operation = operation
            self.byteCount = byteCount
            self.members = members
            self.cores = cores
            self.algorithm = algorithm
        }
    }

    /// The rules: by operation, and for each in the order in which they are tried.
    public var rules: [Rule] { lists.flatMap { $0 } }
    /// By raw value of the operation.
    private let lists: [[Rule]]

    /// A table of rules in any order of operations; the order within an operation is kept.
    ///
    /// The algorithm of each rule can carry out its operation: a programmer error otherwise (files are checked when
    /// read).
    public init(_ rules: [Rule]) {
        precondition(rules.allSatisfy { $0.misfit == nil }, "a rule's algorithm carries out its operation")
        let last = CollectiveOperation.allCases.map(\.rawValue).max() ?? 0
        lists = (0...last).map { raw in rules.filter { $0.operation.rawValue == raw } }
    }

    /// The algorithm for a call.
    ///
    /// - Parameters:
    ///   - byteCount: the size all members share; nil where there is none, and then only rules for any size fit.
    ///   - members: size of the team.
    ///   - sharesCores: whether the cluster's dies outnumber the cores.
    /// - Returns: nil where no rule fits.
    public func algorithm(
        for operation: CollectiveOperation, byteCount: Int?, members: Int, sharesCores: Bool
    ) -> CollectiveAlgorithm? {
        let byteCount = byteCount ?? Int.max
        for rule in lists[Int(operation.rawValue)]
        where byteCount <= rule.byteCount && members <= rule.members && rule.cores.fits(sharesCores: sharesCores) {
            return rule.algorithm
        }
        return nil
    }

    /// A number that tells tables apart; ranks compare it before the first collective.
    public var digest: UInt64 {
        var digest = FNV1a()
        for rule in rules {
            digest.add(whole: Int(rule.operation.rawValue))
            digest.add(whole: rule.byteCount)
            digest.add(whole: rule.members)
            digest.add(whole: rule.cores == .own ? 1 : rule.cores == .shared ? 2 : 3)
            digest.add(whole: rule.algorithm.digest)
        }
        return digest.value
    }
}

extension TuningTable.Rule {
    /// What is wrong with the rule by itself, if anything.
    var misfit: String? {
        if algorithm == .automatic { return "automatic is what the table is asked by; name an algorithm" }
        if !algorithm.carries(operation) { return "\(algorithm.name) cannot carry out \(operation)" }
        if byteCount != .max, operation.sharesNoLength {
            return "members of \(operation) do not share a size, so bytes must be any"
        }
        if byteCount < 0 || members < 1 { return "limits are not negative, and a team has members" }
        return nil
    }
}
