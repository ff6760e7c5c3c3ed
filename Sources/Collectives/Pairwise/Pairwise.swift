internal import Fabric
internal import Tensors

/// Every member moves its own bytes: pushes what it has for others, pulls what others have for it.
///
/// Where all windows are mapped, members meet before and after; over any other transport each pair deals for itself, with
/// announcements and done events, and so do the two of a send and a receive.
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
            try meet(call)
            try fold(
                call, .blocks(byteCount: block, total: team.size * block),
                result: call.destination.offset - team.rank * block, gathers: false
            ).run()
        case .reduce:
            try meet(call)
            try fold(
                call, .root(member: call.root, total: call.source.byteCount), result: call.destination.offset,
                gathers: false
            ).run()
        default: try exchange(call)
        }
    }

    /// Whether members meet instead of dealing pair by pair.
    private func meets(_ call: CollectiveCall) -> Bool { team.isNear && call.operation != .sendReceive }

    /// Where all windows are mapped: everybody says where its bytes lie, and the legs are filled with what the others said.
    private func meet(_ call: CollectiveCall) throws(FabricError) {
        guard meets(call) else { return }
        let posts = Posts(collective, call, algorithm: form.digest)
        try posts.exchange()
        for member in 0..<team.size where member != team.rank {
            let places = try posts.places(member)
            workspace.legs[member].remoteSource = places.source
            workspace.legs[member].remoteDestination = places.destination
            workspace.legs[member].isAnnounced = true
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
        for step in 1..<team.size { try workspace.signalBarrier(team.member((team.rank + step) % team.size)) }
        for step in 1..<team.size { try workspace.expectBarrier(team.member((team.rank + step) % team.size)) }
    }

    private func exchange(_ call: CollectiveCall) throws(FabricError) {
        try meet(call)
        var exchange = makeExchange(call)
        _ = try exchange.advance(waits: true)
    }

    /// The legs of an operation without arithmetic, and what carries it out.
    func makeExchange(_ call: CollectiveCall) -> Exchange {
        let size = team.size
        let me = team.rank
        for member in 0..<size {
            let talks =
                call.operation == .sendReceive
                ? member == call.target || member == call.origin : member == me || call.arePartners(me, member)
            guard talks else { continue }
            let out = call.outgoing(to: member, size, me: me)
            let into = call.incoming(from: member, size, me: me)
            var leg = workspace.legs[member]
            leg.isPartner = member != me
            leg.outOffset = call.source.offset + out.start
            leg.outByteCount = out.byteCount
            leg.inOffset = call.destination.offset + into.start
            leg.inByteCount = into.byteCount
            workspace.legs[member] = leg
        }
        return Exchange(
            team: team, workspace: workspace, form: form, digest: call.digest(size, form.digest), meets: meets(call))
    }

    private func fold(_ call: CollectiveCall, _ division: Division, result: Int, gathers: Bool) -> Fold {
        Fold(
            team: team, workspace: workspace, form: form, digest: call.digest(team.size, form.digest), type: call.type,
            reduction: call.reduction, division: division, source: call.source.offset, result: result, gathers: gathers,
            meets: meets(call))
    }

    /// Sources up to this many bytes go to everybody: with a few thousand bytes waits cost more than copies.
    static let oneShotByteCount = 4096

    /// Which way it goes depends on lengths alone, and the bits do not depend on it.
    private func allReduce(_ call: CollectiveCall) throws(FabricError) {
        let total = call.source.byteCount
        if total <= Self.oneShotByteCount && total <= workspace.slotByteCount(size: team.size) {
            try meet(call)
            return try oneShot(
                fold(
                    call, .root(member: team.rank, total: total), result: call.destination.offset, gathers: true))
        }
        try meet(call)
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
            var leg = workspace.legs[member]
            leg.isPartner = member != team.rank
            // Every member's bytes for this one go to the slot of this one, at every member.
            leg.remoteDestination = workspace.slot(team.rank, size: team.size)
            leg.outOffset = fold.source
            leg.outByteCount = fold.division.total
            leg.inOffset = member == team.rank ? fold.source : workspace.slot(member, size: team.size)
            leg.inByteCount = fold.division.total
            workspace.legs[member] = leg
        }
        var exchange = Exchange(
            team: team, workspace: workspace, form: form, digest: fold.digest, meets: fold.meets)
        _ = try exchange.advance(waits: true)
        fold.foldSlots()
    }
}
