public import Fabric

/// What a workload has of the process it runs in: the die's endpoint, a voice, and a flag.
public final class DieContext {
    /// The die's rank in the cluster.
    public let rank: Rank
    /// The die's door to the fabric, in the epoch it began in. A team that was shrunk has its own.
    public let endpoint: Endpoint
    private let speak: @Sendable ([UInt8]) -> Void
    private let tell: @Sendable (RunNote) -> Void

    /// A context whose events go to `speak` and whose notes go to `tell`; tests give their own.
    public init(
        endpoint: Endpoint, speak: @escaping @Sendable ([UInt8]) -> Void = { _ in },
        tell: @escaping @Sendable (RunNote) -> Void = { _ in }
    ) {
        self.endpoint = endpoint
        rank = endpoint.rank
        self.speak = speak
        self.tell = tell
    }

    /// Says what the die does now; reports about its death quote this. At most 56 bytes.
    public func setPhase(_ phase: String) { endpoint.phase = phase }

    /// Tells the command line something on the way. Order is kept; nothing waits.
    public func report(_ event: [UInt8]) { speak(event) }

    /// Adds a line to the run's timeline, if there is one: at a moment of the monotonic clock.
    public func note(_ kind: RunNote.Kind, at nanoseconds: UInt64, _ text: String) {
        tell(RunNote(kind, at: nanoseconds, text: text))
    }
}
