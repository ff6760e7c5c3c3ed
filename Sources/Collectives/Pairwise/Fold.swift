internal import Fabric
internal import Kernels
internal import Tensors

/// How a source is divided among the members that fold it.
enum Division {
    /// Member i folds bytes i x block ..< (i + 1) x block, as far as they go.
    case blocks(byteCount: Int, total: Int)
    /// One member folds everything.
    case root(member: Int, total: Int)

    /// First byte of a member's block, and its length.
    func block(_ member: Int) -> (start: Int, byteCount: Int) {
        switch self {
        case .blocks(let byteCount, let total):
            let start = min(member * byteCount, total)
            return (start, min(byteCount, total - start))
        case .root(let root, let total): return (0, member == root ? total : 0)
        }
    }

    /// Bytes of a whole source.
    var total: Int {
        switch self {
        case .blocks(_, let total), .root(_, let total): total
        }
    }

    /// Length of the longest block.
    var longest: Int {
        switch self {
        case .blocks(let byteCount, let total): min(byteCount, total)
        case .root(_, let total): total
        }
    }

    /// Whether the two say anything to each other.
    func arePartners(_ first: Int, _ second: Int) -> Bool {
        switch self {
        case .blocks: first != second
        case .root(let root, _): first != second && (first == root || second == root)
        }
    }
}

/// Folds each block of every member's source at the member that owns the block, in rank order.
///
/// Bytes that are pushed land in the owner's slot for their producer and are folded from there; the rest the owner loads from
/// the producer's window as it folds (through its slot where the window is behind a network). Blocks longer than a slot
/// go in rounds; a pull among mapped windows needs no slots and so only one round. For an all-reduce the owner then hands
/// its piece to everybody, pushed and pulled in the same proportion.
///
/// Where all windows are mapped, members meet before and after and wherever all of them have to have come so far. Else there are events
/// to and from each partner:
/// 1. *announced*: the source is final; where it lies, and where the destination.
/// 2. each round: *landed*, if the form pushes: the piece for you is in your slot.
/// 3. each round of an all-reduce: *folded*: my piece of the result is final, and its pushed part is at your place.
/// 4. each round: *done*: I read none of your source any more, my slots are free, and I have pulled your result.
///
/// Over a network puts do not block. Their sources may be written again after the partner's *done* of the round: it has waited for *landed*
/// and *folded* before, and those stay behind the bytes. What is pulled is completed before it is folded or reported as read.
///
/// - Complexity: 2 to 1 + 3 r meetings; or, for p partners and r rounds, p (1 + 2 r) events and waits, one less a round for a pull, one more for an
///   all-reduce. Each byte of the source crosses once, and each of the result once for an all-reduce.
struct Fold {
    let team: Team
    let workspace: CollectiveWorkspace
    let form: CollectiveForm
    let digest: UInt64
    let type: ElementType
    let reduction: Reduction
    let division: Division
    /// Where the source starts, here.
    let source: Int
    /// Where byte 0 of the source's numbering goes in the result, here.
    let result: Int
    /// Whether every member gets the whole result.
    let gathers: Bool
    /// As in ``Exchange``.
    let meets: Bool

    private var endpoint: Endpoint { workspace.endpoint }

    /// One piece of a block: its place in the source's numbering, and how much of it is pushed.
    private struct Piece {
        var start: Int
        var byteCount: Int
        var pushed: Int
    }

    /// Bytes of a block that go in one round.
    ///
    /// A team has either no far pair or some for every member, as windows are mapped by host; so all agree.
    private var roundByteCount: Int {
        let isNear = (0..<team.size).allSatisfy { endpoint.isNear(team.member($0)) }
        return form.pushes || !isNear ? workspace.slotByteCount(size: team.size) : max(division.longest, 1)
    }

