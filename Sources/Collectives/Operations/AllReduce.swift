public import Fabric
public import Tensors

extension Collective {
    /// Everybody gets the element-wise reduction of all sources.
    ///
    /// Small sources go to everybody, who folds all of them (one shot). Larger ones are divided: each member folds one slice
    /// and hands it to everybody. Which it is depends on lengths alone, and the bits do not depend on it.
    ///
    /// - Parameters:
    ///   - source: the same length at every member; aligned to the element size.
    ///   - destination: as long; the source itself or apart from it.
    /// - Complexity: one shot: 2 events and waits a partner, n - 1 sources in, n - 1 operations an element. Divided: 4 events and
    ///   waits a partner for a pull, 1 + 3 a round otherwise; about two sources in and out, and (n - 1)/n operations an element.
    public func allReduce(
        _ source: Region, into destination: Region, type: ElementType, reduction: Reduction,
        form: CollectiveForm = .standard
    ) throws(FabricError) {
        form.check()
        let total = source.byteCount
        check(source, total, "source")
        check(destination, total, "destination")
        checkElements(source, type)
        checkElements(destination, type)
        checkOverlap(source, destination, inPlace: source == destination)
        let isOneShot = total <= Self.oneShotByteCount && total <= workspace.slotByteCount(size: team.size)
        // Slices start on lines of their own.
        let slice = ((total + team.size - 1) / team.size + 63) / 64 * 64
        let fold = Fold(
            team: team, workspace: workspace, form: form,
            digest: digest(.allReduce, form, Int(type.rawValue), Int(reduction.rawValue)), type: type,
            reduction: reduction,
            division: isOneShot
                ? .root(member: team.rank, total: total) : .blocks(byteCount: slice, total: total),
            source: source.offset, result: destination.offset, gathers: true)
        try perform(.allReduce) { () throws(FabricError) in
            if isOneShot { try runOneShot(fold) } else { try fold.run() }
        }
    }

    /// Sources up to this many bytes go to everybody: with a few thousand bytes waits cost more than copies.
    static let oneShotByteCount = 4096

    /// All sources into all slots, then every member folds for itself: the destination is written only after everybody
    /// has read the source, which may be the same place.
    private func runOneShot(_ fold: Fold) throws(FabricError) {
        for member in 0..<team.size {
            var leg = Leg()
            leg.isPartner = member != team.rank
            leg.outOffset = fold.source
            leg.outByteCount = fold.division.total
            leg.inOffset = member == team.rank ? fold.source : workspace.slot(member, size: team.size)
            leg.inByteCount = fold.division.total
            workspace.legs[member] = leg
        }
        try Exchange(self, fold.form, fold.digest).run()
        fold.foldSlots()
    }
}
