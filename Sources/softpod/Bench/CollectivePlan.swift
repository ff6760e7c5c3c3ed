internal import Collectives
internal import Fabric
internal import Tensors

/// What a run of `softpod bench collectives` measures, as all dies are told it.
struct CollectivePlan: Codable, Sendable {
    /// One operation at one size by several algorithms, whose batches take turns, so that a drift of the machine meets
    /// all of them.
    struct Group: Codable, Sendable {
        var operation: String
        var byteCount: Int
        /// As ``CollectiveAlgorithm/text`` has them.
        var algorithms: [String]
    }

    var groups: [Group]
    /// Calls of a batch at most, calls before the first batch, and batches.
    var iterations: Int
    var warmUp: Int
    var repetitions: Int
    /// Seconds after which a row makes do with fewer calls a batch.
    var rowSeconds: Double
    var checks: Bool
    var type: String
    var reduction: String
    var isInPlace: Bool
    /// Lanes of each die.
    var lanes: Int
    var team: BenchTeam
    var seed: UInt64
    var tuning: String?
    /// Whether automatic is the algorithm that it chooses, which is named.
    var showsChoice = false

    /// Bytes of slots for pushed reductions; see ``CollectiveWorkspace``.
    static let workspaceByteCount = 1 << 20
    /// A limit over more bytes than this is no other than over this many: no cache holds them.
    static let footprintLimit = 256 << 20

    /// The trial of a group for teams of a size.
    func trial(_ group: Group, members: Int) throws -> CollectiveTrial {
        guard let operation = CollectiveOperation(name: group.operation), let type = ElementType(name: type),
            let reduction = Reduction(name: reduction)
        else { throw UsageError("this build does not know \(group.operation), \(type) or \(reduction)") }
        let count = OperationCost.count(
            operation, byteCount: group.byteCount, members: members, elementByteCount: type.byteCount)
        var trial = CollectiveTrial(
            operation, size: members, count: count, type: type, reduction: reduction, seed: seed,
            isInPlace: isInPlace)
        trial.hasSpecials = false
        return trial
    }

    /// Bytes of every die's window for sources, destinations and limits.
    func areaByteCount(dies: Int) throws -> Int {
        let teams = team.shapes(dies: dies, seed: seed)
        var largest = LimitBench.windowByteCount
        for group in groups {
            let trial = try trial(group, members: teams[0].size)
            let footprint = min(OperationCost(trial).footprint * teams.count, Self.footprintLimit)
            largest = max(largest, trial.areaByteCount, 2 * footprint / dies + LimitBench.windowByteCount)
        }
        return largest
    }

    /// Bytes of every window in all.
    func windowByteCount(dies: Int) throws -> Int {
        try Endpoint.reservedByteCount(dies: dies) + areaByteCount(dies: dies) + LimitBench.windowByteCount
            + CollectiveWorkspace.reservedByteCount(ranks: dies, byteCount: Self.workspaceByteCount) + (1 << 16)
    }
}

/// What the dies tell the command on the way.
struct CollectiveEvent: Codable, Sendable {
    var limits: [CollectiveLimit] = []
    var figures: [CollectiveFigure] = []
}

/// One limit of the machine, measured in the same run.
struct CollectiveLimit: Codable, Sendable {
    var name: String
    /// Bytes of the working set; absent for flags and barriers.
    var byteCount: Int?
    /// Processes (or dies of one process) that worked at once.
    var movers: Int
    /// Nanoseconds, or bytes a nanosecond.
    var nanoseconds: Double?
    var gigabytesPerSecond: Double?
}

/// One row.
struct CollectiveFigure: Codable, Sendable {
    var operation: String
    var algorithm: String
    var fraction: Double?
    /// What `automatic` stands for in this row.
    var choice: String?
    /// Members of a team, and teams at once.
    var members: Int
    var teams: Int
    var byteCount: Int
    var movedByteCount: Int
    /// Elements of a block.
    var count: Int
    var root: Int?
    /// Nanoseconds a call: of each batch the slowest member's.
    var median: Double
    var p10: Double
    var p90: Double
    var iterations: Int
    var repetitions: Int
    /// Nanoseconds a call must take at least; nil where the limits could not be measured.
    var floor: Double?
    var limits: MeasuredLimits
    /// Elements that differ from what must come out, at all members; nil when not checked.
    var wrong: Int?
}
