public import Fabric

extension Collective {
    /// Block j of member i goes to block i of member j.
    ///
    /// - Parameters:
    ///   - source: n blocks of one length, the same at every member.
    ///   - destination: as long, and apart from the source.
    public func allToAll(
        _ source: Region, into destination: Region, algorithm: CollectiveAlgorithm = .automatic,
        file: StaticString = #fileID, line: UInt = #line
    ) throws(FabricError) {
        try run(.allToAll(source, into: destination, algorithm: algorithm, file: file, line: line))
    }

    /// As ``allToAll(_:into:algorithm:file:line:)`` with a length for each pair: blocks lie one behind the other, in member order.
    ///
    /// - Parameters:
    ///   - sendByteCounts: what goes to each member; zeros are fine.
    ///   - receiveByteCounts: what comes from each member; what that member says it sends.
    /// - Throws: `.mismatch` naming a member that sends or takes another number of bytes than is expected here.
    public func allToAllV(
        _ source: Region, sendByteCounts: [Int], into destination: Region, receiveByteCounts: [Int],
        algorithm: CollectiveAlgorithm = .automatic, file: StaticString = #fileID, line: UInt = #line
    ) throws(FabricError) {
        try run(
            .allToAllV(
                source, sendByteCounts: sendByteCounts, into: destination, receiveByteCounts: receiveByteCounts,
                algorithm: algorithm, file: file, line: line))
    }
}

extension CollectiveCall {
    /// As ``Collective/allToAll(_:into:algorithm:file:line:)``.
    public static func allToAll(
        _ source: Region, into destination: Region, algorithm: CollectiveAlgorithm = .automatic,
        file: StaticString = #fileID, line: UInt = #line
    ) -> CollectiveCall {
        CollectiveCall(.allToAll, source, destination, algorithm: algorithm, site: CallSite(file, line))
    }

    /// As ``Collective/allToAllV(_:sendByteCounts:into:receiveByteCounts:algorithm:file:line:)``.
    public static func allToAllV(
        _ source: Region, sendByteCounts: [Int], into destination: Region, receiveByteCounts: [Int],
        algorithm: CollectiveAlgorithm = .automatic, file: StaticString = #fileID, line: UInt = #line
    ) -> CollectiveCall {
        CollectiveCall(
            .allToAllV, source, destination, sendByteCounts: sendByteCounts, receiveByteCounts: receiveByteCounts,
            algorithm: algorithm, site: CallSite(file, line))
    }
}
