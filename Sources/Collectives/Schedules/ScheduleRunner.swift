internal import Fabric
internal import Kernels
internal import Tensors

/// Carries out any schedule over the workspace's event streams, over any transport.
///
/// Bytes are put by their producer, and folded out of a source where it can be loaded, or fetched first. Puts that continue each other at
/// both ends become one. Puts do not block: an event to the same member stays behind them, staging is watched (``LentStaging``), and the end
/// of the operation completes them all. Nothing is allocated.
///
/// - Complexity: 2 events and 2 waits a partner more than the schedule has.
struct ScheduleRunner: StepSink {
    let team: Team
    let workspace: CollectiveWorkspace
    let call: CollectiveCall
    let shape: ScheduleShape
    let digest: UInt64

    /// A put that has not been made, as the next may continue it.
    private var pending = Transfer()
    /// Staging that puts may still have to read.
    private var lent = LentStaging()

    init(_ collective: Collective, _ call: CollectiveCall, _ algorithm: CollectiveAlgorithm) {
        team = collective.team
        workspace = collective.workspace
        self.call = call
        shape = ScheduleShape(call, size: collective.team.size, staging: collective.workspace.slots.byteCount)
        digest = call.digest(collective.team.size, algorithm.digest)
    }

    private var endpoint: Endpoint { workspace.endpoint }
    /// A barrier has no regions to announce.
    var announces: Bool { shape.operation != .barrier }

    /// From the announcements to the last events.
    mutating func run<Plan: Schedule>(_ schedule: Plan) throws(FabricError) {
        try open(schedule)
        try carryOut(schedule)
    }

    /// An all-to-all of differing lengths: what is to be handed on is known when tables have been read.
    ///
    /// Allocates the table: about 16 bytes for each member of the team.
    mutating func runByTable(_ schedule: GroupedSchedule) throws(FabricError) {
        try workspace.publishTable(call, team.size, me: team.rank)
        try open(schedule)
        try carryOut(TrampolineExchange(schedule, readTable(schedule)))
    }

    private mutating func carryOut<Plan: Schedule>(_ schedule: Plan) throws(FabricError) {
        try schedule.emit(team.rank, &self)
        try finish()
        try close()
    }

    /// After the last step: the last events to the partners.
    mutating func finish() throws(FabricError) {
        let me = team.rank
        try flush()
        guard announces else { return }
        for step in 1..<max(team.size, 1) {
            let member = (me + step) % team.size
            guard workspace.legs[member].isPartner else { continue }
            try meet(member)
            // Releases what was put there; acquired by the member's last wait, below.
            try workspace.signal(team.member(member))
        }
    }

    /// And theirs.
    private func close() throws(FabricError) {
        guard announces else { return }
        for step in 1..<max(team.size, 1) {
            let member = (team.rank + step) % team.size
            if workspace.legs[member].isPartner { try workspace.expect(team.member(member)) }
        }
        try complete()
        if team.size == 1 { try endpoint.checkMembership() }
    }

    /// Until no put needs its source any more. A partner's last event does not say that: it may have been sent before this member's bytes came.
    func complete() throws(FabricError) { try endpoint.completeLocally() }

    /// Announces this member's regions to its partners, and notes what theirs must be.
    func open<Plan: Schedule>(_ schedule: Plan) throws(FabricError) {
        let me = team.rank
        for member in 0..<team.size { workspace.legs[member] = Leg() }
        guard announces else { return try endpoint.quiet() }
        var mine = Leg()
        mine.outOffset = call.source.offset
        mine.outByteCount = shape.sourceByteCount(me)
        mine.inOffset = call.destination.offset
        mine.inByteCount = shape.destinationByteCount(me)
        for step in 1..<max(team.size, 1) {
            let member = (me + step) % team.size
            guard schedule.arePartners(me, member) else { continue }
            // A leg is compared crosswise: what goes out here is what comes in there.
            workspace.legs[member].isPartner = true
            workspace.legs[member].inByteCount = shape.sourceByteCount(member)
            workspace.legs[member].outByteCount = shape.destinationByteCount(member)
            try workspace.announce(team.member(member), digest, mine)
        }
    }

    /// Who sends how much to members of this one's group by this one, and where it goes.
    ///
    /// - Throws: `.mismatch` where the tables of both ends contradict each other.
    private func readTable(_ schedule: GroupedSchedule) throws(FabricError) -> ExchangeTable {
        let me = team.rank
        let home = schedule.groups.group(of: me)
        let mine = schedule.groups.members(home)
        var table = ExchangeTable(me, schedule.groups, sendOffsets: call.sendOffsets)
        for member in mine { if member != me { try meet(member) } }
        for sender in 0..<team.size {
            guard sender == me || !mine.contains(sender) && schedule.relay(sender, home) == me else { continue }
            if sender != me { try meet(sender) }
            for member in mine {
                let sent = try workspace.sent(by: team.member(sender), to: member)
                let taken = try workspace.taken(by: team.member(member), from: sender)
                let base = member == me ? call.destination.offset : workspace.legs[member].remoteDestination
                guard sent.byteCount == taken.byteCount, taken.byteCount >= 0, taken.start >= 0,
                    taken.byteCount <= endpoint.windowByteCount - base,
                    taken.start <= endpoint.windowByteCount - base - taken.byteCount
                else {
                    throw workspace.tableMismatch(
                        team.member(sender), sent.byteCount, team.member(member), taken.byteCount)
                }
                table.set(from: sender, to: member, byteCount: taken.byteCount, place: taken.start)
            }
        }
        return table
    }

    /// Waits for a member's announcement, once.
    private func meet(_ member: Int) throws(FabricError) {
        if announces { try workspace.awaitAnnouncement(member, team.member(member), digest) }
    }

