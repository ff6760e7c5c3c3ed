public import Fabric

extension Collective {
    /// Everybody gets everybody's block, in member order.
    ///
    /// - Parameters:
    ///   - source: this member's block; the same length everywhere, at any offset. May be its own place in the destination.
    ///   - destination: n blocks.
    public func allGather(
        _ source: Region, into destination: Region, algorithm: CollectiveAlgorithm = .automatic,
        file: StaticString = #fileID, line: UInt = #line
    ) throws(FabricError) {
        try run(.allGather(source, into: destination, algorithm: algorithm, file: file, line: line))
    }

    /// Everybody gets everybody's block, in member order; blocks may differ in length.
    ///
    /// - Parameters:
    ///   - byteCounts: the length of each member's block, the same list at every member; zeros are fine.
    ///   - source: this member's block. May be its own place in the destination.
    ///   - destination: all blocks, one behind the other.
    /// - Throws: `.mismatch` also where the lists differ.
    public func allGatherV(
        _ source: Region, byteCounts: [Int], into destination: Region, algorithm: CollectiveAlgorithm = .automatic,
        file: StaticString = #fileID, line: UInt = #line
    ) throws(FabricError) {
        try run(
            .allGatherV(source, byteCounts: byteCounts, into: destination, algorithm: algorithm, file: file, line: line)
        )
    }
}

extension CollectiveCall {
    /// As ``Collective/allGather(_:into:algorithm:file:line:)``.
    public static func allGather(
        _ source: Region, into destination: Region, algorithm: CollectiveAlgorithm = .automatic,
        file: StaticString = #fileID, line: UInt = #line
    ) -> CollectiveCall {
        CollectiveCall(.allGather, source, destination, algorithm: algorithm, site: CallSite(file, line))
    }

    /// As ``Collective/allGatherV(_:byteCounts:into:algorithm:file:line:)``.
    public static func allGatherV(
        _ source: Region, byteCounts: [Int], into destination: Region, algorithm: CollectiveAlgorithm = .automatic,
        file: StaticString = #fileID, line: UInt = #line
    ) -> CollectiveCall {
        CollectiveCall(
            .allGatherV, source, destination, receiveByteCounts: byteCounts, algorithm: algorithm,
            site: CallSite(file, line))
    }
}
