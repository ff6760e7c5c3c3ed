internal import Mutants
internal import SharedMemory

extension Team {
    /// Takes memory at the same offset in every window. Collective over the world team, same order on all ranks, checked.
    ///
    /// Contents are whatever was there before (zero in memory never used). On return all ranks may use it.
    /// - Parameters:
    ///   - byteCount: bytes in each window; zero is fine.
    ///   - alignment: a power of two; at least a line, so that no two allocations share one.
    /// - Throws: `.outOfMemory` (with what is left) on all ranks, or `.mismatch` naming a rank that asked for something else.
    public func allocate(byteCount: Int, alignment: Int = 64) throws(FabricError) -> Region {
        precondition(slot == 0, "the heap belongs to the world")
        precondition(byteCount >= 0, "an allocation has no negative size")
        precondition(alignment > 0 && alignment & (alignment - 1) == 0, "an alignment is a power of two")
        endpoint.count(.allocate, bytes: 0)
        let whole = byteCount > Int.max - 64 ? byteCount : (max(byteCount, 1) + 63) & ~63
        // Each allocates by itself, and comes to the same place as the others if all made the same calls so far.
        let region = endpoint.teamSpace.heap.allocate(byteCount: whole, alignment: max(alignment, 64))
        // That they did is compared: the number of the call and its arguments.
        try agree(Team.digest([4, Int(truncatingIfNeeded: endpoint.teamSpace.heap.sequence), byteCount, alignment]))
        guard let region else {
            throw FabricError(
                .outOfMemory, scope: .operation, operation: .allocate, rank: endpoint.rank,
                context:
                    "\(byteCount) bytes asked for, \(endpoint.teamSpace.heap.largest) in one piece left; use a larger window"
            )
        }
        return Region(offset: region.offset, byteCount: byteCount)
    }

    /// Gives memory back. Collective over the world team; a barrier first, so that no rank still uses it.
    public func free(_ region: Region) throws(FabricError) {
        precondition(slot == 0, "the heap belongs to the world")
        let whole = Region(offset: region.offset, byteCount: (max(region.byteCount, 1) + 63) & ~63)
        precondition(endpoint.teamSpace.heap.release(whole), "only what was allocated is freed, once")
        try agree(
            Team.digest([5, Int(truncatingIfNeeded: endpoint.teamSpace.heap.sequence), region.offset, region.byteCount])
        )
    }

    /// All ranks made the same call, or all throw.
    private func agree(_ digest: UInt64) throws(FabricError) {
        let odd = isNear ? try oddOneOnBoard(digest) : try oddOne(digest)
        guard odd == 0 || Mutated.layoutComparison else {
            throw FabricError(
                .mismatch, scope: .cluster, operation: .allocate, rank: endpoint.rank, peers: [self[0], self[odd]],
                context:
                    "ranks \(self[0]) and \(self[odd]) allocated or freed something else; all must make the same calls")
        }
    }

    /// The first rank that differs from rank 0, or 0.
    private func oddOneOnBoard(_ digest: UInt64) throws(FabricError) -> Int {
        try meet([digest, 0, 0, 0, 0, 0, 0], .allocate)
        return (0..<size).first { posted(by: $0, 0) != posted(by: 0, 0) } ?? 0
    }

    /// The same for windows behind a network: rank 0 looks at all and tells.
    private func oddOne(_ digest: UInt64) throws(FabricError) -> Int {
        endpoint.word(at: exchange(0)).storeReleasing(digest)
        try sync(operation: .allocate)
        if rank == 0 {
            var odd: UInt64 = 0
            for index in 1..<max(size, 1) where try endpoint.fetch(at: self[index], exchange(0)) != digest {
                odd = UInt64(index)
                break
            }
            // Releases the leader's finding; acquired below after the second barrier. A word that splits do not use: the leader
            // may be in its next split while others still read this.
            endpoint.word(at: exchange(2)).storeReleasing(odd)
        }
        try sync(operation: .allocate)
        let odd = Int(clamping: try endpoint.fetch(at: self[0], exchange(2)))
        guard odd < size else { throw corrupt(.allocate, in: self[0], "finding of an allocation", UInt64(odd)) }
        return odd
    }
}
