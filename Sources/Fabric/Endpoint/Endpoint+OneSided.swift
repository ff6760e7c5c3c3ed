// Put, get, load, store, signal, atomics: one side acts, the other need not know.
// Every operation checks its arguments, counts itself, and takes the direct road when the window is mapped here.
//
// Atomics are on 64 or 32 bits and sequentially consistent; those on 64 bits wake the word's waiter. A word changed by atomics is
// changed by atomics and signals only: a put over it is a race.

extension Endpoint {
    /// Copies bytes into a peer's window. The source may be reused on return.
    ///
    /// - Throws: ``FabricError`` only where a network carries it.
    /// - Complexity: one copy of the bytes.
    @inlinable @inline(__always)
    public func put(_ source: RawSpan, to peer: Rank, at offset: Int) throws(FabricError) {
        if reach(.put, peer, offset, source.byteCount) {
            shared.put(source, to: peer, at: offset)
        } else {
            try putFar(source, to: peer, at: offset)
        }
    }

    // Far forms stand apart, so that the near ones are few instructions where they are called. Each is called behind a reach(...) that said
    // that the window is not mapped.

    @inlinable @inline(never)
    func putFar(_ source: RawSpan, to peer: Rank, at offset: Int) throws(FabricError) {
        try distant().put(source, to: peer, at: offset)
    }

    @inlinable @inline(never)
    func getFar(from peer: Rank, at offset: Int, into destination: inout MutableRawSpan) throws(FabricError) {
        try distant().get(from: peer, at: offset, into: &destination)
    }

    /// Copies `byteCount` bytes of this die's window into a peer's. Source and destination may be the same place.
    @inlinable @inline(__always)
    public func put(from source: Int, byteCount: Int, to peer: Rank, at offset: Int) throws(FabricError) {
        check(rank, source, byteCount)
        if reach(.put, peer, offset, byteCount) {
            shared.copy(from: rank, source, to: peer, offset, byteCount: byteCount)
        } else {
            try putFar(bytes(at: source, byteCount: byteCount), to: peer, at: offset)
        }
    }

    /// Copies bytes out of a peer's window. They are there on return.
    @inlinable @inline(__always)
    public func get(from peer: Rank, at offset: Int, into destination: inout MutableRawSpan) throws(FabricError) {
        if reach(.get, peer, offset, destination.byteCount) {
            shared.get(from: peer, at: offset, into: &destination)
        } else {
            try getFar(from: peer, at: offset, into: &destination)
        }
    }

    /// Copies `byteCount` bytes of a peer's window into this die's.
    @inlinable @inline(__always)
    public func get(from peer: Rank, at offset: Int, byteCount: Int, to destination: Int) throws(FabricError) {
        check(rank, destination, byteCount)
        if reach(.get, peer, offset, byteCount) {
            shared.copy(from: peer, offset, to: rank, destination, byteCount: byteCount)
        } else {
            var span = mutableBytes(at: destination, byteCount: byteCount)
            try getFar(from: peer, at: offset, into: &span)
        }
    }

    /// Stores one plain value into a peer's window (the field's `p`). Aligned to the value's own size.
    @inlinable
    public func store<Value: BitwiseCopyable>(_ value: Value, to peer: Rank, at offset: Int) throws(FabricError) {
        precondition(offset & (MemoryLayout<Value>.alignment &- 1) == 0, "a store is aligned to its type")
        if reach(.store, peer, offset, MemoryLayout<Value>.size) {
            unsafe shared.address(peer, offset).assumingMemoryBound(to: Value.self).pointee = value
        } else {
            try storeFar(value, to: peer, at: offset)
        }
    }

    @inlinable
    @inline(never)
    func storeFar<Value: BitwiseCopyable>(_ value: Value, to peer: Rank, at offset: Int) throws(FabricError) {
        var copy = value
        // Passed by `store`, whose reach(...) said that the window is not mapped.
        try unsafe withUnsafeBytes(of: &copy) { (raw: UnsafeRawBufferPointer) throws(FabricError) in
            try unsafe distant().put(RawSpan(_unsafeBytes: raw), to: peer, at: offset)
        }
    }

    /// Loads one plain value from a peer's window (the field's `g`). Aligned to the value's own size.
    @inlinable
    public func load<Value: BitwiseCopyable>(
        _ type: Value.Type, from peer: Rank, at offset: Int
    ) throws(FabricError) -> Value {
        precondition(offset & (MemoryLayout<Value>.alignment &- 1) == 0, "a load is aligned to its type")
        if reach(.load, peer, offset, MemoryLayout<Value>.size) {
            return unsafe shared.address(peer, offset).assumingMemoryBound(to: Value.self).pointee
        }
        return try loadFar(type, from: peer, at: offset)
    }

