internal import Fabric
internal import Tensors

/// Every pair of members deals for itself: announcements, pushes, pulls and done events between partners, over any transport.
///
/// Blocks that only move go through an ``Exchange``, reductions through a ``Fold``. Small all-reduces go in one shot: every source
/// to everybody, who folds for itself.
struct Pairwise {
    let collective: Collective
    let form: CollectiveForm

    private var team: Team { collective.team }
    private var workspace: CollectiveWorkspace { collective.workspace }

    func run(_ call: CollectiveCall) throws(FabricError) {
        for index in 0..<team.size { workspace.legs[index] = Leg() }
        switch call.operation {
        case .barrier: try barrier()
        case .allReduce: try allReduce(call)
        case .reduceScatter:
            let block = call.destination.byteCount
            try fold(
                call, .blocks(byteCount: block, total: team.size * block),
                result: call.destination.offset - team.rank * block, gathers: false
            ).run()
        case .reduce:
            try fold(
                call, .root(member: call.root, total: call.source.byteCount), result: call.destination.offset,
                gathers: false
            ).run()
        default: try exchange(call)
        }
    }

    /// - push: each member sends one event to each other and waits for one from each: one hop, n - 1 events, n - 1 waits.
    /// - pull: the team's own barrier, in which each member reads from a counter how many have come.
    ///
    /// As any transfer of at most 512 bytes, the concurrent form is the pushed one.
    private func barrier() throws(FabricError) {
        try workspace.endpoint.quiet()
        guard form.pushes, team.size > 1 else {
            return try team.sync(deadline: workspace.timeout.map(workspace.endpoint.deadline))
        }
        for step in 1..<team.size { try workspace.signal(team.member((team.rank + step) % team.size)) }
        for step in 1..<team.size { try workspace.expect(team.member((team.rank + step) % team.size)) }
    }

    private func exchange(_ call: CollectiveCall) throws(FabricError) {
        let size = team.size
        let me = team.rank
        for member in 0..<size {
            let talks =
                call.operation == .sendReceive
                ? member == call.target || member == call.origin : member == me || call.arePartners(me, member)
            guard talks else { continue }
            let out = call.outgoing(to: member, size, me: me)
            let into = call.incoming(from: member, size, me: me)
            var leg = Leg()
            leg.isPartner = member != me
            leg.outOffset = call.source.offset + out.start
            leg.outByteCount = out.byteCount
            leg.inOffset = call.destination.offset + into.start
            leg.inByteCount = into.byteCount
            workspace.legs[member] = leg
        }
        try Exchange(team: team, workspace: workspace, form: form, digest: call.digest(size, form.digest)).run()
    }

    private func fold(_ call: CollectiveCall, _ division: Division, result: Int, gathers: Bool) -> Fold {
        Fold(
            team: team, workspace: workspace, form: form, digest: call.digest(team.size, form.digest), type: call.type,
            reduction: call.reduction, division: division, source: call.source.offset, result: result, gathers: gathers)
    }

    /// Sources up to this many bytes go to everybody: with a few thousand bytes waits cost more than copies.
    static let oneShotByteCount = 4096

    /// Which way it goes depends on lengths alone, and the bits do not depend on it.
    private func allReduce(_ call: CollectiveCall) throws(FabricError) {
        let total = call.source.byteCount
        if total <= Self.oneShotByteCount && total <= workspace.slotByteCount(size: team.size) {
            return try oneShot(
                fold(
                    call, .root(member: team.rank, total: total), result: call.destination.offset, gathers: true))
        }
        // Slices start on lines of their own.
        let slice = ((total + team.size - 1) / team.size + 63) / 64 * 64
        try fold(
            call, .blocks(byteCount: slice, total: total), result: call.destination.offset, gathers: true
        ).run()
    }

    /// All sources into all slots, then every member folds for itself: the destination is written only after everybody
    /// has read the source, which may be the same place.
    private func oneShot(_ fold: Fold) throws(FabricError) {
        for member in 0..<team.size {
            var leg = Leg()
            leg.isPartner = member != team.rank
            leg.outOffset = fold.source
            leg.outByteCount = fold.division.total
            leg.inOffset = member == team.rank ? fold.source : workspace.slot(member, size: team.size)
            leg.inByteCount = fold.division.total
            workspace.legs[member] = leg
        }
        try Exchange(team: team, workspace: workspace, form: form, digest: fold.digest).run()
        fold.foldSlots()
    }
}
