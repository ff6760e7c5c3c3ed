public import Fabric
public import Tensors

extension Collective {
    /// The root gets the element-wise reduction of all sources, folded in member order.
    ///
    /// - Parameters:
    ///   - source: the same length at every member; aligned to the element size.
    ///   - destination: as long, at the root, and the source itself or apart from it; ignored and untouched elsewhere.
    public func reduce(
        _ source: Region, into destination: Region, type: ElementType, reduction: Reduction, root: Int,
        algorithm: CollectiveAlgorithm = .automatic, file: StaticString = #fileID, line: UInt = #line
    ) throws(FabricError) {
        try run(
            .reduce(
                source, into: destination, type: type, reduction: reduction, root: root, algorithm: algorithm,
                file: file, line: line
            ))
    }
}

extension CollectiveCall {
    /// As ``Collective/reduce(_:into:type:reduction:root:algorithm:file:line:)``.
    public static func reduce(
        _ source: Region, into destination: Region, type: ElementType, reduction: Reduction, root: Int,
        algorithm: CollectiveAlgorithm = .automatic, file: StaticString = #fileID, line: UInt = #line
    ) -> CollectiveCall {
        CollectiveCall(
            .reduce, source, destination, root: root, type: type, reduction: reduction, algorithm: algorithm,
            site: CallSite(file, line))
    }
}
