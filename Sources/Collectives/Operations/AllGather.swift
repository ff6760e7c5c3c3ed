public import Fabric

extension Collective {
    /// Everybody gets everybody's block, in member order.
    ///
    /// - Parameters:
    ///   - source: this member's block; the same length everywhere, at any offset. May be its own place in the destination.
    ///   - destination: n blocks.
    /// - Complexity: 2 (n - 1) events and waits; n - 1 blocks out and in.
    public func allGather(
        _ source: Region, into destination: Region, form: CollectiveForm = .standard
    ) throws(FabricError) {
        let block = source.byteCount
        check(destination, Self.product(team.size, block), "destination")
        try gatherEverywhere(.allGather, source, destination, form, block) { member in (member * block, block) }
    }

    /// Everybody gets everybody's block, in member order; blocks may differ in length.
    ///
    /// - Parameters:
    ///   - byteCounts: the length of each member's block, the same list at every member; zeros are fine.
    ///   - source: this member's block. May be its own place in the destination.
    ///   - destination: all blocks, one behind the other.
    /// - Throws: `.mismatch` also where the lists differ.
    public func allGatherV(
        _ source: Region, byteCounts: [Int], into destination: Region, form: CollectiveForm = .standard
    ) throws(FabricError) {
        precondition(byteCounts.count == team.size, "one length for each member")
        precondition(source.byteCount == byteCounts[team.rank], "the source is as long as the list says")
        check(destination, Self.total(byteCounts), "destination")
        var lengths = Digest()
        for byteCount in byteCounts { lengths.add(byteCount) }
        var next = 0
        let digest = Int(truncatingIfNeeded: lengths.value)
        try gatherEverywhere(.allGatherV, source, destination, form, digest) { member in
            defer { next += byteCounts[member] }
            return (next, byteCounts[member])
        }
    }

    /// `block` is asked once for each member, in order.
    private func gatherEverywhere(
        _ operation: CollectiveOperation, _ source: Region, _ destination: Region, _ form: CollectiveForm,
        _ lengths: Int, block: (_ member: Int) -> (start: Int, byteCount: Int)
    ) throws(FabricError) {
        form.check()
        check(source, source.byteCount, "source")
        try perform(operation) { () throws(FabricError) in
            for member in 0..<team.size {
                let (start, byteCount) = block(member)
                if member == team.rank {
                    let own = destination.slice(start, byteCount)
                    checkOverlap(source, destination, inPlace: source == own)
                }
                var leg = Leg()
                leg.isPartner = member != team.rank
                leg.outOffset = source.offset
                leg.outByteCount = source.byteCount
                leg.inOffset = destination.offset + start
                leg.inByteCount = byteCount
                workspace.legs[member] = leg
            }
            try Exchange(self, form, digest(operation, form, lengths)).run()
        }
    }
}
