internal import Fabric
internal import Kernels
internal import Tensors

/// Carries out any schedule over any transport: from start to end as its steps are made, or as a list that can be left and taken up again.
///
/// Bytes are put by their producer, and folded out of a source where it can be loaded, or fetched first. Puts that continue each other at
/// both ends become one. Puts do not block: an event to the same member stays behind them, staging is watched (``LentStaging``), and the end
/// of the operation completes them all. Nothing is allocated but the list, some 200 bytes a step.
///
/// Members say to each other the same things either way, so one may start what another calls. While an operation is left, partners may
/// write into this member's slots; so there is one at a time for each workspace.
///
/// - Complexity: 2 events and 2 waits a partner more than the schedule has, or two meetings.
struct ScheduleRun<Plan: Schedule>: CollectiveExecution, StepSink, LengthReader {
    let team: Team
    let workspace: CollectiveWorkspace
    let call: CollectiveCall
    let digest: UInt64
    private var plan: Plan

    /// A put that has not been made, as the next may continue it.
    private var pending = Transfer()
    /// Staging that puts may still have to read.
    private var lent = LentStaging()
    /// How far the members' meeting is, where they meet.
    private var rendezvous = Rendezvous()
    /// The next member whose last event is awaited; 0 until the own ones have been sent, the team's size when all have come.
    private var closing = 0

    /// What of the operation has been done, where it is left: whether partners have been told and the steps listed, and the next of those.
    private var isOpen = false
    private var steps = StepList()
    private var next = 0
    /// What is known of partners: here while the operation is left, and in the workspace while it is at work.
    private var blocks: [PartnerBlock] = []

    init(_ call: CollectiveCall, on collective: Collective, _ plan: Plan) {
        team = collective.team
        workspace = collective.workspace
        self.call = call
        self.plan = plan
        digest = call.digest(collective.team.size)
    }

    private var endpoint: Endpoint { workspace.endpoint }
    /// A barrier has no regions to announce.
    private var announces: Bool { call.operation != .barrier }

    // MARK: The whole

    mutating func run() throws(FabricError) {
        _ = try open(waits: true)
        let plan = plan
        try plan.emit(team.rank, &self)
        _ = try close(waits: true)
    }

    var canBeLeft: Bool { call.operation != .allToAllV || !plan.usesRendezvous && !plan.needsTable }

    mutating func advance(waits: Bool) throws(FabricError) -> Bool {
        let workspace = workspace
        if blocks.isEmpty { blocks = Array(repeating: PartnerBlock(), count: workspace.blocks.count) }
        swap(&workspace.blocks, &blocks)
        defer { swap(&workspace.blocks, &blocks) }
        let isOver = try proceed(waits)
        // No wait looks for this between tests.
        if !isOver { try endpoint.checkMembership() }
        return isOver
    }

    private mutating func proceed(_ waits: Bool) throws(FabricError) -> Bool {
        if !isOpen {
            guard try open(waits: waits) else { return false }
            isOpen = true
            try plan.emit(team.rank, &steps)
        }
        while next < steps.list.count {
            let step = steps.list[next]
            switch step {
            case .sync: guard try meet(waits) else { return false }
            case .close: guard try close(waits: waits) else { return false }
            default:
                guard waits || isReady(for: step) else { return false }
                try take(step)
            }
            next += 1
        }
        return try close(waits: waits)
    }

    /// Whether a step can be taken without waiting for a member. What goes through a switch may still wait for that.
    private func isReady(for step: Step) -> Bool {
        switch step {
        case .signal, .copy, .complete, .sync, .close: true
        case .wait(let member):
            workspace.hasEvents(announces && !workspace.blocks[member].isAnnounced ? 2 : 1, team.member(member))
        case .put(let member, _, _, _): isKnown(member)
        case .exchange(let push, let pull):
            (push.byteCount == 0 || isKnown(push.member)) && (pull.byteCount == 0 || isKnown(pull.member))
        case .fold(let fold): fold.members.allSatisfy { isKnown($0) }
        }
    }

    /// Whether a member has announced itself.
    private func isKnown(_ member: Int) -> Bool {
        member == team.rank || workspace.blocks[member].isAnnounced || workspace.hasEvent(team.member(member))
    }

    /// Waits for a member's announcement, once.
    private func awaitAnnouncement(_ member: Int) throws(FabricError) {
        if announces { try workspace.awaitAnnouncement(member, team.member(member), digest) }
    }

    // MARK: Before the steps

