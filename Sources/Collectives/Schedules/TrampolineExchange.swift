/// A block from each to each, where a member's blocks for another group go to one member of that group, which hands them on.
///
/// The blocks for a group lie one behind the other in the source, so they are one run of bytes, whatever their lengths; it goes in
/// pieces as long as a place of staging. A place is written again after the event that says that the piece before has been handed
/// on. Two members may relay for each other: the order of events is then piece, event, piece, event on both sides.
package struct TrampolineExchange<Blocks: ExchangeBlocks>: Schedule {
    let schedule: GroupedSchedule
    let blocks: Blocks

    package init(_ schedule: GroupedSchedule, _ blocks: Blocks) {
        self.schedule = schedule
        self.blocks = blocks
    }

    private var groups: Grouping { schedule.groups }
    private var areaByteCount: Int {
        min(schedule.shape.staging / Self.areas(groups), schedule.shape.pieceLimit)
    }

    /// Places in a relay's staging: one for each sender it may have.
    static func areas(_ groups: Grouping) -> Int {
        groups.count * ScheduleShape.quotient(groups.width, groups.smallest)
    }

    /// The place of a sender at its relay in a group.
    static func area(_ groups: Grouping, _ sender: Int, _ group: Int) -> Int {
        groups.group(of: sender) * ScheduleShape.quotient(groups.width, groups.smallest)
            + groups.index(of: sender) / groups.members(group).count
    }

    package func arePartners(_ first: Int, _ second: Int) -> Bool { schedule.arePartners(first, second) }

    /// The run of bytes of a sender for a group.
    private func byteCount(from sender: Int, toGroup group: Int) -> Int {
        var total = 0
        for member in groups.members(group) { total += blocks.byteCount(from: sender, to: member) }
        return total
    }

    package func emit<Sink: StepSink>(_ me: Int, _ sink: inout Sink) throws(Sink.Failure) {
        let home = groups.group(of: me)
        precondition(areaByteCount > 0, "a workspace has 512 bytes for each member")
        try exchangeInside(me, &sink)
        var round = 0
        var isMore = true
        while isMore {
            isMore = false
            for step in 1..<max(groups.count, 1) {
                let group = (home + step) % groups.count
                if try send(me, group, round, &sink) { isMore = true }
            }
            for step in 1..<max(groups.count, 1) {
                for sender in groups.members((home + groups.count - step) % groups.count)
                where schedule.relay(sender, home) == me {
                    if try handOn(me, sender, round, &sink) { isMore = true }
                }
            }
            round += 1
        }
    }

    private func exchangeInside<Sink: StepSink>(_ me: Int, _ sink: inout Sink) throws(Sink.Failure) {
        let mine = groups.members(groups.group(of: me))
        for step in 1...mine.count {
            let member = mine.lowerBound + (me - mine.lowerBound + step) % mine.count
            try deliver(
                me, member, from: .source(blocks.start(from: me, to: member)),
                to: .destination(blocks.place(of: me, at: member)),
                byteCount: blocks.byteCount(from: me, to: member), &sink)
        }
    }

    private func deliver<Sink: StepSink>(
        _ me: Int, _ member: Int, from: Place, to place: Place, byteCount: Int, _ sink: inout Sink
    ) throws(Sink.Failure) {
        guard byteCount > 0 else { return }
        if member == me {
            try sink.take(.copy(from: from, to: place, byteCount: byteCount))
        } else {
            try sink.take(.put(member, from: from, to: place, byteCount: byteCount))
        }
    }

    /// One piece of the run for a group.
    ///
    /// - Returns: whether there are more.
    private func send<Sink: StepSink>(
        _ me: Int, _ group: Int, _ round: Int, _ sink: inout Sink
    ) throws(Sink.Failure) -> Bool {
        let total = byteCount(from: me, toGroup: group)
        let piece = schedule.shape.piece(total, round, limit: areaByteCount)
        guard piece.byteCount > 0 else { return false }
        let relay = schedule.relay(me, group)
        if round > 0 { try sink.take(.wait(relay)) }
        let first = blocks.start(from: me, to: groups.members(group).lowerBound)
        try sink.take(
            .put(
                relay, from: .source(first + piece.start),
                to: .staging(Self.area(groups, me, group) * areaByteCount), byteCount: piece.byteCount))
        try sink.take(.signal(relay))
        return piece.start + piece.byteCount < total
    }

    /// Hands on the parts of a piece that has come.
    ///
    /// - Returns: whether there are more.
    private func handOn<Sink: StepSink>(
        _ me: Int, _ sender: Int, _ round: Int, _ sink: inout Sink
    ) throws(Sink.Failure) -> Bool {
        let home = groups.group(of: me)
        let total = byteCount(from: sender, toGroup: home)
        let piece = schedule.shape.piece(total, round, limit: areaByteCount)
        guard piece.byteCount > 0 else { return false }
        let end = piece.start + piece.byteCount
        let area = Self.area(groups, sender, home) * areaByteCount
        try sink.take(.wait(sender))
        var start = 0
        for member in groups.members(home) {
            let byteCount = blocks.byteCount(from: sender, to: member)
            let low = max(start, piece.start)
            let high = min(start + byteCount, end)
            try deliver(
                me, member, from: .staging(area + low - piece.start),
                to: .destination(blocks.place(of: sender, at: member) + low - start), byteCount: high - low, &sink)
            start += byteCount
        }
        if end < total { try sink.take(.signal(sender)) }
        return end < total
    }
}
