public import SharedMemory

// Operations that return at once on every transport: the field's put_nbi, get_nbi and non-blocking atomics.
//
// They name places in windows, never spans: what they read or write stays theirs until they are complete. A source is written again, and
// a result read, only when that is proved:
//   quiet             everything this die issued is visible where it goes, and what it asked for is here;
//   completeLocally   sources may be written again, and what was asked for is here;
//   an event          of the peer, signalled after it saw a signal that this die issued behind the put: that put is done.
// Signals and atomics to the same peer stay behind earlier puts, whatever form those have.

extension Endpoint {
    /// Starts to copy `byteCount` bytes of this die's window into a peer's, without waiting for the far side.
    ///
    /// The source stays as it is until ``quiet()``, ``completeLocally()`` or an event of the peer that follows from the put. A signal or an
    /// atomic to the same peer after it is seen after it. Between mapped windows it is a put, complete on return; over a network it waits
    /// for room in the ring of descriptors at most.
    ///
    /// - Throws: ``FabricError`` only where a network carries it: `.timedOut`, `.corrupt`, `.membershipChanged`, `.linkLost`.
    /// - Complexity: one copy of the bytes; over a network a descriptor for each 512 KiB, and a copy of up to 4 KiB.
    @inlinable @inline(__always)
    public func putNonBlocking(from source: Int, byteCount: Int, to peer: Rank, at offset: Int) throws(FabricError) {
        check(rank, source, byteCount)
        if reach(.put, peer, offset, byteCount) {
            shared.copy(from: rank, source, to: peer, offset, byteCount: byteCount)
        } else {
            try distant().putNonBlocking(bytes(at: source, byteCount: byteCount), to: peer, at: offset)
        }
    }

    /// Starts to copy `byteCount` bytes of a peer's window into this die's, without waiting for them.
    ///
    /// They are there after the next ``quiet()`` or ``completeLocally()``, which acquires them; until then the place is not read or written.
    /// Not ordered with anything else. Between mapped windows it is a get.
    ///
    /// - Throws: as ``putNonBlocking(from:byteCount:to:at:)``.
    /// - Complexity: one copy of the bytes; over a network a descriptor for each 512 KiB.
    @inlinable @inline(__always)
    public func getNonBlocking(
        from peer: Rank, at offset: Int, byteCount: Int, to destination: Int
    ) throws(FabricError) {
        check(rank, destination, byteCount)
        if reach(.get, peer, offset, byteCount) {
            shared.copy(from: peer, offset, to: rank, destination, byteCount: byteCount)
        } else {
            var span = mutableBytes(at: destination, byteCount: byteCount)
            try distant().getNonBlocking(from: peer, at: offset, into: &span)
        }
    }

    /// Starts to change a 64-bit word as `operation` says, without waiting for what it was.
    ///
    /// That lands in the 64-bit word at `result` of this die's own window, and is there after the next ``quiet()`` or ``completeLocally()``;
    /// nil says that it is not wanted, and nothing comes back. Carried out behind earlier puts and signals to the same peer; wakes the
    /// word's waiter. Landing at `result` wakes no waiter.
    ///
    /// - Parameter comparand: matters to `.compareSwap` only.
    /// - Throws: as ``putNonBlocking(from:byteCount:to:at:)``.
    /// - Complexity: one atomic instruction at the word; over a network a descriptor besides.
    @inlinable
    public func atomicNonBlocking(
        _ operation: AtomicOperation, _ operand: UInt64, comparand: UInt64 = 0, at peer: Rank, _ offset: Int,
        into result: Int? = nil
    ) throws(FabricError) {
        if let result { checkWord(rank, result, 8) }
        let old: UInt64?
        if reachWord(.atomic, peer, offset) {
            old = shared.atomic64(operation, operand, comparand: comparand, at: peer, offset)
        } else {
            old = try distant().atomic64NonBlocking(
                operation, operand, comparand: comparand, at: peer, offset, into: result)
        }
        if let result, let old { word(at: result).storeRelaxed(old) }
    }

    /// Returns when the sources of this die's non-blocking puts may be written again, and the results of its non-blocking gets and atomics
    /// are there: the field's local completion.
    ///
    /// Says less than ``quiet()``: short puts, which have been copied out of their source, and signals may still be on their way. Acquires
    /// what landed. With nothing outstanding, and between mapped windows always, it returns at once.
    ///
    /// - Throws: `.timedOut`, `.corrupt`, `.membershipChanged` or `.linkLost` where a network carried any of them.
    @inlinable
    public func completeLocally() throws(FabricError) {
        if let far { try far.completeLocally() }
    }
}

extension Transport {
    /// A transport that has no better way puts at once.
    public func putNonBlocking(_ source: RawSpan, to peer: Rank, at offset: Int) throws(FabricError) {
        try put(source, to: peer, at: offset)
    }

    /// A transport that has no better way gets at once.
    public func getNonBlocking(
        from peer: Rank, at offset: Int, into destination: inout MutableRawSpan
    ) throws(FabricError) { try get(from: peer, at: offset, into: &destination) }

    /// A transport that has no better way knows the old value at once.
    public func atomic64NonBlocking(
        _ operation: AtomicOperation, _ operand: UInt64, comparand: UInt64, at peer: Rank, _ offset: Int,
        into result: Int?
    ) throws(FabricError) -> UInt64? {
        try atomic64(operation, operand, comparand: comparand, at: peer, offset)
    }

    /// A transport whose operations are complete on return has nothing to wait for.
    public func completeLocally() throws(FabricError) {}

    /// A transport between mapped windows has nothing to ask.
    public func rankAwaited(by rank: Rank) throws(FabricError) -> Rank? { nil }
}
