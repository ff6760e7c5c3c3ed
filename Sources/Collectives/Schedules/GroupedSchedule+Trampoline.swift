internal import Fabric

// A block from each to each, where a member's blocks for another group go to one member of that group, which hands them on.
//
// The blocks for a group lie one behind the other in the source, so they are one run of bytes, whatever their lengths; it goes in
// pieces as long as a place of staging. A place is written again after the event that says that the piece before has been handed
// on. Two members may relay for each other: the order of events is then piece, event, piece, event on both sides.

extension GroupedSchedule {
    /// Places that a relay has for members of one group, as one of the smallest group takes for several.
    private var areasEach: Int { ScheduleShape.quotient(groups.width, groups.smallest) }
    private var areaByteCount: Int { min(shape.staging / (groups.count * areasEach), shape.pieceLimit) }

    /// The place of a sender at its relay in a group.
    private func area(_ sender: Int, _ group: Int) -> Int {
        (groups.group(of: sender) * areasEach + groups.index(of: sender) / groups.members(group).count)
            * areaByteCount
    }

    // Blocks of one length, or what the table holds.

    private func byteCount(from: Int, to: Int) -> Int {
        table?.byteCount(from: from, to: to) ?? shape.block
    }

    private func start(to: Int) -> Int { table?.sendOffsets[to] ?? to * shape.block }

    private func place(of from: Int, at to: Int) -> Int {
        table.map { $0.rows[$0.index(from, to)].place } ?? from * shape.block
    }

    /// The run of bytes of a sender for a group.
    private func byteCount(from sender: Int, toGroup group: Int) -> Int {
        var total = 0
        for member in groups.members(group) { total += self.byteCount(from: sender, to: member) }
        return total
    }

    func relayExchange(_ me: Int, _ sink: inout some StepSink) throws(FabricError) {
        let home = groups.group(of: me)
        precondition(areaByteCount > 0, "a workspace has 512 bytes for each member")
        try relayInside(me, &sink)
        var round = 0
        var isMore = true
        while isMore {
            isMore = false
            for group in groups.ahead(home) {
                if try send(me, group, round, &sink) { isMore = true }
            }
            for group in groups.behind(home) {
                for sender in groups.members(group) where relay(sender, home) == me {
                    if try handOn(me, sender, round, &sink) { isMore = true }
                }
            }
            round += 1
        }
    }

    private func relayInside(_ me: Int, _ sink: inout some StepSink) throws(FabricError) {
        for member in groups.others(me, andItself: true) {
            try sink.move(
                me, to: member, from: .source(start(to: member)), to: .destination(place(of: me, at: member)),
                byteCount(from: me, to: member))
        }
    }

    /// One piece of the run for a group.
    ///
    /// - Returns: whether there are more.
    private func send(
        _ me: Int, _ group: Int, _ round: Int, _ sink: inout some StepSink
    ) throws(FabricError) -> Bool {
        let total = byteCount(from: me, toGroup: group)
        let piece = shape.piece(total, round, limit: areaByteCount)
        guard piece.byteCount > 0 else { return false }
        let relay = relay(me, group)
        if round > 0 { try sink.wait(relay) }
        let first = start(to: groups.members(group).lowerBound)
        try sink.put(
            relay, from: .source(first + piece.start), to: .staging(area(me, group)),
            piece.byteCount)
        try sink.signal(relay)
        return piece.start + piece.byteCount < total
    }

    /// Hands on the parts of a piece that has come.
    ///
    /// - Returns: whether there are more.
    private func handOn(
        _ me: Int, _ sender: Int, _ round: Int, _ sink: inout some StepSink
    ) throws(FabricError) -> Bool {
        let home = groups.group(of: me)
        let total = byteCount(from: sender, toGroup: home)
        let piece = shape.piece(total, round, limit: areaByteCount)
        guard piece.byteCount > 0 else { return false }
        let end = piece.start + piece.byteCount
        let area = area(sender, home)
        try sink.wait(sender)
        var start = 0
        for member in groups.members(home) {
            let byteCount = byteCount(from: sender, to: member)
            let low = max(start, piece.start)
            let high = min(start + byteCount, end)
            try sink.move(
                me, to: member, from: .staging(area + low - piece.start),
                to: .destination(place(of: sender, at: member) + low - start), high - low)
            start += byteCount
        }
        if end < total { try sink.signal(sender) }
        return end < total
    }
}

/// Lengths and places of the blocks of an all-to-all of differing lengths: a member's own, and those from others that it hands on in its group.
struct ExchangeTable {
    let me: Int
    let groups: Grouping
    /// Where the member's own blocks start, and one past the last end.
    let sendOffsets: [Int]
    /// By sender, and receiver in the group: what the receiver gets, and where it goes there.
    var rows: [(byteCount: Int, place: Int)]

    func index(_ from: Int, _ to: Int) -> Int { from * groups.width + groups.index(of: to) }
    func byteCount(from: Int, to: Int) -> Int {
        from == me ? sendOffsets[to + 1] - sendOffsets[to] : rows[index(from, to)].byteCount
    }
}
