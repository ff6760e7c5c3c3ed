// Blocks to everybody: broadcast and all-gather, straight into place everywhere.

extension GroupedSchedule {
    /// The root sends each piece once to each other group, and to each member of its own.
    func broadcast<Sink: StepSink>(_ me: Int, _ sink: inout Sink) throws(Sink.Failure) {
        let home = groups.group(of: me)
        let mine = groups.members(home)
        let isRelay = home != groups.group(of: shape.root) && relay(shape.root, home) == me
        guard me == shape.root || isRelay && mine.count > 1 else { return }
        for round in 0..<shape.rounds(limit: shape.pieceLimit) {
            let (start, byteCount) = shape.piece(shape.block, round, limit: shape.pieceLimit)
            let place = Place.destination(start)
            let from = me == shape.root ? Place.source(start) : place
            if me == shape.root {
                for step in 1..<max(groups.count, 1) {
                    let group = (home + step) % groups.count
                    let relay = relay(me, group)
                    try sink.take(.put(relay, from: from, to: place, byteCount: byteCount))
                    if groups.members(group).count > 1 { try sink.take(.signal(relay)) }
                }
            } else {
                try sink.take(.wait(shape.root))
            }
            try putInside(me, from: from, to: place, byteCount: byteCount, &sink)
            if me == shape.root { try sink.take(.copy(from: from, to: place, byteCount: byteCount)) }
        }
    }

    /// The same bytes to every other member of the group.
    func putInside<Sink: StepSink>(
        _ me: Int, from: Place, to place: Place, byteCount: Int, _ sink: inout Sink
    ) throws(Sink.Failure) {
        let mine = groups.members(groups.group(of: me))
        for step in 1..<max(mine.count, 1) {
            let member = mine.lowerBound + (me - mine.lowerBound + step) % mine.count
            try sink.take(.put(member, from: from, to: place, byteCount: byteCount))
        }
    }

    /// The piece of a member's block in a round of an all-gather: where it starts in the block and in the destination, and its length.
    private func piece(_ member: Int, _ round: Int) -> (start: Int, place: Place, byteCount: Int) {
        let block = shape.block(of: member)
        let piece = shape.piece(block.byteCount, round, limit: shape.pieceLimit)
        return (piece.start, .destination(block.start + piece.start), piece.byteCount)
    }

    /// Trampoline: each member sends its block to its own group and to one member of each other, which hands it on.
    func spreadGather<Sink: StepSink>(_ me: Int, _ sink: inout Sink) throws(Sink.Failure) {
        let home = groups.group(of: me)
        for round in 0..<shape.rounds(limit: shape.pieceLimit) {
            let own = piece(me, round)
            if own.byteCount > 0 {
                let from = Place.source(own.start)
                for step in 1..<max(groups.count, 1) {
                    let group = (home + step) % groups.count
                    let relay = relay(me, group)
                    try sink.take(.put(relay, from: from, to: own.place, byteCount: own.byteCount))
                    if groups.members(group).count > 1 { try sink.take(.signal(relay)) }
                }
                try putInside(me, from: from, to: own.place, byteCount: own.byteCount, &sink)
                try sink.take(.copy(from: from, to: own.place, byteCount: own.byteCount))
            }
            guard groups.members(home).count > 1 else { continue }
            for step in 1..<max(groups.count, 1) {
                for member in groups.members((home + groups.count - step) % groups.count)
                where relay(member, home) == me {
                    let piece = piece(member, round)
                    guard piece.byteCount > 0 else { continue }
                    try sink.take(.wait(member))
                    try putInside(me, from: piece.place, to: piece.place, byteCount: piece.byteCount, &sink)
                }
            }
        }
    }

    /// Two levels: each member sends its block to its group, the leader the blocks of the group to each other leader, which
    /// hands them on.
    func leaderGather<Sink: StepSink>(_ me: Int, _ sink: inout Sink) throws(Sink.Failure) {
        let home = groups.group(of: me)
        let mine = groups.members(home)
        let leader = mine.lowerBound
        for round in 0..<shape.rounds(limit: shape.pieceLimit) {
            let own = piece(me, round)
            if own.byteCount > 0 {
                let from = Place.source(own.start)
                try putInside(me, from: from, to: own.place, byteCount: own.byteCount, &sink)
                if me != leader, groups.count > 1 { try sink.take(.signal(leader)) }
                try sink.take(.copy(from: from, to: own.place, byteCount: own.byteCount))
            }
            guard me == leader else { continue }
            if groups.count > 1 {
                for member in mine.dropFirst() where piece(member, round).byteCount > 0 {
                    try sink.take(.wait(member))
                }
            }
            for step in 1..<max(groups.count, 1) {
                let group = (home + step) % groups.count
                let other = groups.members(group)
                guard try putPieces(home, round, to: other.lowerBound, &sink) else { continue }
                if other.count > 1 { try sink.take(.signal(other.lowerBound)) }
            }
            guard mine.count > 1 else { continue }
            for step in 1..<max(groups.count, 1) {
                let group = (home + groups.count - step) % groups.count
                let other = groups.members(group)
                guard other.contains(where: { piece($0, round).byteCount > 0 }) else { continue }
                try sink.take(.wait(other.lowerBound))
                for member in mine.dropFirst() { _ = try putPieces(group, round, to: member, &sink) }
            }
        }
    }

    /// The pieces of a group's blocks to one member.
    ///
    /// - Returns: whether there was anything to send.
    private func putPieces<Sink: StepSink>(
        _ group: Int, _ round: Int, to target: Int, _ sink: inout Sink
    ) throws(Sink.Failure) -> Bool {
        var isAny = false
        for member in groups.members(group) {
            let piece = piece(member, round)
            guard piece.byteCount > 0 else { continue }
            try sink.take(.put(target, from: piece.place, to: piece.place, byteCount: piece.byteCount))
            isAny = true
        }
        return isAny
    }
}
