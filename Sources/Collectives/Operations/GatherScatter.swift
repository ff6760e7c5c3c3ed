public import Fabric

extension Collective {
    /// The root gets everybody's block, in member order.
    ///
    /// - Parameters:
    ///   - source: this member's block, one length everywhere. At the root it may be its own place in the destination.
    ///   - destination: n blocks at the root; ignored elsewhere.
    public func gather(
        _ source: Region, into destination: Region, root: Int, algorithm: CollectiveAlgorithm = .automatic,
        file: StaticString = #fileID, line: UInt = #line
    ) throws(FabricError) {
        try run(.gather(source, into: destination, root: root, algorithm: algorithm, file: file, line: line))
    }

    /// Everybody gets its block of the root's source.
    ///
    /// - Parameters:
    ///   - source: n blocks at the root, in member order; ignored elsewhere.
    ///   - destination: this member's block, one length everywhere. At the root it may be its own place in the source.
    public func scatter(
        _ source: Region, into destination: Region, root: Int, algorithm: CollectiveAlgorithm = .automatic,
        file: StaticString = #fileID, line: UInt = #line
    ) throws(FabricError) {
        try run(.scatter(source, into: destination, root: root, algorithm: algorithm, file: file, line: line))
    }
}

extension CollectiveCall {
    /// As ``Collective/gather(_:into:root:algorithm:file:line:)``.
    public static func gather(
        _ source: Region, into destination: Region, root: Int, algorithm: CollectiveAlgorithm = .automatic,
        file: StaticString = #fileID, line: UInt = #line
    ) -> CollectiveCall {
        CollectiveCall(.gather, source, destination, root: root, algorithm: algorithm, site: CallSite(file, line))
    }

    /// As ``Collective/scatter(_:into:root:algorithm:file:line:)``.
    public static func scatter(
        _ source: Region, into destination: Region, root: Int, algorithm: CollectiveAlgorithm = .automatic,
        file: StaticString = #fileID, line: UInt = #line
    ) -> CollectiveCall {
        CollectiveCall(.scatter, source, destination, root: root, algorithm: algorithm, site: CallSite(file, line))
    }
}