    @inlinable
    @inline(never)
    func loadFar<Value: BitwiseCopyable>(
        _ type: Value.Type, from peer: Rank, at offset: Int
    ) throws(FabricError) -> Value {
        // Passed by `load`, whose reach(...) said that the window is not mapped. Filled whole by the transport before it is read.
        let place = UnsafeMutableRawPointer.allocate(
            byteCount: MemoryLayout<Value>.size, alignment: MemoryLayout<Value>.alignment)
        defer { unsafe place.deallocate() }
        var span = unsafe MutableRawSpan(_unsafeStart: place, byteCount: MemoryLayout<Value>.size)
        try distant().get(from: peer, at: offset, into: &span)
        return unsafe place.load(as: Value.self)
    }

    /// Copies elements with gaps into a peer's window; strides in bytes.
    @inlinable
    public func putStrided(
        _ source: RawSpan, _ shape: StridedShape, to peer: Rank, at offset: Int
    ) throws(FabricError) {
        precondition(source.byteCount >= shape.extent(stride: shape.sourceStride), "the source is too short")
        if reach(strided: .put, peer, offset, shape, stride: shape.destinationStride) {
            shared.putStrided(source, shape, to: peer, at: offset)
        } else {
            try distant().putStrided(source, shape, to: peer, at: offset)
        }
    }

    /// Copies elements with gaps out of a peer's window; `sourceStride` is in the peer's window.
    @inlinable
    public func getStrided(
        from peer: Rank, at offset: Int, _ shape: StridedShape, into destination: inout MutableRawSpan
    ) throws(FabricError) {
        precondition(
            destination.byteCount >= shape.extent(stride: shape.destinationStride), "the destination is too short")
        if reach(strided: .get, peer, offset, shape, stride: shape.sourceStride) {
            shared.getStrided(from: peer, at: offset, shape, into: &destination)
        } else {
            try distant().getStrided(from: peer, at: offset, shape, into: &destination)
        }
    }

    /// Sets or adds to a 64-bit word of a peer's window and wakes the rank that waits on it.
    ///
    /// Releases everything this die put to that peer before; the waiter acquires.
    @inlinable
    public func signal(
        _ operation: SignalOperation, _ value: UInt64, at peer: Rank, _ offset: Int
    ) throws(FabricError) {
        if reachWord(.signal, peer, offset) {
            shared.signal(operation, value, at: peer, offset)
        } else {
            try distant().signal(operation, value, at: peer, offset)
        }
    }

    /// A put and a signal: who sees the signal sees the bytes.
    @inlinable
    public func putSignal(
        _ source: RawSpan, to peer: Rank, at offset: Int, signal: SignalOperation, _ value: UInt64, at wordOffset: Int
    ) throws(FabricError) {
        checkWord(peer, wordOffset, 8)
        if reach(.putSignal, peer, offset, source.byteCount) {
            shared.put(source, to: peer, at: offset)
            shared.signal(signal, value, at: peer, wordOffset)
        } else {
            try distant().put(source, to: peer, at: offset)
            try distant().signal(signal, value, at: peer, wordOffset)
        }
    }

    /// Orders earlier puts, stores, signals and atomics before later ones, for each peer.
    @inlinable
    public func fence() throws(FabricError) {
        count(.fence, bytes: 0)
        shared.fence()
        if let far { try far.fence() }
    }

    /// Returns when all earlier operations of this die are visible to all ranks, and what its non-blocking gets and atomics asked for is
    /// there. Acquires that.
    @inlinable
    public func quiet() throws(FabricError) {
        count(.quiet, bytes: 0)
        shared.quiet()
        if let far { try far.quiet() }
    }

    @inlinable @inline(__always)
    func checkWord(_ peer: Rank, _ offset: Int, _ byteCount: Int) {
        check(peer, offset, byteCount)
        precondition(offset & (byteCount &- 1) == 0, "a word is aligned to its size")
    }

    /// Copies bytes from one mapped window into another; both may be this die's own, and the places may be the same.
    ///
    /// The caller must have been told that the source is final and that the destination may be written.
    @inlinable
    public func copy(from peer: Rank, at offset: Int, byteCount: Int, to target: Rank, at destination: Int) {
        check(peer, offset, byteCount)
        let isMapped = reach(.put, target, destination, byteCount)
        precondition(isMapped && isNear(peer), "only mapped windows are copied between")
        shared.copy(from: peer, offset, to: target, destination, byteCount: byteCount)
    }

