/// Named points of the program that a die passes: where a fault may wait for it. A new point is a line here and a call of
/// `Endpoint.pass` where it lies.
public enum FaultPoint: String, Sendable, CaseIterable, Codable {
    case dispatchEntry = "dispatch.entry"
    case dispatchRow = "dispatch.row"
    case dispatchCounts = "dispatch.counts"
    case dispatchFlag = "dispatch.flag"
    case dispatchWait = "dispatch.wait"
    case dispatchRead = "dispatch.read"
    case combineEntry = "combine.entry"
    case combineRow = "combine.row"
    case combineFlag = "combine.flag"
    case combineWait = "combine.wait"
    case combineRead = "combine.read"
    case decodePut = "decode.put"
    case decodeBarrier = "decode.barrier"
    case decodeMerge = "decode.merge"
    case decodeRead = "decode.read"
    case collectiveEntry = "collective.entry"
    case agreeEntry = "agree.entry"
    case agreePost = "agree.post"
    case agreeDecide = "agree.decide"
    case agreeReturn = "agree.return"
    case shrinkEntry = "shrink.entry"
    case shrinkClear = "shrink.clear"
    case shrinkBuild = "shrink.build"

    /// Where it lies, for people.
    public var summary: String {
        switch self {
        case .dispatchEntry: "a dispatch begins; nothing is sent"
        case .dispatchRow: "before each row of a dispatch is put"
        case .dispatchCounts: "the rows for a member are put, their counts are not"
        case .dispatchFlag: "rows and counts for a member are put, the flag is not"
        case .dispatchWait: "all flags of a dispatch are sent; before the others' are waited for"
        case .dispatchRead: "all flags are seen; before the slots are read"
        case .combineEntry: "a combine begins; nothing is sent"
        case .combineRow: "before each row of a combine is sent back"
        case .combineFlag: "the rows for a member are sent back, the flag is not"
        case .combineWait: "all flags of a combine are sent; before the others' are waited for"
        case .combineRead: "all rows are back; before they are summed"
        case .decodePut: "before a partial state of a KV shard is put"
        case .decodeBarrier: "the partial states of a step are put; before the barrier"
        case .decodeMerge: "the barrier is passed; before the states are merged"
        case .decodeRead: "the merged rows are put; before the barrier that ends the step"
        case .collectiveEntry: "a collective begins"
        case .agreeEntry: "an agreement begins; nothing is said"
        case .agreePost: "what the rank has to say to an agreement is said"
        case .agreeDecide: "all have said what they have to say; before one of them decides"
        case .agreeReturn: "an agreement is decided; before the rank returns from it"
        case .shrinkEntry: "survivors begin to make their team"
        case .shrinkClear: "all have left the old epoch; before the rank clears its words of it"
        case .shrinkBuild: "all have cleared; before the rank makes the team of the new epoch"
        }
    }

    /// Whether only ranks that go on without a lost one come by it.
    public var isOfSurvivors: Bool { rawValue.hasPrefix("agree.") || rawValue.hasPrefix("shrink.") }
}

/// Operations on windows that a fault may count, by their names in reports.
public enum FaultAccess: String, Sendable, CaseIterable, Codable {
    case put, get, store, load, signal, putSignal, atomic, word
}

/// How far a peer's window is, as a fault may ask.
public enum FaultTier: String, Sendable, CaseIterable, Codable {
    case die, npu, server, supernode, host
}

/// Words and bytes that a fault may overwrite, by name.
public enum FaultPlace: String, Sendable, CaseIterable, Codable {
    case epoch, state, process, wait, phase, doorbell
    case teamGate = "team.gate"
    case teamArrivals = "team.arrivals"
    case teamRelease = "team.release"
    case teamClaims = "team.claims"
    case teamCompleted = "team.completed"
    case flag, count, header, payload

    /// What it is, for people.
    public var summary: String {
        switch self {
        case .epoch: "the epoch of the host, in the cluster block"
        case .state: "the state of the rank, in its control block"
        case .process: "the process id of the rank, in its control block"
        case .wait: "the operation of the rank's wait record, in its control block"
        case .phase: "the length of the rank's phase text, in its control block"
        case .doorbell: "the rank's doorbell, in its control block"
        case .teamGate: "the gate of the world's meetings, in the window of the world's first rank of the host"
        case .teamArrivals: "the arrivals of the world's meetings, there"
        case .teamRelease: "the release of the world, in the rank's window"
        case .teamClaims: "the pieces of work taken, in the window of the world's first rank of the host"
        case .teamCompleted: "the pieces of work finished, there"
        case .flag: "the flag that the rank is about to signal at a peer; the store comes 20 ms before the signal"
        case .count: "the last word put before a flag: the counts of a dispatch"
        case .header: "the first bytes of a row that was put before a flag: its descriptor"
        case .payload: "the bytes of a row behind its first 16, or of a block, that was put before a flag or a barrier"
        }
    }

    /// The only points at which it is what its name says; nil for any.
    public var points: [FaultPoint]? {
        switch self {
        case .count: [.dispatchFlag]
        case .header: [.dispatchCounts, .dispatchFlag]
        default: nil
        }
    }

    /// Whether it lies where the rank's own accesses last went, so that only an access or a point can trigger it.
    public var followsAccess: Bool {
        switch self {
        case .flag, .count, .header, .payload: true
        default: false
        }
    }
}

/// What a fault stores into a word of 64 bits.
public enum FaultValue: Sendable, Codable, Equatable {
    case zero, one, ones, more, less
    /// The bit is inverted.
    case bit(Int)

    /// The names in plans.
    public static let names = ["zero", "one", "ones", "more", "less", "bit"]

    /// The word that is stored over `old`.
    public func applied(to old: UInt64) -> UInt64 {
        switch self {
        case .zero: 0
        case .one: 1
        case .ones: .max
        case .more: old &+ 1
        case .less: old &- 1
        case .bit(let number): old ^ 1 << UInt64(number & 63)
        }
    }

    /// As the timeline says it.
    public var description: String {
        switch self {
        case .zero: "zero"
        case .one: "one"
        case .ones: "all ones"
        case .more: "one more"
        case .less: "one less"
        case .bit(let number): "bit \(number) inverted"
        }
    }
}
