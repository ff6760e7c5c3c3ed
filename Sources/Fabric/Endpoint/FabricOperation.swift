/// The operations of the fabric, as counted, reported, and written into wait records.
///
/// The raw value indexes the counters of the control block: changing one is a layout version bump.
public enum FabricOperation: UInt64, Sendable, CaseIterable, CustomStringConvertible {
    case put = 1
    case get
    case store
    case load
    case signal
    case putSignal
    case wait
    case atomic
    case fence
    case quiet
    case barrier
    case split
    case allocate
    case collective
    case dispatch
    case combine
    /// A word of a barrier or a meeting, loaded or stored in place.
    case word

    /// Whether its bytes are payload, and not a word of synchronisation.
    @inlinable
    public var movesPayload: Bool {
        switch self {
        case .put, .get, .store, .load, .putSignal: true
        default: false
        }
    }

    /// The name in reports.
    public var description: String {
        switch self {
        case .put: "put"
        case .get: "get"
        case .store: "store"
        case .load: "load"
        case .signal: "signal"
        case .putSignal: "putSignal"
        case .wait: "wait"
        case .atomic: "atomic"
        case .fence: "fence"
        case .quiet: "quiet"
        case .barrier: "barrier"
        case .split: "team split"
        case .allocate: "symmetric allocate"
        case .collective: "collective"
        case .dispatch: "dispatch"
        case .combine: "combine"
        case .word: "word"
        }
    }
}
