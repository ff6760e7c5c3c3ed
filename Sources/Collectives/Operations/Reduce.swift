public import Fabric
public import Tensors

extension Collective {
    /// The root gets the element-wise reduction of all sources.
    ///
    /// - Parameters:
    ///   - source: the same length at every member; aligned to the element size.
    ///   - destination: as long, at the root, and the source itself or apart from it; ignored and untouched elsewhere.
    /// - Complexity: the root reads and folds n - 1 times the bytes.
    public func reduce(
        _ source: Region, into destination: Region, type: ElementType, reduction: Reduction, root: Int,
        form: CollectiveForm = .standard
    ) throws(FabricError) {
        form.check()
        precondition((0..<team.size).contains(root), "the root is a member")
        let total = source.byteCount
        check(source, total, "source")
        checkElements(source, type)
        if team.rank == root {
            check(destination, total, "destination")
            checkElements(destination, type)
            checkOverlap(source, destination, inPlace: source == destination)
        }
        try perform(.reduce) { () throws(FabricError) in
            try Fold(
                team: team, workspace: workspace, form: form,
                digest: digest(.reduce, form, Int(type.rawValue) << 8 | Int(reduction.rawValue), root), type: type,
                reduction: reduction, division: .root(member: root, total: total), source: source.offset,
                result: destination.offset, gathers: false
            ).run()
        }
    }
}
