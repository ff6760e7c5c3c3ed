public import Fabric

extension Collective {
    /// Copies the root's source to everybody's destination, the root's own included.
    ///
    /// - Parameters:
    ///   - source: at the root, as long as the destination; ignored elsewhere. May be the destination itself.
    ///   - destination: the same length at every member.
    ///   - root: number of the member in the team; the same at every member.
    /// - Complexity: at the root 2 (n - 1) events and waits and n - 1 times the bytes, pushed one after the other or pulled by all at
    ///   once; elsewhere 2 events, 2 waits.
    public func broadcast(
        _ source: Region, into destination: Region, root: Int, form: CollectiveForm = .standard
    ) throws(FabricError) {
        form.check()
        precondition((0..<team.size).contains(root), "the root is a member")
        let byteCount = destination.byteCount
        check(destination, byteCount, "destination")
        if team.rank == root {
            check(source, byteCount, "source")
            checkOverlap(source, destination, inPlace: source == destination)
        }
        try perform(.broadcast) { () throws(FabricError) in
            for member in 0..<team.size where member == root || team.rank == root {
                var leg = Leg()
                leg.isPartner = member != team.rank
                if team.rank == root {
                    leg.outOffset = source.offset
                    leg.outByteCount = byteCount
                }
                if member == root {
                    leg.inOffset = destination.offset
                    leg.inByteCount = byteCount
                }
                workspace.legs[member] = leg
            }
            try Exchange(self, form, digest(.broadcast, form, root, byteCount)).run()
        }
    }
}
