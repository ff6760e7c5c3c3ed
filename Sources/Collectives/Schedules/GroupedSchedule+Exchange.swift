internal import Fabric

// A block from each to each by two levels: inside a group directly, to another group from leader to leader.

extension GroupedSchedule {
    /// Bytes of a block that go in a round, by what staging holds.
    static func exchangePiece(_ shape: ScheduleShape, _ groups: Grouping) -> Int {
        min(shape.staging / (2 * groups.width * groups.width), shape.pieceLimit, max(shape.block, 1))
    }

    private var piece: Int { Self.exchangePiece(shape, groups) }

    private func source(_ member: Int, _ start: Int) -> Place { .source(member * shape.block + start) }
    private func place(_ member: Int, _ start: Int) -> Place { .destination(member * shape.block + start) }

    /// A round inside the group.
    private func exchangeInside(
        _ me: Int, _ start: Int, _ byteCount: Int, _ sink: inout some StepSink
    ) throws(FabricError) {
        for member in groups.others(me, andItself: true) {
            try sink.move(me, to: member, from: source(member, start), to: place(me, start), byteCount)
        }
    }

    /// Two levels: a group's blocks for another are put together at its leader, go to the other's leader in one message, and
    /// are handed out there. One pair of groups after the other, in rotated order.
    ///
    /// Staging of a leader: what leaves, then what arrives, each a square of places by sender and receiver.
    /// - What leaves is written by the members after the leader's event that the last message is gone.
    /// - What arrives is written after the event by which its leader asks for it: the square is shared by all groups.
    func leaderExchange(_ me: Int, _ sink: inout some StepSink) throws(FabricError) {
        let home = groups.group(of: me)
        let leader = groups.members(home).lowerBound
        let rounds = shape.rounds(limit: piece)
        for round in 0..<rounds {
            let (start, byteCount) = shape.piece(shape.block, round, limit: piece)
            try exchangeInside(me, start, byteCount, &sink)
            for step in 1..<max(groups.count, 1) {
                let group = (home + step) % groups.count
                let isFirst = round == 0 && step == 1
                let isLast = round + 1 == rounds && step + 1 == groups.count
                let origin = (home + groups.count - step) % groups.count
                if me == leader, !isFirst { try sink.signal(origin * groups.width) }
                if me != leader, !isFirst { try sink.wait(leader) }
                let others = groups.members(group)
                for member in others {
                    let index = groups.index(of: me) * others.count + groups.index(of: member)
                    try sink.move(
                        me, to: leader, from: source(member, start), to: .staging(index * byteCount), byteCount)
                }
                if me != leader {
                    try sink.signal(leader)
                } else {
                    try handOver(home, group, byteCount, isFirst: isFirst, isLast: isLast, &sink)
                    try handOut(origin, home, start, byteCount, &sink)
                }
            }
        }
    }

    /// A leader sends its group's blocks for another.
    private func handOver(
        _ home: Int, _ group: Int, _ byteCount: Int, isFirst: Bool, isLast: Bool, _ sink: inout some StepSink
    ) throws(FabricError) {
        let mine = groups.members(home)
        let other = group * groups.width
        for member in mine.dropFirst() { try sink.wait(member) }
        if !isFirst { try sink.wait(other) }
        try sink.put(
            other, from: .staging(0), to: .staging(groups.width * groups.width * piece),
            mine.count * groups.members(group).count * byteCount)
        try sink.signal(other)
        if !isLast { for member in mine.dropFirst() { try sink.signal(member) } }
    }

    /// A leader hands out what another group's leader has sent.
    private func handOut(
        _ origin: Int, _ home: Int, _ start: Int, _ byteCount: Int, _ sink: inout some StepSink
    ) throws(FabricError) {
        let mine = groups.members(home)
        let arrived = groups.width * groups.width * piece
        try sink.wait(origin * groups.width)
        for sender in groups.members(origin) {
            for member in mine {
                let index = groups.index(of: sender) * mine.count + groups.index(of: member)
                try sink.move(
                    mine.lowerBound, to: member, from: .staging(arrived + index * byteCount), to: place(sender, start),
                    byteCount)
            }
        }
    }
}
