public import Collectives
internal import Oracle

/// What the oracle says must come of a trial of a collective.
public enum CollectiveJudge {
    /// What each member must end with, as bytes; nil where it gets nothing.
    public static func expected(_ trial: CollectiveTrial) -> [[UInt8]?] {
        let inputs = (0..<trial.size).map(trial.input)
        switch trial.operation {
        case .barrier: return inputs.map { _ in nil }
        case .broadcast: return OracleCollectives.broadcast(inputs, root: trial.root)
        case .allGather, .allGatherV: return OracleCollectives.allGather(inputs)
        case .reduceScatter:
            return OracleCollectives.reduceScatter(inputs, type: trial.type, reduction: trial.reduction)
        case .allReduce: return OracleCollectives.allReduce(inputs, type: trial.type, reduction: trial.reduction)
        case .allToAll, .allToAllV:
            let counts = (0..<trial.size).map { from in
                (0..<trial.size).map { to in
                    trial.operation == .allToAllV ? trial.byteCount(from: from, to: to) : trial.blockByteCount
                }
            }
            return OracleCollectives.allToAll(inputs, byteCounts: counts)
        case .reduce:
            return OracleCollectives.reduce(
                inputs, root: trial.root, type: trial.type, reduction: trial.reduction)
        case .gather: return OracleCollectives.gather(inputs, root: trial.root)
        case .scatter: return OracleCollectives.scatter(inputs, root: trial.root)
        case .sendReceive: return OracleCollectives.sendReceive(inputs, shift: trial.shift)
        }
    }
}
