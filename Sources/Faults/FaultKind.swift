/// What a fault does: the few things that agents and ranks know how to do. Kinds are made of these.
public enum FaultAction: Sendable, Codable, Equatable {
    /// The agent kills the rank's process.
    case kill
    /// The agent stops it, and lets it go on after so many nanoseconds; nil for never.
    case stop(nanoseconds: UInt64?)
    /// The agent gives it a share of the time, in per cent, for so long.
    case slow(percent: Int, nanoseconds: UInt64)
    /// The rank stores a value over a word.
    case store(FaultPlace, FaultValue)
    /// The rank's host damages what it sends to other hosts: per cent of its messages, or for a cut how many still arrive. The seed
    /// decides which; it is drawn with the plan.
    case wire(FaultWire, amount: Int, seed: UInt64)
    /// The rank says nothing of how it ended: neither its result nor its failure.
    case mute
    /// The rank computes for itself from there on, and never comes back.
    case hang

    /// Whether the rank's process is not itself afterwards, so that nothing is asked of it.
    public var disables: Bool {
        switch self {
        case .kill, .stop(nil), .mute, .hang: true
        default: false
        }
    }
}

/// Damage to the messages of a link.
public enum FaultWire: String, Sendable, CaseIterable, Codable {
    case lose, duplicate, reorder, corrupt, cut
}

/// What a plan may say of a fault besides its kind, rank and time.
public enum FaultKey: String, Sendable, CaseIterable {
    case duration = "for"
    case share, word, value, bit, messages
}

/// The values of those keys.
public struct FaultArguments: Sendable {
    /// `for`, in nanoseconds.
    public var nanoseconds: UInt64?
    /// `share`, in per cent.
    public var percent: Int?
    /// `word`.
    public var place: FaultPlace?
    /// `value`, with `bit` where it is one.
    public var value: FaultValue?
    /// `messages`.
    public var messages: Int?

    /// The values.
    public init(nanoseconds: UInt64? = nil, percent: Int? = nil, place: FaultPlace? = nil, value: FaultValue? = nil) {
        self.nanoseconds = nanoseconds
        self.percent = percent
        self.place = place
        self.value = value
    }
}

/// A kind of fault: its name in plans, what a plan must and may say of it, and what it does.
public struct FaultKind: Sendable {
    /// When a fault of a kind may come.
    public enum Time: Sendable {
        /// At any trigger.
        case any
        /// At a named point only.
        case point
        /// At a point, an access or a phase: something that the rank itself does.
        case deed
        /// It needs none.
        case none
    }

    /// Its name in plans.
    public let name: String
    /// What it does, for people.
    public let summary: String
    /// Keys a plan must give.
    public let needs: Set<FaultKey>
    /// Keys a plan may give besides.
    public let takes: Set<FaultKey>
    /// When it may come.
    public let time: Time
    /// What it does with what the plan says.
    public let action: @Sendable (FaultArguments) -> FaultAction

    init(
        _ name: String, _ summary: String, needs: Set<FaultKey> = [], takes: Set<FaultKey> = [], time: Time = .any,
        _ action: @escaping @Sendable (FaultArguments) -> FaultAction
    ) {
        self.name = name
        self.summary = summary
        self.needs = needs
        self.takes = takes
        self.time = time
        self.action = action
    }
}

/// Every kind of fault. One line registers a kind: plans, drawing, `softpod info --faults` and tests take it from here.
public enum FaultCatalog {
    /// All kinds.
    public static let all: [FaultKind] = [
        FaultKind("kill", "the agent kills the rank's process (SIGKILL)") { _ in .kill },
        FaultKind("crash", "the same at a named point", time: .point) { _ in .kill },
        FaultKind("stop", "the agent stops the process for good (SIGSTOP)") { _ in .stop(nanoseconds: nil) },
        FaultKind("pause", "the agent stops it and lets it go on (SIGCONT)", needs: [.duration]) {
            .stop(nanoseconds: $0.nanoseconds ?? 0)
        },
        FaultKind("slow", "the agent gives it a share of the time, in turns of 20 ms", needs: [.share, .duration]) {
            .slow(percent: $0.percent ?? 50, nanoseconds: $0.nanoseconds ?? 0)
        },
        FaultKind("store", "the rank overwrites a named word", needs: [.word, .value], takes: [.bit], time: .deed) {
            .store($0.place ?? .epoch, $0.value ?? .zero)
        },
        FaultKind("flip", "the rank inverts a bit of a row it has put", takes: [.bit], time: .deed) {
            .store(.payload, $0.value ?? .bit(0))
        },
        FaultKind("lose", "the rank's host loses a share of its messages to other hosts", needs: [.share], time: .none)
        {
            .wire(.lose, amount: $0.percent ?? 1, seed: 0)
        },
        FaultKind("duplicate", "it sends a share of them twice", needs: [.share], time: .none) {
            .wire(.duplicate, amount: $0.percent ?? 1, seed: 0)
        },
        FaultKind("reorder", "it lets others overtake a share of them", needs: [.share], time: .none) {
            .wire(.reorder, amount: $0.percent ?? 1, seed: 0)
        },
        FaultKind("corrupt", "it inverts a bit of a share of them", needs: [.share], time: .none) {
            .wire(.corrupt, amount: $0.percent ?? 1, seed: 0)
        },
        FaultKind("cut", "it sends nothing more after so many", needs: [.messages], time: .none) {
            .wire(.cut, amount: $0.messages ?? 0, seed: 0)
        },
        FaultKind("mute", "the rank ends and reports nothing", time: .none) { _ in .mute },
        FaultKind("hang", "the rank computes for itself and never comes back", time: .deed) { _ in .hang },
    ]

    /// The kind of a name.
    public static func kind(_ name: String) -> FaultKind? { all.first { $0.name == name } }
}
