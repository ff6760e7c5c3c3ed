public import Faults
public import SharedMemory

// The one way to a window of the cluster. Every put, get, load, store, signal and atomic, every word of a meeting, every span of a
// mapped window passes `reach`, which checks the bounds, counts, and shows the access to an observer. With nothing attached that is
// two counters and a comparison; what follows is a load or a store.
//
// Beside it are only the baselines of benchmarks (what a bare loop does with the same bytes), and the switch, which carries out what
// a die of another host has passed through its own point.

extension Endpoint {
    /// Passes an access to a window, and says whether it is mapped here; else a transport carries it.
    ///
    /// - Parameters:
    ///   - peer: the rank whose window it is; this die's own among them.
    ///   - offset: where it starts, in bytes.
    ///   - byteCount: bytes read or written. Outside the window is a programmer's error and stops the process.
    @inlinable @inline(__always)
    func reach(_ operation: FabricOperation, _ peer: Rank, _ offset: Int, _ byteCount: Int) -> Bool {
        check(peer, offset, byteCount)
        count(operation, bytes: operation.movesPayload ? byteCount : 0)
        // Both said to be rare, so that the compiler spills registers there and not on the way of a store.
        if _slowPath(unsafe isObserved) { show(operation, peer, offset, byteCount) }
        return _fastPath(isNear(peer))
    }

    /// The same for a word, which is aligned to its size.
    @inlinable @inline(__always)
    func reachWord(_ operation: FabricOperation, _ peer: Rank, _ offset: Int, _ byteCount: Int = 8) -> Bool {
        precondition(offset & (byteCount &- 1) == 0, "a word is aligned to its size")
        return reach(operation, peer, offset, byteCount)
    }

    @usableFromInline
    @inline(never)
    func show(_ operation: FabricOperation, _ peer: Rank, _ offset: Int, _ byteCount: Int) {
        observer?.willAccess(
            FabricAccess(operation: operation, peer: peer, offset: offset, byteCount: byteCount, tier: tier(of: peer)))
    }

    /// Says that the die passes a named point, where a fault may wait for it. With nothing attached that is a comparison.
    ///
    /// - Parameter peer: the rank it is about, where the point is about one.
    @inlinable @inline(__always)
    public func pass(_ point: FaultPoint, toward peer: Rank? = nil) {
        if _slowPath(unsafe isObserved) { show(point, peer) }
    }

    @usableFromInline
    @inline(never)
    func show(_ point: FaultPoint, _ peer: Rank?) { observer?.willPass(point, toward: peer) }

    /// How far a rank's window is from this die.
    public func tier(of peer: Rank) -> Tier {
        precondition(peer.index >= 0 && peer.index < rankCount, "no such rank")
        return tiers[peer.index]
    }

    /// The same for elements with gaps: the extent is checked, the elements are counted.
    @inlinable @inline(__always)
    func reach(
        strided operation: FabricOperation, _ peer: Rank, _ offset: Int, _ shape: StridedShape, stride: Int
    ) -> Bool {
        check(peer, offset, shape.extent(stride: stride))
        return reach(operation, peer, offset, shape.count &* shape.elementByteCount)
    }

    /// Adds to a word of a mapped window, and returns what it was. Sequentially consistent.
    @discardableResult
    func addNear(_ value: UInt64, at peer: Rank, _ offset: Int) -> UInt64 {
        guard reachWord(.atomic, peer, offset) else { preconditionFailure("a word of a mapped window") }
        return shared.atomic64(.add, value, comparand: 0, at: peer, offset)
    }

    /// Wakes a rank of this host if it waits for a word of its window that was stored in place; ``fullFence()`` comes between.
    @inline(__always)
    func wake(_ peer: Rank, _ offset: Int) { shared.wake(peer, offset) }

    /// Orders earlier stores before later loads.
    @inline(__always)
    func fullFence() { shared.quiet() }

    /// A place in a mapped window past the point, for the baselines of benchmarks alone.
    @inlinable @inline(__always)
    package func bareAddress(_ peer: Rank, _ offset: Int, _ byteCount: Int) -> UnsafeMutableRawPointer {
        check(peer, offset, byteCount)
        precondition(isNear(peer), "a mapped window")
        return unsafe shared.address(peer, offset)
    }

    /// A word of a mapped window past the point, for the same.
    @inlinable @inline(__always)
    package func bareWord(_ peer: Rank, at offset: Int) -> Word { unsafe Word(bareAddress(peer, offset, 8)) }

    /// A word of a mapped window that barriers and meetings load and store in place.
    @inlinable @inline(__always)
    func peerWord(_ peer: Rank, at offset: Int) -> Word { peerWords(peer, at: offset, count: 1)[0] }

    /// Words of a mapped window that lie side by side, passed as one access.
    @inlinable @inline(__always)
    func peerWords(_ peer: Rank, at offset: Int, count: Int) -> MappedWords {
        precondition(offset & 7 == 0, "a word is aligned to its size")
        guard reach(.word, peer, offset, 8 &* count) else { preconditionFailure("words of a mapped window") }
        return unsafe MappedWords(base: shared.address(peer, offset), count: count)
    }
}

/// Words of a mapped window that lie side by side.
@usableFromInline
@safe
struct MappedWords {
    @usableFromInline let base: UnsafeMutableRawPointer
    @usableFromInline let count: Int

    @inlinable @inline(__always)
    init(base: UnsafeMutableRawPointer, count: Int) {
        unsafe self.base = base
        self.count = count
    }

    @inlinable @inline(__always)
    subscript(_ index: Int) -> Word {
        precondition(index >= 0 && index < count, "no such word")
        return unsafe Word(base + 8 &* index)
    }
}
