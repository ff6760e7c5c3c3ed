public import SharedMemory

/// How often a die used the fabric, and how many bytes it moved.
///
/// Kept in the die's control block, so that other processes of the host can read them while it runs.
public struct OperationCounts: Sendable, Equatable {
    @usableFromInline static let byteIndex = 24
    static let slowWaitIndex = 25
    static let sleepIndex = 26
    /// The first of the words by tier.
    static let tierIndex = 27

    /// Calls by operation.
    public var calls: [FabricOperation: UInt64] = [:]
    /// Payload bytes put, got, stored and loaded.
    public var bytes: UInt64 = 0
    /// Of those the bytes over each tier, in the order of ``Tier``; nil where they were not told apart, as usual.
    public var bytesByTier: [UInt64]?
    /// Waits that had to give the processor away more than once.
    public var slowWaits: UInt64 = 0
    /// Times the die went to sleep in the kernel.
    public var sleeps: UInt64 = 0

    /// No operations.
    public init() {}

    /// Reads a die's counters as they stand.
    public init(_ control: ControlBlock) {
        for operation in FabricOperation.allCases {
            calls[operation] = control.counter(Int(operation.rawValue)).loadRelaxed()
        }
        bytes = control.counter(Self.byteIndex).loadRelaxed()
        if Endpoint.countsTiers {
            bytesByTier = Tier.allCases.map { control.counter(Self.tierIndex + Int($0.rawValue)).loadRelaxed() }
        }
        slowWaits = control.counter(Self.slowWaitIndex).loadRelaxed()
        sleeps = control.counter(Self.sleepIndex).loadRelaxed()
    }

    /// Adds another die's counts. Sums wrap: counts may come from another host, and nothing but a table is made of them.
    public mutating func add(_ other: OperationCounts) {
        for (operation, count) in other.calls { calls[operation, default: 0] &+= count }
        bytes &+= other.bytes
        if let more = other.bytesByTier {
            let sums = bytesByTier ?? more.map { _ in 0 }
            bytesByTier = zip(sums, more).map { $0 &+ $1 }
        }
        slowWaits &+= other.slowWaits
        sleeps &+= other.sleeps
    }
}
