internal import CLinux
public import Mutants
public import SharedMemory
public import Synchronization

/// Plain loads and stores into windows mapped by this process.
///
/// Everything is complete when the call returns; what remains of `fence` and `quiet` is the memory order. Nothing here
/// allocates, locks, or enters the kernel unless a die sleeps.
@safe
public final class SharedMemoryTransport: Transport {
    /// The catalog name.
    public static let name = "transport.shm"

    @usableFromInline let segment: Segment
    @usableFromInline let windows: UnsafeMutableRawPointer
    @usableFromInline let stride: Int
    @usableFromInline let controls: UnsafeMutableRawPointer
    @usableFromInline let controlStride: Int
    @usableFromInline let streamByteCount: Int

    /// A transport between the dies of one segment.
    ///
    /// - Parameter copies: from which size copies bypass the caches; by default from the machine's caches.
    public init(segment: Segment, copies: CopyPolicy = .machine) {
        streamByteCount = copies.streamByteCount
        self.segment = segment
        // Where rank 0 would be if it were here: a peer's place is one multiplication away, whatever the first rank is.
        let first = segment.plan.firstRank
        stride = segment.windowStride
        unsafe windows = segment.window(of: first).base - first * segment.windowStride
        controlStride = segment.controlStride
        unsafe controls = segment.controlBase - first * segment.controlStride
    }

    @inlinable @inline(__always)
    func address(_ peer: Rank, _ offset: Int) -> UnsafeMutableRawPointer {
        unsafe windows + ((Mutated.peerWindow ? segment.plan.firstRank : peer.index) &* stride &+ offset)
    }

    /// A word of a mapped window, for those who answer a die through it.
    func word(_ peer: Rank, _ offset: Int) -> Word { unsafe Word(address(peer, offset)) }

    @inlinable @inline(__always)
    func wake(_ peer: Rank, _ offset: Int) {
        unsafe ControlBlock(address: controls + peer.index &* controlStride).wakeIfWaiting(wordOffset: offset)
    }

    /// ``FabricCopy``, so that a copy of constant small size is a load and a store.
    ///
    /// Under ThreadSanitizer it is announced, or races in windows would go unseen.
    @inlinable @inline(__always)
    func copyBytes(_ source: UnsafeRawPointer, _ destination: UnsafeMutableRawPointer, _ byteCount: Int) {
        #if SOFTPOD_TSAN
            unsafe Self.announce(source, destination, byteCount)
        #endif
        unsafe FabricCopy.run(destination, source, byteCount, streamByteCount: streamByteCount)
    }

    #if SOFTPOD_TSAN
        @usableFromInline
        static func announce(_ source: UnsafeRawPointer, _ destination: UnsafeMutableRawPointer, _ byteCount: Int) {
            unsafe softpod_announce_copy(source, destination, UInt64(byteCount))
        }
    #endif

    /// Copies as ``CopyPolicy`` says; complete, and ordered before later flags, on return.
    @inlinable @inline(__always)
    public func put(_ source: RawSpan, to peer: Rank, at offset: Int) {
        unsafe source.withUnsafeBytes { bytes in
            guard let start = bytes.baseAddress else { return }
            unsafe copyBytes(start, address(peer, offset), bytes.count)
        }
    }

    /// Copies as ``CopyPolicy`` says; complete, and ordered before later flags, on return.
    @inlinable @inline(__always)
    public func get(from peer: Rank, at offset: Int, into destination: inout MutableRawSpan) {
        unsafe destination.withUnsafeMutableBytes { bytes in
            guard let start = bytes.baseAddress else { return }
            unsafe copyBytes(address(peer, offset), start, bytes.count)
        }
    }

    /// Copies between two windows; they may be of the same die, and may overlap.
    @inlinable @inline(__always)
    func copy(from source: Rank, _ sourceOffset: Int, to peer: Rank, _ offset: Int, byteCount: Int) {
        unsafe copyBytes(address(source, sourceOffset), address(peer, offset), byteCount)
    }

    /// One copy an element.
    @inlinable
    public func putStrided(_ source: RawSpan, _ shape: StridedShape, to peer: Rank, at offset: Int) {
        unsafe source.withUnsafeBytes { bytes in
            if let start = bytes.baseAddress { unsafe copyStrided(start, address(peer, offset), shape) }
        }
    }

