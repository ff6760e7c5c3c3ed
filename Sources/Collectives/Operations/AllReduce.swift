public import Fabric
public import Tensors

extension Collective {
    /// Everybody gets the element-wise reduction of all sources, folded in member order.
    ///
    /// - Parameters:
    ///   - source: the same length at every member; aligned to the element size.
    ///   - destination: as long; the source itself or apart from it.
    public func allReduce(
        _ source: Region, into destination: Region, type: ElementType, reduction: Reduction,
        algorithm: CollectiveAlgorithm = .automatic, file: StaticString = #fileID, line: UInt = #line
    ) throws(FabricError) {
        try run(
            .allReduce(
                source, into: destination, type: type, reduction: reduction, algorithm: algorithm, file: file,
                line: line))
    }
}

extension CollectiveCall {
    /// As ``Collective/allReduce(_:into:type:reduction:algorithm:file:line:)``.
    public static func allReduce(
        _ source: Region, into destination: Region, type: ElementType, reduction: Reduction,
        algorithm: CollectiveAlgorithm = .automatic, file: StaticString = #fileID, line: UInt = #line
    ) -> CollectiveCall {
        CollectiveCall(
            .allReduce, source, destination, type: type, reduction: reduction, algorithm: algorithm,
            site: CallSite(file, line))
    }
}
