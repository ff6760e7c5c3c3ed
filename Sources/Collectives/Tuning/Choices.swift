/// What ``CostModel`` chooses for teams of one size, as rules by bytes, so that a call costs a look-up.
final class Choices {
    let model: CostModel
    /// By raw value of the operation, made when first asked for.
    private var lists: [[TuningTable.Rule]?]

    /// Whether a barrier is the team's own.
    let meetsAtBarrier: Bool

    init(_ model: CostModel) {
        self.model = model
        meetsAtBarrier = model.choice(.barrier, byteCount: 0) == .cooperative
        lists = Array(repeating: nil, count: 1 + Int(CollectiveOperation.allCases.map(\.rawValue).max() ?? 0))
    }

    /// The algorithm for a call; nil bytes where members share no size.
    ///
    /// - Complexity: the first time the model is asked some twenty times; then a look-up that allocates nothing.
    func algorithm(for operation: CollectiveOperation, byteCount: Int?) -> CollectiveAlgorithm {
        let raw = Int(operation.rawValue)
        if lists[raw] == nil { lists[raw] = model.rules(operation) }
        let byteCount = byteCount ?? .max
        guard let rules = lists[raw] else { return .pull }
        for index in rules.indices where byteCount <= rules[index].byteCount { return rules[index].algorithm }
        return .pull
    }
}

extension CostModel {
    /// What is chosen for an operation, by bytes; the last rule is for all that are left. Each size stands for those up to it from the one
    /// before.
    public func rules(_ operation: CollectiveOperation) -> [TuningTable.Rule] {
        let cores: TuningTable.Cores = sharesCores ? .shared : .own
        func rule(_ byteCount: Int, _ asked: Int?) -> TuningTable.Rule {
            TuningTable.Rule(
                operation, byteCount: byteCount, members: members, cores: cores, choice(operation, byteCount: asked))
        }
        if operation == .barrier { return [rule(.max, 0)] }
        if operation.sharesNoLength { return [rule(.max, nil)] }
        // What algorithms themselves change with, and powers of two.
        let limits = [
            64, 64 * members, PairwiseReduction.oneShotByteCount, Work.soloByteCount / members, Work.soloByteCount,
            Work.sharedByteCount(operation, members: members) / members,
            Work.sharedByteCount(operation, members: members),
        ]
        let sizes = Set(limits + (4...32).map { 1 << $0 }).sorted()
        var rules: [TuningTable.Rule] = []
        for size in sizes {
            let next = rule(size == sizes.last ? .max : size, size)
            if rules.last?.algorithm == next.algorithm { rules.removeLast() }
            rules.append(next)
        }
        return rules
    }

    /// All that is chosen, as a table.
    public var table: TuningTable { TuningTable(CollectiveOperation.allCases.flatMap(rules)) }
}
