internal import Fabric

/// Moves a block between every pair of partners: what all operations without arithmetic consist of.
///
/// The operation has filled the workspace's legs: what this die has for each member and where it wants each member's
/// block. Then, in one pass over the others in rotated order, at step k this die pushes its part of the block for member
/// me + k and pulls its part of the block of member me - k: each window is written by one and read by one at a time, and
/// the two halves of a block move at the same moment.
///
/// Where all windows are mapped, members meet before and after. Else there are events to and from each partner:
/// 1. *announced*: offsets and lengths; the source is final, the destination may be written.
/// 2. *done*: all pushed bytes are there, all pulled bytes are read.
///
/// Over a network nothing blocks: bytes for all partners are on their way before any have arrived. *Done* stays behind what was pushed to the
/// same member; where bytes are pulled they are waited for before it. As a partner's *done* does not say that this member's bytes have come
/// there, the operation ends with the completion of its own puts.
///
/// - Complexity: two meetings; or, for p partners, 2 p events and 2 p waits. The bytes of each block cross once; own bytes are copied.
struct Exchange {
    let team: Team
    let workspace: CollectiveWorkspace
    let form: CollectiveForm
    let digest: UInt64
    /// Whether members have met, so that the legs are known, and will meet again; else each pair has its events.
    let meets: Bool

    /// The next step, 0 being the announcements, and then the next member whose last event is awaited.
    private var step = 0
    private var closing = 1

    init(team: Team, workspace: CollectiveWorkspace, form: CollectiveForm, digest: UInt64, meets: Bool) {
        self.team = team
        self.workspace = workspace
        self.form = form
        self.digest = digest
        self.meets = meets
    }

    /// Goes on to the end or, unless it may wait, as far as others have come.
    ///
    /// - Returns: whether it has ended.
    mutating func advance(waits: Bool) throws(FabricError) -> Bool {
        let size = team.size
        let me = team.rank
        if step == 0 {
            try open()
            step = 1
        }
        while step < size {
            let target = (me + step) % size
            let origin = (me + size - step) % size
            guard waits || isOpen(target) && (target == origin || isOpen(origin)) else { return false }
            let push = try outgoing(target)
            let pull = try incoming(origin)
            try Transfer.interleave(workspace.endpoint, workspace.lane, push: push, pull: pull)
            // Towards a member k places on, bytes are pushed at step k and pulled at step n - k.
            if 2 * step >= size, !meets, !pulls { try signalDone(target, origin) }
            step += 1
        }
        if step == size {
            step += 1
            try signalPulled()
        }
        if meets {
            try team.sync(deadline: workspace.deadline(), operation: .collective)
            return true
        }
        while closing < size {
            let member = (me + closing) % size
            if workspace.legs[member].isPartner {
                guard waits || workspace.hasEvent(team.member(member)) else { return false }
                try workspace.expect(team.member(member))
            }
            closing += 1
        }
        try workspace.endpoint.completeLocally()
        if size == 1 { try workspace.endpoint.checkMembership() }
        return true
    }

    /// Whether any bytes are read by those who want them.
    private var pulls: Bool { form.fraction < 1 }

    private func signalDone(_ target: Int, _ origin: Int) throws(FabricError) {
        if workspace.legs[target].isPartner { try workspace.signal(team.member(target)) }
        if origin != target, workspace.legs[origin].isPartner { try workspace.signal(team.member(origin)) }
    }

    /// Waits for what was pulled, and says that it has been read.
    private func signalPulled() throws(FabricError) {
        guard !meets, pulls else { return }
        try workspace.endpoint.completeLocally()
        let size = team.size
        for step in (size + 1) / 2..<max(size, 1) {
            try signalDone((team.rank + step) % size, (team.rank + size - step) % size)
        }
    }

    /// Tells the partners, and copies this member's own block.
    private func open() throws(FabricError) {
        let size = team.size
        let me = team.rank
        let endpoint = workspace.endpoint
        for step in 1..<max(size, 1) {
            let member = (me + step) % size
            let leg = workspace.legs[member]
            if leg.isPartner, !meets { try workspace.announce(team.member(member), digest, leg) }
        }
        let own = workspace.legs[me]
        precondition(own.outByteCount == own.inByteCount, "what a member sends to itself it receives")
        if own.outByteCount > 0, own.outOffset != own.inOffset {
            try endpoint.put(
                from: own.outOffset, byteCount: own.outByteCount, to: endpoint.rank, at: own.inOffset)
        }
    }

    /// Whether nothing has to be waited for before bytes pass between this member and another.
    private func isOpen(_ member: Int) -> Bool {
        let leg = workspace.legs[member]
        return !leg.isPartner || leg.isAnnounced || workspace.hasEvent(team.member(member))
    }

    /// The part of the block for a member that this die pushes.
    private func outgoing(_ member: Int) throws(FabricError) -> Transfer {
        guard workspace.legs[member].isPartner else { return Transfer() }
        let peer = team.member(member)
        try workspace.awaitAnnouncement(member, peer, digest)
        let leg = workspace.legs[member]
        return Transfer(
            peer: peer, source: leg.outOffset, destination: leg.remoteDestination,
            byteCount: form.pushedByteCount(of: leg.outByteCount))
    }

    /// The part of the block of a member that this die pulls.
    private func incoming(_ member: Int) throws(FabricError) -> Transfer {
        guard workspace.legs[member].isPartner else { return Transfer() }
        let peer = team.member(member)
        try workspace.awaitAnnouncement(member, peer, digest)
        let leg = workspace.legs[member]
        let pushed = form.pushedByteCount(of: leg.inByteCount)
        return Transfer(
            peer: peer, source: leg.remoteSource + pushed, destination: leg.inOffset + pushed,
            byteCount: leg.inByteCount - pushed)
    }
}
