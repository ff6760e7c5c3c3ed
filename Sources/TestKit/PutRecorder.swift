public import Fabric
public import Faults
internal import SharedMemory

/// Notes what a die puts, and lets a test change a bit of it where it lies when the die passes a named point: between a put and the flag that tells
/// of it, and so at one moment in every run.
public final class PutRecorder: AccessObserver {
    /// Puts and stores in windows of this host since ``clear()``, in order.
    public private(set) var puts: [FabricAccess] = []
    private let endpoint: Endpoint
    /// What is done at a point, toward a rank where the point is about one.
    public var onPass: (FaultPoint, Rank?) -> Void = { _, _ in }

    /// For the endpoint of the thread that makes it.
    public init(_ endpoint: Endpoint) { self.endpoint = endpoint }

    /// Notes a put or a store.
    public func willAccess(_ access: FabricAccess) {
        if access.operation == .put || access.operation == .store { puts.append(access) }
    }

    /// Does what the test wants done at the point.
    public func willPass(_ point: FaultPoint, toward peer: Rank?) { onPass(point, peer) }

    /// Forgets what was noted.
    public func clear() { puts = [] }

    /// Inverts a bit of a rank's window.
    public func flip(bit: Int, at offset: Int, of peer: Rank) {
        let byte = offset + bit / 8
        let word = endpoint.segment.word(at: endpoint.segment.windowOffset(of: peer.index) + byte & ~7)
        word.storeSequentially(word.loadRelaxed() ^ 1 << UInt64(8 * (byte & 7) + bit % 8))
    }

    /// Stores a word of a rank's window, past every check.
    public func store(_ value: UInt64, at offset: Int, of peer: Rank) {
        endpoint.segment.word(at: endpoint.segment.windowOffset(of: peer.index) + offset & ~7).storeSequentially(value)
    }
}
