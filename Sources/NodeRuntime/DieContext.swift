public import Fabric

/// What a workload has of the process it runs in: the die's endpoint, a voice, and a flag.
public final class DieContext {
    /// The die's rank in the cluster.
    public let rank: Rank
    /// The die's door to the fabric.
    public let endpoint: Endpoint
    private let speak: @Sendable ([UInt8]) -> Void

    /// A context whose events go to `speak`; tests give their own.
    public init(endpoint: Endpoint, speak: @escaping @Sendable ([UInt8]) -> Void = { _ in }) {
        self.endpoint = endpoint
        rank = endpoint.rank
        self.speak = speak
    }

    /// Says what the die does now; reports about its death quote this. At most 56 bytes.
    public func setPhase(_ phase: String) { endpoint.phase = phase }

    /// Tells the command line something on the way. Order is kept; nothing waits.
    public func report(_ event: [UInt8]) { speak(event) }
}
