public import Fabric

extension Collective {
    /// Block j of member i goes to block i of member j.
    ///
    /// - Parameters:
    ///   - source: n blocks of one length, the same at every member.
    ///   - destination: as long, and apart from the source.
    /// - Complexity: 2 (n - 1) events and waits; n - 1 blocks out and in.
    public func allToAll(
        _ source: Region, into destination: Region, form: CollectiveForm = .standard
    ) throws(FabricError) {
        precondition(source.byteCount % team.size == 0, "the source is one block for each member")
        let block = source.byteCount / team.size
        check(destination, source.byteCount, "destination")
        try exchangeBlocks(.allToAll, source, destination, form) { _ in (block, block) }
    }

    /// As ``allToAll(_:into:form:)`` with a length for each pair: blocks lie one behind the other, in member order.
    ///
    /// - Parameters:
    ///   - sendByteCounts: what goes to each member; zeros are fine.
    ///   - receiveByteCounts: what comes from each member; what that member says it sends.
    /// - Throws: `.mismatch` naming a member that sends or takes another number of bytes than is expected here.
    public func allToAllV(
        _ source: Region, sendByteCounts: [Int], into destination: Region, receiveByteCounts: [Int],
        form: CollectiveForm = .standard
    ) throws(FabricError) {
        precondition(
            sendByteCounts.count == team.size && receiveByteCounts.count == team.size, "one length for each member")
        precondition(
            sendByteCounts[team.rank] == receiveByteCounts[team.rank], "what a member sends to itself it receives")
        precondition(source.byteCount == Self.total(sendByteCounts), "the source is as long as its blocks")
        check(destination, Self.total(receiveByteCounts), "destination")
        try exchangeBlocks(.allToAllV, source, destination, form) { member in
            (sendByteCounts[member], receiveByteCounts[member])
        }
    }

    /// `lengths` is asked once for each member, in order.
    private func exchangeBlocks(
        _ operation: CollectiveOperation, _ source: Region, _ destination: Region, _ form: CollectiveForm,
        lengths: (_ member: Int) -> (out: Int, in: Int)
    ) throws(FabricError) {
        form.check()
        check(source, source.byteCount, "source")
        checkOverlap(source, destination, inPlace: false)
        try perform(operation) { () throws(FabricError) in
            var out = source.offset
            var into = destination.offset
            for member in 0..<team.size {
                let (outByteCount, inByteCount) = lengths(member)
                var leg = Leg()
                leg.isPartner = member != team.rank
                leg.outOffset = out
                leg.outByteCount = outByteCount
                leg.inOffset = into
                leg.inByteCount = inByteCount
                workspace.legs[member] = leg
                out += outByteCount
                into += inByteCount
            }
            try Exchange(self, form, digest(operation, form)).run()
        }
    }
}