    /// Says to the partners where this member's bytes lie, and hears it from them where members meet or publish tables.
    private mutating func open(waits: Bool) throws(FabricError) -> Bool {
        if !rendezvous.hasArrived {
            workspace.executedAlgorithm = plan.algorithm
            if !announces { try endpoint.quiet() }
            if call.operation == .allToAllV, !canBeLeft { try workspace.publishTable(call, team.size, me: team.rank) }
            if !plan.usesRendezvous { try announce() }
        }
        if plan.usesRendezvous {
            let descriptors = CallDescriptors(team, workspace, call)
            guard try rendezvous.advance(team, descriptors, workspace.deadline(), waits: waits) else { return false }
            for member in 0..<team.size where member != team.rank {
                var block = PartnerBlock()
                block.isAnnounced = true
                (block.remoteSource, block.remoteDestination) = try descriptors.places(member)
                workspace.blocks[member] = block
            }
        }
        if plan.needsTable {
            for member in 0..<team.size where workspace.blocks[member].isPartner { try awaitAnnouncement(member) }
            var plan = plan
            try plan.readTable(team.rank, self)
            self.plan = plan
        }
        return true
    }

    /// Announces this member's regions to its partners, and notes what theirs must be.
    private func announce() throws(FabricError) {
        let me = team.rank
        for member in 0..<team.size { workspace.blocks[member] = PartnerBlock() }
        guard announces else { return }
        let shape = ScheduleShape(call, size: team.size, staging: 0)
        for member in others where plan.arePartners(me, member) {
            var mine = PartnerBlock()
            var expected = PartnerBlock()
            if let block = plan.block(me, member) {
                mine = block
                expected = block
            } else {
                mine.outOffset = call.source.offset
                mine.outByteCount = shape.sourceByteCount(me)
                mine.inOffset = call.destination.offset
                mine.inByteCount = shape.destinationByteCount(me)
                // Compared crosswise: what goes out there comes in here.
                expected.inByteCount = shape.sourceByteCount(member)
                expected.outByteCount = shape.destinationByteCount(member)
            }
            expected.isPartner = true
            workspace.blocks[member] = expected
            try workspace.announce(team.member(member), digest, mine)
        }
    }

    /// The others in rotated order, so that no two members begin with the same.
    private var others: some Sequence<Int> {
        let (me, size) = (team.rank, team.size)
        return (1..<max(size, 1)).lazy.map { (me + $0) % size }
    }

    /// - Throws: `.mismatch` where the tables of both ends contradict each other or leave a window.
    func length(from sender: Int, to member: Int) throws(FabricError) -> (byteCount: Int, place: Int) {
        let (producer, consumer) = (team.member(sender), team.member(member))
        let sent = try workspace.sent(by: producer, to: member).byteCount
        let (place, taken) = try workspace.taken(by: consumer, from: sender)
        let room =
            endpoint.windowByteCount - (member == team.rank ? here(.destination(0)) : there(.destination(0), member))
        guard sent == taken, taken >= 0, place >= 0, taken <= room, place <= room - taken else {
            throw workspace.error(
                .mismatch, producer, "rank \(producer) sends \(sent) bytes to rank \(consumer), which takes \(taken)")
        }
        return (taken, place)
    }

    // MARK: After the steps

    /// Says *done* to each partner, and waits for theirs, so that all may use their regions and slots again; or meets them.
    private mutating func close(waits: Bool) throws(FabricError) -> Bool {
        if closing == team.size { return true }
        try flush()
        if plan.usesRendezvous {
            guard try meet(waits) else { return false }
            closing = team.size
            return true
        }
        if closing == 0 {
            guard waits || others.allSatisfy({ !workspace.blocks[$0].isPartner || isKnown($0) }) else { return false }
            for member in others where workspace.blocks[member].isPartner {
                try awaitAnnouncement(member)
                // Releases what was put there; acquired by the member's last wait, below.
                try workspace.signal(team.member(member))
            }
            closing = 1
        }
        while closing < team.size {
            let member = (team.rank + closing) % team.size
            if workspace.blocks[member].isPartner {
                guard waits || workspace.hasEvent(team.member(member)) else { return false }
                try workspace.expect(team.member(member))
            }
            closing += 1
        }
        // A partner's last event may have been sent before this member's bytes came there.
        try endpoint.completeLocally()
        if team.size == 1 { try endpoint.checkMembership() }
        return true
    }

    private mutating func meet(_ waits: Bool) throws(FabricError) -> Bool {
        try rendezvous.advance(team, nil, workspace.deadline(), waits: waits)
    }

    // MARK: Steps