    /// Copies values into a peer's window, at a byte offset.
    @inlinable @inline(__always)
    public func put<Value: BitwiseCopyable>(
        _ values: Span<Value>, to peer: Rank, at offset: Int
    ) throws(FabricError) {
        // SAFETY: only whole values are copied, padding included, and they are not interpreted here.
        try unsafe put(values.bytes, to: peer, at: offset)
    }

    /// Copies values out of a peer's window, from a byte offset.
    @inlinable @inline(__always)
    public func get<Value: BitwiseCopyable>(
        from peer: Rank, at offset: Int, into values: inout MutableSpan<Value>
    ) throws(FabricError) {
        // SAFETY: any bytes are a valid plain value of the types the fabric carries.
        var bytes = unsafe values.mutableBytes
        try get(from: peer, at: offset, into: &bytes)
    }

    /// Copies `count` values out of a peer's window into a new array.
    public func get<Value: BitwiseCopyable>(
        _ type: Value.Type, count: Int, from peer: Rank, at offset: Int
    ) throws(FabricError) -> [Value] {
        precondition(count >= 0, "a get has no negative count")
        let byteCount = count * MemoryLayout<Value>.stride
        check(peer, offset, byteCount)
        // The storage of all empty arrays is one, and filling it would write to it.
        if count == 0 { return [] }
        var failure: FabricError?
        let values = unsafe [Value](unsafeUninitializedCapacity: count) { buffer, initialized in
            var bytes = unsafe MutableRawSpan(_unsafeBytes: UnsafeMutableRawBufferPointer(buffer))
            do throws(FabricError) {
                try get(from: peer, at: offset, into: &bytes)
                initialized = count
            } catch {
                failure = error
            }
        }
        if let failure { throw failure }
        return values
    }

    /// A put of values and a signal: who sees the signal sees the values.
    @inlinable
    public func putSignal<Value: BitwiseCopyable>(
        _ values: Span<Value>, to peer: Rank, at offset: Int, signal: SignalOperation, _ value: UInt64,
        at wordOffset: Int
    ) throws(FabricError) {
        // SAFETY: as in put.
        try unsafe putSignal(values.bytes, to: peer, at: offset, signal: signal, value, at: wordOffset)
    }

    /// Changes a 64-bit word as `operation` says and returns what it was. `comparand` matters to `.compareSwap` only.
    @inlinable @inline(__always)
    @discardableResult
    public func atomic(
        _ operation: AtomicOperation, _ operand: UInt64, comparand: UInt64 = 0, at peer: Rank, _ offset: Int
    ) throws(FabricError) -> UInt64 {
        if reachWord(.atomic, peer, offset) {
            return shared.atomic64(operation, operand, comparand: comparand, at: peer, offset)
        }
        return try distant().atomic64(operation, operand, comparand: comparand, at: peer, offset)
    }

    /// Changes a 32-bit word as `operation` says and returns what it was.
    @inlinable @inline(__always)
    @discardableResult
    public func atomic32(
        _ operation: AtomicOperation, _ operand: UInt32, comparand: UInt32 = 0, at peer: Rank, _ offset: Int
    ) throws(FabricError) -> UInt32 {
        if reachWord(.atomic, peer, offset, 4) {
            return shared.atomic32(operation, operand, comparand: comparand, at: peer, offset)
        }
        return try distant().atomic32(operation, operand, comparand: comparand, at: peer, offset)
    }

    /// Reads a 64-bit word atomically.
    @inlinable
    public func fetch(at peer: Rank, _ offset: Int) throws(FabricError) -> UInt64 {
        try atomic(.fetch, 0, at: peer, offset)
    }

    /// Adds to a 64-bit word, wrapping, and returns what it was.
    @inlinable
    @discardableResult
    public func fetchAdd(_ value: UInt64, at peer: Rank, _ offset: Int) throws(FabricError) -> UInt64 {
        try atomic(.add, value, at: peer, offset)
    }

    /// Replaces a 64-bit word and returns what it was.
    @inlinable
    @discardableResult
    public func swap(_ value: UInt64, at peer: Rank, _ offset: Int) throws(FabricError) -> UInt64 {
        try atomic(.set, value, at: peer, offset)
    }

    /// Replaces a 64-bit word if it equals `expected`; returns what it was.
    @inlinable
    @discardableResult
    public func compareSwap(
        expected: UInt64, desired: UInt64, at peer: Rank, _ offset: Int
    ) throws(FabricError) -> UInt64 { try atomic(.compareSwap, desired, comparand: expected, at: peer, offset) }
}
