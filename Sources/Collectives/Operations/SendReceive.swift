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
    public func sendReceive(
        _ source: Region, to target: Int?, into destination: Region, from origin: Int?,
        algorithm: CollectiveAlgorithm = .automatic, file: StaticString = #fileID, line: UInt = #line
    ) throws(FabricError) {
        try run(
            .sendReceive(
                source, to: target, into: destination, from: origin, algorithm: algorithm, file: file, line: line))
    }
}

extension CollectiveCall {
    /// As ``Collective/sendReceive(_:to:into:from:algorithm:file:line:)``.
    public static func sendReceive(
        _ source: Region, to target: Int?, into destination: Region, from origin: Int?,
        algorithm: CollectiveAlgorithm = .automatic, file: StaticString = #fileID, line: UInt = #line
    ) -> CollectiveCall {
        CollectiveCall(
            .sendReceive, source, destination, target: target, origin: origin, algorithm: algorithm,
            site: CallSite(file, line))
    }
}
