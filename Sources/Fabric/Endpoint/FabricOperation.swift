/// The operations of the fabric, as counted, reported, and written into wait records.
///
/// Reports name an operation as it is written here. The raw value indexes the counters of the control block: changing one is a layout version bump.
public enum FabricOperation: UInt64, Sendable, CaseIterable {
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
    /// What survivors of a change of the membership agree on.
    case agree

    /// Whether its bytes are payload, and not a word of synchronisation.
    @inlinable
    public var movesPayload: Bool {
        switch self {
        case .put, .get, .store, .load, .putSignal: true
        default: false
        }
    }
}
