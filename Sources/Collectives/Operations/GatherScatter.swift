public import Fabric

extension Collective {
    /// The root gets everybody's block, in member order.
    ///
    /// - Parameters:
    ///   - source: this member's block, one length everywhere. At the root it may be its own place in the destination.
    ///   - destination: n blocks at the root; ignored elsewhere.
    /// - Complexity: at the root 2 (n - 1) events and waits and n - 1 blocks; elsewhere 2 of each and one block.
    public func gather(
        _ source: Region, into destination: Region, root: Int, form: CollectiveForm = .standard
    ) throws(FabricError) {
        form.check()
        precondition((0..<team.size).contains(root), "the root is a member")
        let block = source.byteCount
        check(source, block, "source")
        if team.rank == root {
            check(destination, Self.product(team.size, block), "destination")
            checkOverlap(source, destination, inPlace: source == destination.slice(root * block, block))
        }
        try perform(.gather) { () throws(FabricError) in
            for member in 0..<team.size where member == root || team.rank == root {
                var leg = Leg()
                leg.isPartner = member != team.rank
                if member == root {
                    leg.outOffset = source.offset
                    leg.outByteCount = block
                }
                if team.rank == root {
                    leg.inOffset = destination.offset + member * block
                    leg.inByteCount = block
                }
                workspace.legs[member] = leg
            }
            try Exchange(self, form, digest(.gather, form, root)).run()
        }
    }

    /// Everybody gets its block of the root's source.
    ///
    /// - Parameters:
    ///   - source: n blocks at the root, in member order; ignored elsewhere.
    ///   - destination: this member's block, one length everywhere. At the root it may be its own place in the source.
    /// - Complexity: as ``gather(_:into:root:form:)``.
    public func scatter(
        _ source: Region, into destination: Region, root: Int, form: CollectiveForm = .standard
    ) throws(FabricError) {
        form.check()
        precondition((0..<team.size).contains(root), "the root is a member")
        let block = destination.byteCount
        check(destination, block, "destination")
        if team.rank == root {
            check(source, Self.product(team.size, block), "source")
            checkOverlap(source, destination, inPlace: destination == source.slice(root * block, block))
        }
        try perform(.scatter) { () throws(FabricError) in
            for member in 0..<team.size where member == root || team.rank == root {
                var leg = Leg()
                leg.isPartner = member != team.rank
                if team.rank == root {
                    leg.outOffset = source.offset + member * block
                    leg.outByteCount = block
                }
                if member == root {
                    leg.inOffset = destination.offset
                    leg.inByteCount = block
                }
                workspace.legs[member] = leg
            }
            try Exchange(self, form, digest(.scatter, form, root)).run()
        }
    }
}