    mutating func take(_ step: Step) throws(FabricError) {
        switch step {
        case .put(let member, let from, let to, let byteCount):
            try meet(member)
            try put(
                Transfer(
                    peer: team.member(member), source: here(from), destination: there(to, member),
                    byteCount: byteCount))
        case .signal(let member):
            try flush()
            // The event may allow its receiver, or others through it, to write what a put to another member has not read yet.
            if lent.goesElsewhere(than: team.member(member)) { try settleLent() }
            if !announces { return try workspace.signalBarrier(team.member(member)) }
            try workspace.signal(team.member(member))
        case .wait(let member):
            try flush()
            if !announces { return try workspace.expectBarrier(team.member(member)) }
            try meet(member)
            try workspace.expect(team.member(member))
        case .copy(let from, let to, let byteCount):
            guard byteCount > 0, here(from) != here(to) else { return }
            try flush()
            if lent.covers(here(to), byteCount: byteCount) { try settleLent() }
            try endpoint.put(from: here(from), byteCount: byteCount, to: endpoint.rank, at: here(to))
        case .fold(let fold):
            try flush()
            // Accumulators are no shorter than elements.
            if lent.covers(here(fold.into), byteCount: fold.byteCount / shape.element * shape.accumulator) {
                try settleLent()
            }
            try carryOut(fold)
        }
    }

    private func here(_ place: Place) -> Int {
        switch place.area {
        case .source: call.source.offset + place.offset
        case .destination: call.destination.offset + place.offset
        case .staging: workspace.slots.offset + place.offset
        }
    }

    private func there(_ place: Place, _ member: Int) -> Int {
        switch place.area {
        case .source: workspace.legs[member].remoteSource + place.offset
        case .destination: workspace.legs[member].remoteDestination + place.offset
        case .staging: workspace.slots.offset + place.offset
        }
    }

    private mutating func put(_ next: Transfer) throws(FabricError) {
        if pending.byteCount > 0 {
            if pending.peer == next.peer, pending.source + pending.byteCount == next.source,
                pending.destination + pending.byteCount == next.destination
            {
                pending.byteCount += next.byteCount
                return
            }
            try flush()
        }
        pending = next
    }

    /// Makes the put that waits, if one does.
    private mutating func flush() throws(FabricError) {
        guard pending.byteCount > 0 else { return }
        let isLent =
            !endpoint.isNear(pending.peer) && pending.source >= workspace.slots.offset
            && pending.source < workspace.slots.offset + workspace.slots.byteCount
        if isLent, lent.isFull { try settleLent() }
        try endpoint.putNonBlocking(
            from: pending.source, byteCount: pending.byteCount, to: pending.peer, at: pending.destination)
        if isLent { lent.add(pending) }
        pending.byteCount = 0
    }

    private mutating func settleLent() throws(FabricError) {
        try endpoint.completeLocally()
        lent.clear()
    }

    /// Folds a tile at a time, so that accumulators stay in cache while the members' elements stream past.
    private func carryOut(_ fold: FoldStep) throws(FabricError) {
        let endpoint = endpoint
        let tile = workspace.tile
        let capacity = ReductionTile.capacity(call.type)
        let count = fold.byteCount / shape.element
        for member in fold.members where member != team.rank { try meet(member) }
        var done = 0
        while done < count {
            let elements = min(capacity, count - done)
            let byteCount = elements * shape.element
            let start = fold.start + done * shape.element
            if let carry = fold.carry {
                tile.loadAccumulators(
                    call.type,
                    from: endpoint.bytes(
                        at: here(carry) + done * shape.accumulator, byteCount: elements * shape.accumulator))
            }
            for member in fold.members {
                let isFirst = fold.carry == nil && member == fold.members.lowerBound
                try absorb(member, start, byteCount, scratch: here(fold.scratch), isFirst: isFirst)
            }
            if fold.isFinal {
                var bytes = endpoint.mutableBytes(at: here(fold.into) + done * shape.element, byteCount: byteCount)
                tile.store(call.type, into: &bytes)
            } else {
                var bytes = endpoint.mutableBytes(
                    at: here(fold.into) + done * shape.accumulator, byteCount: elements * shape.accumulator)
                tile.storeAccumulators(call.type, into: &bytes)
            }
            done += elements
        }
    }

    /// One member's elements into the tile.
    private func absorb(
        _ member: Int, _ start: Int, _ byteCount: Int, scratch: Int, isFirst: Bool
    ) throws(FabricError) {
        let endpoint = endpoint
        let peer = team.member(member)
        if member == team.rank {
            absorb(endpoint.bytes(at: call.source.offset + start, byteCount: byteCount), isFirst)
            return
        }
        let place = workspace.legs[member].remoteSource + start
        if let bytes = endpoint.peerBytes(peer, at: place, byteCount: byteCount) {
            return absorb(bytes, isFirst)
        }
        try endpoint.get(from: peer, at: place, byteCount: byteCount, to: scratch)
        absorb(endpoint.bytes(at: scratch, byteCount: byteCount), isFirst)
    }

    private func absorb(_ bytes: RawSpan, _ isFirst: Bool) {
        if isFirst {
            workspace.tile.load(call.type, from: bytes)
        } else {
            workspace.tile.accumulate(call.type, call.reduction, from: bytes)
        }
    }
}

extension ScheduleShape {
    /// The shape of a call.
    init(_ call: CollectiveCall, size: Int, staging: Int) {
        self.init(
            operation: call.operation, size: size, root: call.root, block: call.blockByteCount(size), staging: staging)
        if call.operation == .allGatherV { offsets = call.receiveOffsets }
        if call.operation.isReduction {
            element = call.type.byteCount
            accumulator = ReductionTile.accumulatorByteCount(call.type)
        }
    }
}
