public import SharedMemory

/// When a wait gives up; for algorithms, which do not import what owns the clock.
public typealias WaitDeadline = Deadline

extension Endpoint {
    /// Waits until a word of this die's own window compares as asked, and returns its value.
    ///
    /// Only signals and 64-bit atomics wake a waiter; a word that is put or stored to is not to be waited on. Acquires what
    /// the word's writer released.
    ///
    /// - Parameters:
    ///   - offset: the word's offset in this window, a multiple of 8.
    ///   - comparison: how the word is to compare, unsigned.
    ///   - target: what it is compared with.
    ///   - deadline: when to give up; by default the endpoint's timeout from now.
    ///   - peer: who is expected to write; the error names it.
    ///   - operation: on whose behalf; the error and the wait record name it.
    /// - Throws: `.timedOut` or `.membershipChanged`.
    @inlinable
    @discardableResult
    public func wait(
        at offset: Int, until comparison: Comparison, _ target: UInt64, deadline: Deadline? = nil, peer: Rank? = nil,
        operation: FabricOperation = .wait
    ) throws(FabricError) -> UInt64 {
        checkWord(rank, offset, 8)
        count(.wait, bytes: 0)
        let value = word(at: offset).loadAcquiring()
        if comparison.holds(value, target) { return value }
        return try waitSlowly(offset, comparison, target, deadline, peer, operation)
    }

    /// Whether a word of this die's window compares as asked, without waiting. Acquires.
    @inlinable
    public func test(at offset: Int, _ comparison: Comparison, _ target: UInt64) -> Bool {
        checkWord(rank, offset, 8)
        return comparison.holds(word(at: offset).loadAcquiring(), target)
    }

    /// Waits until a rising word of this die's own window is at least `target`, and returns what it then is.
    ///
    /// As ``wait(at:until:_:deadline:peer:operation:)``, which says how it wakes and what it acquires.
    @inlinable
    @discardableResult
    public func wait(
        at offset: Int, reaches target: UInt64, deadline: Deadline? = nil, peer: Rank? = nil,
        operation: FabricOperation
    ) throws(FabricError) -> UInt64 {
        try wait(
            at: offset, until: .greaterOrEqual, target, deadline: deadline, peer: peer,
            operation: operation)
    }

    /// Whether a rising word of this die's own window is at least `value`, without waiting. Acquires.
    @inlinable
    public func hasReached(_ value: UInt64, at offset: Int) -> Bool { test(at: offset, .greaterOrEqual, value) }

    /// A moment some time from now.
    public func deadline(after timeout: Duration) -> Deadline { Deadline(after: timeout) }

    @usableFromInline
    @inline(never)
    func waitSlowly(
        _ offset: Int, _ comparison: Comparison, _ target: UInt64, _ deadline: Deadline?, _ peer: Rank?,
        _ operation: FabricOperation
    ) throws(FabricError) -> UInt64 {
        // What comes from another host needs switches to run, which may want this core: who waits for it soon sleeps.
        let isFar = peer.map { !segment.plan.ranks.contains($0.index) } ?? false
        let outcome = (isFar ? farWaiter : waiter).wait(
            word(at: offset), at: offset, until: comparison, target, epoch: epoch,
            deadline: deadline, timeout: timeout,
            operation: operation.rawValue, peer: peer?.index)
        switch outcome {
        case .satisfied(let value): return value
        case .timedOut(let elapsed):
            throw FabricError(
                .timedOut, scope: .peer, operation: operation, rank: rank, peers: peer.map { [$0] } ?? [],
                wordOffset: offset, elapsedNanoseconds: elapsed, epoch: epoch, phase: phase)
        case .epochMoved(let elapsed):
            throw membershipChanged(operation, offset, elapsed, awaiting: peer.map { [$0] } ?? [])
        }
    }

    func membershipChanged(
        _ operation: FabricOperation, _ offset: Int?, _ elapsed: UInt64, awaiting peers: [Rank] = []
    ) -> FabricError {
        FabricError(
            membershipOf: segment, operation, rank: rank, since: epoch, wordOffset: offset, elapsed, awaiting: peers)
    }

    /// Throws if the membership has changed; for long computations between waits.
    public func checkMembership() throws(FabricError) {
        if segment.cluster.epoch.loadAcquiring() != epoch { throw membershipChanged(.wait, nil, 0) }
    }

    @inlinable @inline(__always)
    func word(at offset: Int) -> Word { unsafe Word(ownBase + offset) }
}
