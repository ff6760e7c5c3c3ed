public import Fabric
public import Tensors

extension Collective {
    /// Everybody gets its block of the element-wise reduction of all sources.
    ///
    /// - Parameters:
    ///   - source: n blocks of one length, the same at every member; aligned to the element size.
    ///   - destination: one block; apart from the source, or exactly this member's block of it.
    /// - Complexity: see ``Fold``: 3 events and waits a partner for a pull, 1 + 2 a round otherwise; n - 1 blocks in and out,
    ///   n - 1 operations an element.
    public func reduceScatter(
        _ source: Region, into destination: Region, type: ElementType, reduction: Reduction,
        form: CollectiveForm = .standard
    ) throws(FabricError) {
        form.check()
        let block = destination.byteCount
        let total = Self.product(team.size, block)
        check(source, total, "source")
        check(destination, block, "destination")
        checkElements(source, type)
        checkElements(destination, type)
        checkOverlap(source, destination, inPlace: destination == source.slice(team.rank * block, block))
        try perform(.reduceScatter) { () throws(FabricError) in
            try Fold(
                team: team, workspace: workspace, form: form,
                digest: digest(.reduceScatter, form, Int(type.rawValue), Int(reduction.rawValue)), type: type,
                reduction: reduction, division: .blocks(byteCount: block, total: total), source: source.offset,
                result: destination.offset - team.rank * block, gathers: false
            ).run()
        }
    }

    /// Whole elements, aligned to their size.
    func checkElements(_ region: Region, _ type: ElementType) {
        precondition(
            region.byteCount % type.byteCount == 0 && region.offset % type.byteCount == 0,
            "a reduction works on whole elements, aligned to their size")
    }
}