    private func piece(_ member: Int, _ round: Int, _ roundByteCount: Int) -> Piece {
        let block = division.block(member)
        let skipped = min(round * roundByteCount, block.byteCount)
        let byteCount = min(roundByteCount, block.byteCount - skipped)
        return Piece(
            start: block.start + skipped, byteCount: byteCount, pushed: form.pushedByteCount(of: byteCount))
    }

    func run() throws(FabricError) {
        try forEachPartner { (member, peer) throws(FabricError) in
            var leg = Leg()
            leg.isPartner = true
            // Lengths are compared, and the places they span checked; without a gather nobody writes to the result.
            leg.outOffset = source
            leg.outByteCount = division.total
            leg.inOffset = gathers ? result : 0
            leg.inByteCount = division.total
            leg.isAnnounced = workspace.legs[member].isAnnounced
            leg.remoteSource = workspace.legs[member].remoteSource
            leg.remoteDestination = workspace.legs[member].remoteDestination
            workspace.legs[member] = leg
            if !meets { try workspace.announce(peer, digest, leg) }
        }
        let roundByteCount = roundByteCount
        let rounds = max(1, (division.longest + roundByteCount - 1) / roundByteCount)
        for round in 0..<rounds { try run(round, roundByteCount) }
        if !meets { try forEachPartner { (_, peer) throws(FabricError) in try workspace.expect(peer) } }
        if team.size == 1 { try endpoint.checkMembership() }
    }

    /// Folds whole sources that have all landed in this die's slots.
    func foldSlots() { fold(0..<division.total, from: 0, landed: true) }

    private func run(_ round: Int, _ roundByteCount: Int) throws(FabricError) {
        let mine = piece(team.rank, round, roundByteCount)
        try distribute(round, roundByteCount, mine)
        if form.pushes, meets { try settle() }
        if form.pushes, !meets { try forEachPartner { (_, peer) throws(FabricError) in try workspace.expect(peer) } }
        fold(mine.start..<mine.start + mine.pushed, from: mine.start, landed: true)
        fold(mine.start + mine.pushed..<mine.start + mine.byteCount, from: mine.start, landed: false)
        if gathers { try gather(round, roundByteCount, mine) }
        if meets { return try settle() }
        // Releases the end of all reading of this round; acquired by the next round's distribute, or at the end of run.
        try forEachPartner { (_, peer) throws(FabricError) in try workspace.signal(peer) }
    }

    /// Everybody has come this far.
    private func settle() throws(FabricError) {
        try team.sync(deadline: workspace.deadline(), operation: .collective)
    }

    /// Pushes the pieces of the others into their slots; pulls its own where they cannot be loaded.
    private func distribute(_ round: Int, _ roundByteCount: Int, _ mine: Piece) throws(FabricError) {
        let slot = workspace.slot(team.rank, size: team.size)
        // The first round opens with the announcement, each other with the end of the one before.
        try forEachPair { (target, origin) throws(FabricError) in
            var push = Transfer()
            var pull = Transfer()
            if let target {
                let peer = team.member(target)
                try open(target, peer, round)
                let piece = piece(target, round, roundByteCount)
                push = Transfer(
                    peer: peer, source: source + piece.start, destination: slot, byteCount: piece.pushed)
            }
            if let origin {
                let peer = team.member(origin)
                try open(origin, peer, round)
                if !endpoint.isNear(peer) {
                    let leg = workspace.legs[origin]
                    pull = Transfer(
                        peer: peer, source: leg.remoteSource + mine.start + mine.pushed,
                        destination: workspace.slot(origin, size: team.size) + mine.pushed,
                        byteCount: mine.byteCount - mine.pushed)
                }
            }
            try Transfer.interleave(endpoint, workspace.lane, push: push, pull: pull)
            // Releases the slot's bytes; acquired in run before the fold.
            if form.pushes, !meets, let target { try workspace.signal(team.member(target)) }
        }
        // What was pulled is in its slots before it is folded.
        if !meets, form.fraction < 1 { try endpoint.completeLocally() }
    }

