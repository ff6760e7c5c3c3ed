public import Fabric

extension Collective {
    /// Sends one block to one member and receives one from another, as rings and pipelines do.
    ///
    /// Only those who talk take part: a member that neither sends nor receives need not call.
    /// - Parameters:
    ///   - source: what to send.
    ///   - target: to whom, or nil to send nothing. May be this member itself, if it is the origin as well.
    ///   - destination: where to receive; apart from the source.
    ///   - origin: from whom, or nil to receive nothing.
    /// - Throws: `.mismatch` also where the partner sends or takes another number of bytes.
    /// - Complexity: 2 events and 2 waits for each partner; one block out, one in.
    public func sendReceive(
        _ source: Region, to target: Int?, into destination: Region, from origin: Int?,
        form: CollectiveForm = .standard
    ) throws(FabricError) {
        form.check()
        precondition(
            (target == team.rank) == (origin == team.rank), "who sends to itself receives from itself")
        for partner in [target, origin] {
            precondition(partner.map((0..<team.size).contains) ?? true, "partners are members")
        }
        if target != nil { check(source, source.byteCount, "source") }
        if origin != nil { check(destination, destination.byteCount, "destination") }
        if target != nil, origin != nil { checkOverlap(source, destination, inPlace: false) }
        try perform(.sendReceive) { () throws(FabricError) in
            if let target {
                workspace.legs[target].isPartner = target != team.rank
                workspace.legs[target].outOffset = source.offset
                workspace.legs[target].outByteCount = source.byteCount
            }
            if let origin {
                workspace.legs[origin].isPartner = origin != team.rank
                workspace.legs[origin].inOffset = destination.offset
                workspace.legs[origin].inByteCount = destination.byteCount
            }
            try Exchange(self, form, digest(.sendReceive, form)).run()
        }
    }
}