    mutating func take(_ step: Step) throws(FabricError) {
        switch step {
        case .put(let member, let from, let to, let byteCount):
            try awaitAnnouncement(member)
            return try put(
                Transfer(
                    peer: team.member(member), source: here(from), destination: there(to, member),
                    byteCount: byteCount))
        default: try flush()
        }
        switch step {
        case .put: break
        case .signal(let member):
            // The event may allow its receiver, or others through it, to write what a put to another member has not read yet.
            if lent.goesElsewhere(than: team.member(member)) { try complete() }
            if !announces { return try workspace.signalBarrier(team.member(member)) }
            try workspace.signal(team.member(member))
        case .wait(let member):
            if !announces { return try workspace.expectBarrier(team.member(member)) }
            try awaitAnnouncement(member)
            try workspace.expect(team.member(member))
        case .copy(let from, let to, let byteCount):
            guard byteCount > 0, here(from) != here(to) else { return }
            if lent.covers(here(to), byteCount: byteCount) { try complete() }
            try endpoint.put(from: here(from), byteCount: byteCount, to: endpoint.rank, at: here(to))
        case .exchange(let push, let pull): try exchange(push, pull)
        case .complete: try complete()
        case .fold(let fold): try carryOut(fold)
        case .sync: _ = try meet(true)
        case .close: _ = try close(waits: true)
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
        case .source: workspace.blocks[member].remoteSource + place.offset
        case .destination: workspace.blocks[member].remoteDestination + place.offset
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
            && pending.source < workspace.slots.end
        if isLent, lent.isFull { try complete() }
        try endpoint.putNonBlocking(
            from: pending.source, byteCount: pending.byteCount, to: pending.peer, at: pending.destination)
        if isLent { lent.add(pending) }
        pending.byteCount = 0
    }

    private mutating func complete() throws(FabricError) {
        try endpoint.completeLocally()
        lent.clear()
    }

    private func exchange(_ push: Move, _ pull: Move) throws(FabricError) {
        var (out, into) = (Transfer(), Transfer())
        if push.byteCount > 0 {
            try awaitAnnouncement(push.member)
            out = Transfer(
                peer: team.member(push.member), source: here(push.here), destination: there(push.there, push.member),
                byteCount: push.byteCount)
        }
        if pull.byteCount > 0 {
            try awaitAnnouncement(pull.member)
            into = Transfer(
                peer: team.member(pull.member), source: there(pull.there, pull.member), destination: here(pull.here),
                byteCount: pull.byteCount)
        }
        try Transfer.interleave(endpoint, workspace.lane, push: out, pull: into)
    }

    private mutating func carryOut(_ fold: FoldStep) throws(FabricError) {
        guard fold.byteCount > 0 else { return }
        // Accumulators are no shorter than elements.
        let accumulators = fold.byteCount / call.type.byteCount * ReductionTile.accumulatorByteCount(call.type)
        if lent.covers(here(fold.into), byteCount: accumulators) { try complete() }
        for member in fold.members where member != team.rank { try awaitAnnouncement(member) }
        var scratch = 0
        if case .windows(let place) = fold.input { scratch = here(place) }
        try workspace.fold(
            call, fold.members, byteCount: fold.byteCount, carry: fold.carry.map { here($0) },
            into: (endpoint.rank, here(fold.into)), isFinal: fold.isFinal, scratch: scratch
        ) { member in
            let peer = team.member(member)
            if member == team.rank { return (peer, call.source.offset + fold.start) }
            let slot = workspace.slot(member, size: team.size)
            switch fold.input {
            case .slots(let offset): return (endpoint.rank, slot + offset)
            case .windowsOrSlots(let offset) where !endpoint.isNear(peer): return (endpoint.rank, slot + offset)
            default: return (peer, workspace.blocks[member].remoteSource + fold.start)
            }
        }
    }
}

/// All steps of a member.
private struct StepList: StepSink {
    var list: [Step] = []

    mutating func take(_ step: Step) { list.append(step) }
}

/// Pieces of this member's staging that non-blocking puts to other hosts may still have to read.
///
/// A schedule writes each place of a source or a destination once, so what is put out of those needs no watching until the operation ends.
/// Staging is written again: by this member, or by another after an event that allows it. Before either, the puts are completed.
private struct LentStaging {
    private var pieces: InlineArray<8, (start: Int, end: Int, peer: Int)> = .init(repeating: (0, 0, 0))
    private var count = 0

    /// Whether there is no room to note one more.
    var isFull: Bool { count == pieces.count }

    /// Notes a piece that has been put to a rank. There is room.
    mutating func add(_ transfer: Transfer) {
        pieces[count] = (transfer.source, transfer.source + transfer.byteCount, transfer.peer)
        count += 1
    }

    /// Whether bytes that are to be written lie in such a piece.
    func covers(_ offset: Int, byteCount: Int) -> Bool {
        (0..<count).contains { offset < pieces[$0].end && offset + byteCount > pieces[$0].start }
    }

    /// Whether a put goes to another rank than this: an event to this one may come before that put.
    func goesElsewhere(than peer: Int) -> Bool { (0..<count).contains { pieces[$0].peer != peer } }

    /// All have been read.
    mutating func clear() { count = 0 }
}
