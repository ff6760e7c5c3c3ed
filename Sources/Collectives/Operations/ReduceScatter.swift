public import Fabric
public import Tensors

extension Collective {
    /// Everybody gets its block of the element-wise reduction of all sources, folded in member order.
    ///
    /// - Parameters:
    ///   - source: n blocks of one length, the same at every member; aligned to the element size.
    ///   - destination: one block; apart from the source, or exactly this member's block of it.
    public func reduceScatter(
        _ source: Region, into destination: Region, type: ElementType, reduction: Reduction,
        algorithm: CollectiveAlgorithm = .automatic, file: StaticString = #fileID, line: UInt = #line
    ) throws(FabricError) {
        try run(
            .reduceScatter(
                source, into: destination, type: type, reduction: reduction, algorithm: algorithm, file: file,
                line: line))
    }
}

extension CollectiveCall {
    /// As ``Collective/reduceScatter(_:into:type:reduction:algorithm:file:line:)``.
    public static func reduceScatter(
        _ source: Region, into destination: Region, type: ElementType, reduction: Reduction,
        algorithm: CollectiveAlgorithm = .automatic, file: StaticString = #fileID, line: UInt = #line
    ) -> CollectiveCall {
        CollectiveCall(
            .reduceScatter, source, destination, type: type, reduction: reduction, algorithm: algorithm,
            site: CallSite(file, line))
    }
}
