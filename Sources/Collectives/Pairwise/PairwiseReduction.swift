internal import Fabric

/// Folds each block of every member's source at the member that owns the block, in member order.
///
/// Bytes that are pushed land in the owner's slot for their producer and are folded from there; the rest the owner loads from
/// the producer's window as it folds (through its slot where the window is behind a network). Blocks longer than a slot
/// go in rounds; a pull among mapped windows needs no slots and so only one round. For an all-reduce the owner then hands
/// its piece to every member, pushed and pulled in the same proportion. Small all-reduces go in one shot: every source to every member,
/// each of which folds for itself.
///
/// Where members meet, they do so before, after, and wherever all of them have to have come so far. Else there are events
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
struct PairwiseReduction {
    private let operation: CollectiveOperation
    private let root: Int
    private let me: Int
    private let size: Int
    private let direction: TransferDirection
    private let meets: Bool
    private let slotByteCount: Int
    /// Bytes of a whole source, of each member's block, and of what goes of that in one round.
    private let total: Int
    private let block: Int
    private let roundByteCount: Int
    /// Whether each member folds all for itself.
    private let isOneShot: Bool

    /// Sources up to this many bytes go to every member: with a few thousand bytes waits cost more than copies.
    static let oneShotByteCount = 4096

    init(_ schedule: borrowing PairwiseSchedule, _ me: Int) {
        operation = schedule.call.operation
        root = schedule.call.root
        self.me = me
        size = schedule.size
        direction = schedule.direction
        meets = schedule.usesRendezvous
        slotByteCount = schedule.slotByteCount
        total = schedule.call.source.byteCount
        isOneShot = operation == .allReduce && total <= Self.oneShotByteCount && total <= slotByteCount
        block =
            switch operation {
            case .reduceScatter: schedule.call.destination.byteCount
            case .allReduce where !isOneShot: min(schedule.call.sliceByteCount(size), total)
            default: total
            }
        roundByteCount = direction.pushes || !schedule.isNear ? slotByteCount : max(block, 1)
    }

    private func arePartners(_ member: Int) -> Bool {
        member != me && (operation != .reduce || member == root || me == root)
    }

    /// One piece of a block: its place in the source's numbering, and how much of it is pushed.
    private struct Piece {
        var start: Int
        var byteCount: Int
        var pushed: Int
    }

    /// What a member folds in a round.
    private func piece(_ member: Int, _ round: Int) -> Piece {
        // The root folds everything, or every member does, or each member its block.
        let isWhole = isOneShot || operation == .reduce
        let first = isWhole ? 0 : min(member * block, total)
        let length = isWhole ? (isOneShot || member == root ? total : 0) : min(block, total - first)
        let skipped = min(round * roundByteCount, length)
        let byteCount = min(roundByteCount, length - skipped)
        return Piece(start: first + skipped, byteCount: byteCount, pushed: direction.pushedByteCount(of: byteCount))
    }

    /// Where a byte of the source's numbering goes in the destination.
    private func result(_ start: Int) -> Place {
        .destination(operation == .reduceScatter ? start - me * block : start)
    }

    private func slot(_ member: Int) -> Int { member * slotByteCount }

    private var others: Rotation { Rotation(of: size, after: me) }

    func emit(_ sink: inout some StepSink) throws(FabricError) {
        if isOneShot {
            // All sources into all slots. The destination is written only after every member has read the source, which may be the same place.
            try distribute(0, piece(me, 0), &sink)
            try sink.take(.close)
            return try fold(0, total, .slots(offset: 0), &sink)
        }
        let rounds = max(1, ScheduleShape.quotient(block, roundByteCount))
        for round in 0..<rounds {
            let mine = piece(me, round)
            try distribute(round, mine, &sink)
            // 1. What others push has landed here.
            if direction.pushes { try hearAll(&sink) }
            // 2. Fold what landed, and the rest out of the windows.
            try fold(mine.start, mine.pushed, .slots(offset: 0), &sink)
            try fold(
                mine.start + mine.pushed, mine.byteCount - mine.pushed, .windowsOrSlots(offset: mine.pushed), &sink)
            if operation == .allReduce { try gather(round, mine, &sink) }
            // 3. All is read: slots and sources of this round are free. The last round's is the end of the schedule.
            if round + 1 < rounds { try tellAll(&sink) }
        }
    }

    /// All members have come so far: by a meeting, or when the next event of each partner has come.
    private func hearAll(_ sink: inout some StepSink) throws(FabricError) {
        if meets { return try sink.take(.sync) }
        for member in others where arePartners(member) { try sink.wait(member) }
    }

    /// A meeting, or an event to each partner.
    private func tellAll(_ sink: inout some StepSink) throws(FabricError) {
        if meets { return try sink.take(.sync) }
        for member in others where arePartners(member) { try sink.signal(member) }
    }

    private func fold(
        _ start: Int, _ byteCount: Int, _ input: FoldStep.Input, _ sink: inout some StepSink
    ) throws(FabricError) {
        guard byteCount > 0 else { return }
        try sink.take(
            .fold(
                FoldStep(
                    carry: nil, members: 0..<size, start: start, byteCount: byteCount, into: result(start),
                    isFinal: true, input: input)))
    }

    /// Pushes the pieces of the others into their slots; pulls its own where they cannot be loaded.
    private func distribute(_ round: Int, _ mine: Piece, _ sink: inout some StepSink) throws(FabricError) {
        for step in 1..<max(size, 1) {
            let (target, origin) = ((me + step) % size, (me + size - step) % size)
            let (pushes, pulls) = (arePartners(target), arePartners(origin))
            if round > 0, !meets {
                // The partner has ended the round before: looked for once, when the first of its two steps comes.
                if pushes, 2 * step <= size { try sink.wait(target) }
                if pulls, 2 * step < size { try sink.wait(origin) }
            }
            let piece = piece(target, round)
            try sink.take(
                .exchange(
                    push: Move(
                        member: target, here: .source(piece.start), there: .staging(slot(me)),
                        byteCount: pushes ? piece.pushed : 0),
                    pull: Move(
                        member: origin, here: .staging(slot(origin) + mine.pushed),
                        there: .source(mine.start + mine.pushed),
                        byteCount: pulls ? mine.byteCount - mine.pushed : 0, isOnlyFar: !isOneShot)))
            // Releases the slot's bytes; acquired before the fold.
            if direction.pushes, !meets, pushes, !isOneShot { try sink.signal(target) }
        }
        // What was pulled is in its slots before it is folded.
        if !meets, direction.fraction < 1 { try sink.take(.complete) }
    }

    /// Hands the folded piece to every member, and takes every member's.
    private func gather(_ round: Int, _ mine: Piece, _ sink: inout some StepSink) throws(FabricError) {
        for member in others where arePartners(member) {
            let place = Place.destination(mine.start)
            try sink.take(
                .exchange(
                    push: Move(member: member, here: place, there: place, byteCount: mine.pushed), pull: Move()))
            if !meets { try sink.signal(member) }
        }
        if meets, direction.fraction < 1 { try sink.take(.sync) }
        for member in others where arePartners(member) {
            if !meets { try sink.wait(member) }
            let piece = piece(member, round)
            let place = Place.destination(piece.start + piece.pushed)
            try sink.take(
                .exchange(
                    push: Move(),
                    pull: Move(
                        member: member, here: place, there: place, byteCount: piece.byteCount - piece.pushed)))
        }
        // Read, before the partners are told so at the end of the round.
        if !meets, direction.fraction < 1 { try sink.take(.complete) }
    }
}
