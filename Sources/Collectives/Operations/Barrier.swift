public import Fabric

extension Collective {
    /// Everybody has come this far, and what everybody put before is visible to all.
    ///
    /// A barrier moves no bytes, so there is nothing to split: pushed, each member sends one event to each other; otherwise it is the
    /// team's own, one arrival and one wait a member.
    public func barrier(
        algorithm: CollectiveAlgorithm = .automatic, file: StaticString = #fileID, line: UInt = #line
    ) throws(FabricError) { try run(.barrier(algorithm: algorithm, file: file, line: line)) }
}

extension CollectiveCall {
    /// As ``Collective/barrier(algorithm:file:line:)``.
    public static func barrier(
        algorithm: CollectiveAlgorithm = .automatic, file: StaticString = #fileID, line: UInt = #line
    ) -> CollectiveCall {
        let nothing = Region(offset: 0, byteCount: 0)
        return CollectiveCall(.barrier, nothing, nothing, algorithm: algorithm, site: CallSite(file, line))
    }
}
