internal import Fabric
internal import Kernels
internal import Mutants
internal import Tensors

/// Carries out the steps of a schedule, and what surrounds them.
///
/// Bytes are put by their producer, and folded out of a source where it can be loaded, or fetched first. Puts that continue each other at
/// both ends become one. Puts do not block: an event to the same member stays behind them, staging is watched (``LentStaging``), and the end
/// of the operation completes them all.
struct StepRunner: StepSink, LengthReader {
    /// What this member calls, and where.
    let descriptors: CallDescriptors
    /// Whether members meet instead of sending events.
    let meets: Bool

    /// How far their meeting is.
    private(set) var rendezvous = Rendezvous()
    /// A put that has not been made, as the next may continue it.
    private var pending = Transfer()
    /// Staging that puts may still have to read.
    private var lent = LentStaging()
    /// The next member whose last event is awaited; 0 until the own ones have been sent, the team's size when all have come.
    private var closing = 0

    @inline(__always)
    init(_ call: CollectiveCall, on collective: Collective, meets: Bool) {
        self.meets = meets
        descriptors = CallDescriptors(collective.team, collective.workspace, call)
    }

    var team: Team { descriptors.team }
    var workspace: CollectiveWorkspace { descriptors.workspace }
    var call: CollectiveCall { _read { yield descriptors.call } }
    private var endpoint: Endpoint { workspace.endpoint }
    /// A barrier has no regions to announce.
    var announces: Bool { call.operation != .barrier }
    private var others: Rotation { Rotation(of: team.size, after: team.rank) }

    /// Whether a step can be taken without waiting for a member. What goes through a switch may still wait for that.
    func isReady(for step: Step) -> Bool {
        switch step {
        case .signal, .copy, .complete, .sync, .close: true
        case .wait(let member):
            workspace.hasEvents(announces && !workspace.blocks[member].isAnnounced ? 2 : 1, team[member])
        case .put(let member, _, _, _): isKnown(member)
        case .exchange(let push, let pull):
            (push.byteCount == 0 || isKnown(push.member)) && (pull.byteCount == 0 || isKnown(pull.member))
        case .fold(let fold): fold.members.allSatisfy { isKnown($0) }
        }
    }

    /// Whether a member has announced itself.
    private func isKnown(_ member: Int) -> Bool {
        member == team.rank || workspace.blocks[member].isAnnounced || workspace.hasEvent(team[member])
    }

    /// Waits for a member's announcement, once.
    func awaitAnnouncement(_ member: Int) throws(FabricError) {
        if announces { try workspace.awaitAnnouncement(member, team[member], descriptors.digest) }
    }

    /// Meets all members, with records of the call, and notes where their bytes lie.
    mutating func meetForCall(_ waits: Bool) throws(FabricError) -> Bool {
        guard try rendezvous.exchange(descriptors, workspace.deadline(), waits: waits) else { return false }
        for member in 0..<team.size where member != team.rank {
            var block = PartnerBlock()
            block.isAnnounced = true
            (block.remoteSource, block.remoteDestination) = try descriptors.places(member)
            workspace.blocks[member] = block
        }
        return true
    }

    /// - Throws: `.mismatch` where the tables of both ends contradict each other or leave a window.
    func length(from sender: Int, to member: Int) throws(FabricError) -> (byteCount: Int, place: Int) {
        let (producer, consumer) = (team[sender], team[member])
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

    /// Says *done* to each partner, and waits for theirs, so that all may use their regions and slots again; or meets them.
    mutating func close(waits: Bool) throws(FabricError) -> Bool {
        if closing == team.size { return true }
        try flush()
        if !announces { return true }
        if meets {
            guard try meet(waits) else { return false }
            closing = team.size
            return true
        }
        if closing == 0 {
            guard waits || others.allSatisfy({ !workspace.blocks[$0].isPartner || isKnown($0) }) else { return false }
            for member in others where workspace.blocks[member].isPartner {
                try awaitAnnouncement(member)
                // Releases what was put there; acquired by the member's last wait, below.
                try workspace.signal(team[member])
            }
            closing = 1
        }
        while closing < team.size {
            let member = (team.rank + closing) % team.size
            if workspace.blocks[member].isPartner {
                guard waits || workspace.hasEvent(team[member]) else { return false }
                if Mutated.closingWait { workspace.pass(team[member]) } else { try workspace.expect(team[member]) }
            }
            closing += 1
        }
        // A partner's last event may have been sent before this member's bytes came there.
        try endpoint.completeLocally()
        if team.size == 1 { try endpoint.checkMembership() }
        return true
    }

    mutating func meet(_ waits: Bool) throws(FabricError) -> Bool {
        try rendezvous.sync(team, workspace.deadline(), waits: waits)
    }

    mutating func take(_ step: Step) throws(FabricError) {
        switch step {
        case .put(let member, let from, let to, let byteCount):
            try awaitAnnouncement(member)
            return try put(
                Transfer(
                    peer: team[member], source: here(from), destination: there(to, member),
                    byteCount: byteCount))
        default: try flush()
        }
        switch step {
        case .put: break
        case .signal(let member):
            // The event may allow its receiver, or others through it, to write what a put to another member has not read yet.
            if lent.goesElsewhere(than: team[member]) { try complete() }
            if !announces { return try workspace.signalBarrier(team[member]) }
            try workspace.signal(team[member])
        case .wait(let member):
            if !announces { return try workspace.expectBarrier(team[member]) }
            try awaitAnnouncement(member)
            try workspace.expect(team[member])
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
        if !Mutated.lentStaging { try endpoint.completeLocally() }
        lent.clear()
    }

    private func exchange(_ push: Move, _ pull: Move) throws(FabricError) {
        var (out, into) = (Transfer(), Transfer())
        if push.byteCount > 0 {
            try awaitAnnouncement(push.member)
            out = Transfer(
                peer: team[push.member], source: here(push.here), destination: there(push.there, push.member),
                byteCount: push.byteCount)
        }
        if pull.byteCount > 0, !pull.isOnlyFar || !endpoint.isNear(team[pull.member]) {
            try awaitAnnouncement(pull.member)
            into = Transfer(
                peer: team[pull.member], source: there(pull.there, pull.member), destination: here(pull.here),
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
            let peer = team[member]
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

/// Pieces of this member's staging that non-blocking puts to other hosts may still have to read.
///
/// A schedule writes each place of a source or a destination once, so what is put out of those needs no watching until the operation ends.
/// Staging is written again: by this member, or by another after an event that allows it. Before either, the puts are completed.
private struct LentStaging {
    private var pieces: InlineArray<8, (start: Int, end: Int, peer: Rank)> = .init(repeating: (0, 0, 0))
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
    func goesElsewhere(than peer: Rank) -> Bool { (0..<count).contains { pieces[$0].peer != peer } }

    /// All have been read.
    mutating func clear() { count = 0 }
}