    /// One copy an element.
    @inlinable
    public func getStrided(
        from peer: Rank, at offset: Int, _ shape: StridedShape, into destination: inout MutableRawSpan
    ) {
        unsafe destination.withUnsafeMutableBytes { bytes in
            if let start = bytes.baseAddress { unsafe copyStrided(address(peer, offset), start, shape) }
        }
    }

    @inlinable
    func copyStrided(_ source: UnsafeRawPointer, _ destination: UnsafeMutableRawPointer, _ shape: StridedShape) {
        for index in 0..<shape.count {
            unsafe copyBytes(
                source + index &* shape.sourceStride, destination + index &* shape.destinationStride,
                shape.elementByteCount)
        }
    }

    /// One locked instruction, sequentially consistent; pairs with the waiter's acquire.
    @inlinable
    public func atomic64(
        _ operation: AtomicOperation, _ operand: UInt64, comparand: UInt64, at peer: Rank, _ offset: Int
    ) -> UInt64 {
        let cell = unsafe address(peer, offset).assumingMemoryBound(to: Atomic<UInt64>.self)
        let old: UInt64
        switch operation {
        case .fetch: return unsafe cell.pointee.load(ordering: .sequentiallyConsistent)
        case .set: old = unsafe cell.pointee.exchange(operand, ordering: .sequentiallyConsistent)
        case .add: old = unsafe cell.pointee.wrappingAdd(operand, ordering: .sequentiallyConsistent).oldValue
        case .compareSwap:
            old = unsafe cell.pointee.compareExchange(
                expected: comparand, desired: operand, ordering: .sequentiallyConsistent
            ).original
        case .and: old = unsafe cell.pointee.bitwiseAnd(operand, ordering: .sequentiallyConsistent).oldValue
        case .or: old = unsafe cell.pointee.bitwiseOr(operand, ordering: .sequentiallyConsistent).oldValue
        case .xor: old = unsafe cell.pointee.bitwiseXor(operand, ordering: .sequentiallyConsistent).oldValue
        }
        wake(peer, offset)
        return old
    }

    /// One locked instruction, sequentially consistent.
    @inlinable
    public func atomic32(
        _ operation: AtomicOperation, _ operand: UInt32, comparand: UInt32, at peer: Rank, _ offset: Int
    ) -> UInt32 {
        let cell = unsafe address(peer, offset).assumingMemoryBound(to: Atomic<UInt32>.self)
        switch operation {
        case .fetch: return unsafe cell.pointee.load(ordering: .sequentiallyConsistent)
        case .set: return unsafe cell.pointee.exchange(operand, ordering: .sequentiallyConsistent)
        case .add: return unsafe cell.pointee.wrappingAdd(operand, ordering: .sequentiallyConsistent).oldValue
        case .compareSwap:
            return unsafe cell.pointee.compareExchange(
                expected: comparand, desired: operand, ordering: .sequentiallyConsistent
            ).original
        case .and: return unsafe cell.pointee.bitwiseAnd(operand, ordering: .sequentiallyConsistent).oldValue
        case .or: return unsafe cell.pointee.bitwiseOr(operand, ordering: .sequentiallyConsistent).oldValue
        case .xor: return unsafe cell.pointee.bitwiseXor(operand, ordering: .sequentiallyConsistent).oldValue
        }
    }

    /// Store or add, sequentially consistent, so that it releases the payload and is ordered before the look at the doorbell.
    @inlinable @inline(__always)
    public func signal(_ operation: SignalOperation, _ value: UInt64, at peer: Rank, _ offset: Int) {
        let cell = unsafe address(peer, offset).assumingMemoryBound(to: Atomic<UInt64>.self)
        switch operation {
        case .set: unsafe cell.pointee.store(value, ordering: .sequentiallyConsistent)
        case .add: unsafe cell.pointee.wrappingAdd(value, ordering: .sequentiallyConsistent)
        }
        if Mutated.wakeUp { return }
        wake(peer, offset)
    }

    /// Release order towards all ranks.
    @inlinable @inline(__always)
    public func fence() { atomicMemoryFence(ordering: .acquiringAndReleasing) }

    /// A full fence: earlier stores have left this core.
    @inlinable @inline(__always)
    public func quiet() { atomicMemoryFence(ordering: .sequentiallyConsistent) }
}
