public import Fabric

extension Collective {
    /// Copies the root's source to everybody's destination, the root's own included.
    ///
    /// - Parameters:
    ///   - source: at the root, as long as the destination; ignored elsewhere. May be the destination itself.
    ///   - destination: the same length at every member.
    ///   - root: number of the member in the team; the same at every member.
    public func broadcast(
        _ source: Region, into destination: Region, root: Int, algorithm: CollectiveAlgorithm = .automatic,
        file: StaticString = #fileID, line: UInt = #line
    ) throws(FabricError) {
        try run(.broadcast(source, into: destination, root: root, algorithm: algorithm, file: file, line: line))
    }
}

extension CollectiveCall {
    /// As ``Collective/broadcast(_:into:root:algorithm:file:line:)``.
    public static func broadcast(
        _ source: Region, into destination: Region, root: Int, algorithm: CollectiveAlgorithm = .automatic,
        file: StaticString = #fileID, line: UInt = #line
    ) -> CollectiveCall {
        CollectiveCall(.broadcast, source, destination, root: root, algorithm: algorithm, site: CallSite(file, line))
    }
}
