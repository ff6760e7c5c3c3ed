/// How bytes reach another die: what every algorithm stands on.
///
/// A transport moves bytes and words between windows. It knows ranks and offsets, never meanings, teams or algorithms.
/// Offsets are bytes from the start of the peer's window; the endpoint has checked them. Waiting is not the transport's
/// business: a die waits on words of its own window, and the rank that changes such a word wakes it.
///
/// ## Order
/// Puts and stores of any form to one peer become visible before a later `signal` or atomic to that peer (the fabric calls
/// `fence` only where users ask for order between puts). `get` and `load` return with the data. `quiet` returns when
/// everything issued by this die is visible to all ranks, and what it asked for has landed.
///
/// To add one: a file in `Transports/` and a line in ``TransportCatalog``; the conformance suite finds it there.
public protocol Transport: AnyObject {
    /// The dotted name, such as `transport.shm`.
    static var name: String { get }

    /// Copies bytes into a peer's window. The source may be reused on return.
    func put(_ source: RawSpan, to peer: Rank, at offset: Int) throws(FabricError)

    /// Copies bytes of the die's own window into a peer's without waiting for the far side, at the latest by the next `quiet`. The source
    /// stays as it is until `completeLocally`, `quiet`, or a proof by the peer.
    func putNonBlocking(_ source: RawSpan, to peer: Rank, at offset: Int) throws(FabricError)

    /// Copies bytes out of a peer's window; they are there on return.
    func get(from peer: Rank, at offset: Int, into destination: inout MutableRawSpan) throws(FabricError)

    /// Copies bytes out of a peer's window into the die's own, to be there by the next `completeLocally` or `quiet`.
    func getNonBlocking(
        from peer: Rank, at offset: Int, into destination: inout MutableRawSpan
    ) throws(FabricError)

    /// Copies `count` elements of `elementByteCount` bytes; strides are in bytes between element starts.
    func putStrided(_ source: RawSpan, _ shape: StridedShape, to peer: Rank, at offset: Int) throws(FabricError)

    /// The reverse of `putStrided`: `shape.sourceStride` is the stride in the peer's window.
    func getStrided(
        from peer: Rank, at offset: Int, _ shape: StridedShape, into destination: inout MutableRawSpan
    ) throws(FabricError)

    /// Changes an aligned 64-bit word atomically, wakes its waiter, and returns the old value.
    func atomic64(
        _ operation: AtomicOperation, _ operand: UInt64, comparand: UInt64, at peer: Rank, _ offset: Int
    ) throws(FabricError) -> UInt64

    /// Changes an aligned 64-bit word atomically and wakes its waiter, without waiting for its old value.
    ///
    /// - Parameter result: where in the die's own window the old value goes, aligned; nil if it is not wanted.
    /// - Returns: the old value where it is known already, and then the caller stores it; nil if it lands at `result` by the next
    ///   `completeLocally` or `quiet`.
    func atomic64NonBlocking(
        _ operation: AtomicOperation, _ operand: UInt64, comparand: UInt64, at peer: Rank, _ offset: Int,
        into result: Int?
    ) throws(FabricError) -> UInt64?

    /// Changes an aligned 32-bit word atomically and returns the old value. No rank can wait on 32 bits.
    func atomic32(
        _ operation: AtomicOperation, _ operand: UInt32, comparand: UInt32, at peer: Rank, _ offset: Int
    ) throws(FabricError) -> UInt32

    /// Releases everything put before to the same peer, then sets or adds to the word, then wakes its waiter.
    func signal(_ operation: SignalOperation, _ value: UInt64, at peer: Rank, _ offset: Int) throws(FabricError)

    /// The rank that a rank of another host waits for at this moment, if it waits for one.
    func rankAwaited(by rank: Rank) throws(FabricError) -> Rank?

    /// Orders earlier puts, signals and atomics before later ones, for each peer.
    func fence() throws(FabricError)

    /// Returns when sources of earlier puts may be written again, and what earlier gets and atomics asked for is there.
    func completeLocally() throws(FabricError)

    /// Returns when all earlier operations of this die are visible to all ranks, and what they asked for is there.
    func quiet() throws(FabricError)
}

/// Regular elements with gaps on either side.
public struct StridedShape: Sendable, Equatable {
    /// Elements to copy.
    public var count: Int
    /// Bytes of each element.
    public var elementByteCount: Int
    /// Bytes between the starts of neighbours at the source.
    public var sourceStride: Int
    /// Bytes between the starts of neighbours at the destination.
    public var destinationStride: Int

    /// A shape of non-negative numbers whose strides are at least an element long.
    public init(count: Int, elementByteCount: Int, sourceStride: Int, destinationStride: Int) {
        precondition(count >= 0 && elementByteCount > 0, "a strided copy has elements of at least one byte")
        precondition(
            sourceStride >= elementByteCount && destinationStride >= elementByteCount,
            "a stride is at least one element, else elements overlap")
        self.count = count
        self.elementByteCount = elementByteCount
        self.sourceStride = sourceStride
        self.destinationStride = destinationStride
    }

    /// Bytes from the first to behind the last element, for a stride.
    @inlinable
    public func extent(stride: Int) -> Int { count == 0 ? 0 : (count - 1) * stride + elementByteCount }
}

/// What an atomic does to the word; all return the old value.
public enum AtomicOperation: UInt8, Sendable, CaseIterable {
    case fetch, set, add, compareSwap, and, or, xor
}

/// How a signal changes its word.
public enum SignalOperation: UInt8, Sendable, CaseIterable {
    case set, add
}