    /// Waits until a partner has begun this round. Does nothing the second time.
    private func open(_ member: Int, _ peer: Rank, _ round: Int) throws(FabricError) {
        if meets { return }
        if round == 0 { return try workspace.awaitAnnouncement(member, peer, digest) }
        if workspace.legs[member].openRound < round {
            try workspace.expect(peer)
            workspace.legs[member].openRound = round
        }
    }

    /// Hands the folded piece to everybody, and takes everybody's.
    private func gather(_ round: Int, _ roundByteCount: Int, _ mine: Piece) throws(FabricError) {
        try forEachPartner { (member, peer) throws(FabricError) in
            let push = Transfer(
                peer: peer, source: result + mine.start,
                destination: workspace.legs[member].remoteDestination + mine.start, byteCount: mine.pushed)
            try Transfer.interleave(endpoint, workspace.lane, push: push, pull: Transfer())
            if !meets { try workspace.signal(peer) }
        }
        if meets, form.fraction < 1 { try settle() }
        try forEachPartner { (member, peer) throws(FabricError) in
            if !meets { try workspace.expect(peer) }
            let piece = piece(member, round, roundByteCount)
            let start = piece.start + piece.pushed
            let pull = Transfer(
                peer: peer, source: workspace.legs[member].remoteDestination + start, destination: result + start,
                byteCount: piece.byteCount - piece.pushed)
            try Transfer.interleave(endpoint, workspace.lane, push: Transfer(), pull: pull)
        }
        // Read, before the partners are told so at the end of the round.
        if !meets, form.fraction < 1 { try endpoint.completeLocally() }
    }

    /// Folds a range of this die's block, all members in rank order, a tile at a time.
    private func fold(_ range: Range<Int>, from pieceStart: Int, landed: Bool) {
        let tileByteCount = ReductionTile.capacity(type) * type.byteCount
        var start = range.lowerBound
        while start < range.upperBound {
            let byteCount = min(tileByteCount, range.upperBound - start)
            for member in 0..<team.size {
                let peer = team.member(member)
                let slot = workspace.slot(member, size: team.size) + start - pieceStart
                if member == team.rank {
                    absorb(member, endpoint.bytes(at: source + start, byteCount: byteCount))
                } else if !landed,
                    let bytes = endpoint.peerBytes(
                        peer, at: workspace.legs[member].remoteSource + start, byteCount: byteCount)
                {
                    absorb(member, bytes)
                } else {
                    absorb(member, endpoint.bytes(at: slot, byteCount: byteCount))
                }
            }
            var destination = endpoint.mutableBytes(at: result + start, byteCount: byteCount)
            workspace.tile.store(type, into: &destination)
            start += byteCount
        }
    }

    private func absorb(_ member: Int, _ bytes: RawSpan) {
        if member == 0 {
            workspace.tile.load(type, from: bytes)
        } else {
            workspace.tile.accumulate(type, reduction, from: bytes)
        }
    }

    /// The partners in rotated order.
    private func forEachPartner(
        _ body: (_ member: Int, _ peer: Rank) throws(FabricError) -> Void
    ) throws(FabricError) {
        for step in 1..<max(team.size, 1) {
            let member = (team.rank + step) % team.size
            if division.arePartners(team.rank, member) { try body(member, team.member(member)) }
        }
    }

    /// The partners ahead and behind in rotated order, so that every block has one writer and one reader at a time.
    private func forEachPair(
        _ body: (_ target: Int?, _ origin: Int?) throws(FabricError) -> Void
    ) throws(FabricError) {
        let size = team.size
        for step in 1..<max(size, 1) {
            let target = (team.rank + step) % size
            let origin = (team.rank + size - step) % size
            try body(
                division.arePartners(team.rank, target) ? target : nil,
                division.arePartners(team.rank, origin) ? origin : nil)
        }
    }
}
