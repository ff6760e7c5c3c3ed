public import Fabric
internal import Fuzzing
internal import SharedMemory

/// How ranks of a simulated cluster reach each other, and so which of the fabric's protocols they speak.
public enum Road: String, Sendable, CaseIterable {
    /// All windows mapped, cores shared: members meet on the leader's board.
    case board
    /// All windows mapped, a core each: members of small teams meet by flags.
    case flags
    /// No window mapped but the own: puts, signals and atomics are messages.
    case network
    /// Two hosts with the switches and links of real ones: messages are lost, repeated, overtaken and damaged.
    case links

    /// How its ranks wait before they ask the scheduler; teams take the number of turns for whether ranks have a core each.
    var policy: WaitPolicy { WaitPolicy(spinCount: self == .flags ? 100 : 0, yieldNanoseconds: 0) }
}

/// A piece of protocol that a simulation runs and judges.
public struct Scenario: Sendable {
    /// What one rank does. Returns what is wrong with its result, if something is.
    public typealias Body = @Sendable (_ world: Team) throws -> String?

    /// The dotted name, the road at its end.
    public let name: String
    /// How the ranks reach each other.
    public let road: Road
    /// How many ranks it can have.
    public let ranks: ClosedRange<Int>
    /// Bytes of heap that each window needs.
    let heapByteCount: @Sendable (_ ranks: Int) -> Int
    /// Makes what the ranks do, and what must come of it, from made-up data.
    let prepare: @Sendable (_ ranks: Int, _ seed: UInt64) -> Body

    /// A scenario, in the catalog or a test's own.
    ///
    /// - Parameter prepare: makes what each rank does, and what must come of it, for so many ranks from a seed of data.
    package init(
        _ name: String, _ road: Road, ranks: ClosedRange<Int> = 2...4,
        heapByteCount: @escaping @Sendable (_ ranks: Int) -> Int,
        prepare: @escaping @Sendable (_ ranks: Int, _ seed: UInt64) -> Body
    ) {
        self.name = "\(name).\(road.rawValue)"
        self.road = road
        self.ranks = ranks
        self.heapByteCount = heapByteCount
        self.prepare = prepare
    }

    /// Bytes of the windows of a cluster that runs it.
    func windowByteCount(_ ranks: Int) -> Int {
        Endpoint.reservedByteCount(dies: ranks) + heapByteCount(ranks) + (16 << 10)
    }
}

/// Every scenario there is: a simulation draws from this list.
public enum ScenarioCatalog {
    /// In the order in which schedules are dealt out.
    public static let all: [Scenario] =
        Road.allCases.flatMap { road in
            TeamScenarios.on(road) + NotificationScenarios.on(road) + ChannelScenarios.on(road)
                + ExpertScenarios.on(road) + CollectiveScenarios.on(road)
        }
}
