internal import Fabric

// Blocks to all members: broadcast and all-gather, straight into place everywhere.

extension GroupedSchedule {
    /// The same bytes to one member of each other group, which hands them on where there are others.
    private func putOutside(
        _ me: Int, from: Place, to place: Place, _ byteCount: Int, _ sink: inout some StepSink
    ) throws(FabricError) {
        for group in groups.ahead(groups.group(of: me)) {
            let relay = relay(me, group)
            try sink.put(relay, from: from, to: place, byteCount)
            if groups.members(group).count > 1 { try sink.signal(relay) }
        }
    }

    /// The same bytes to every other member of the group.
    func putInside(
        _ me: Int, from: Place, to place: Place, _ byteCount: Int, _ sink: inout some StepSink
    ) throws(FabricError) {
        for member in groups.others(me) { try sink.put(member, from: from, to: place, byteCount) }
    }

    /// The piece of a member's block in a round: where it starts in the block and in the destination, and its length.
    private func piece(_ member: Int, _ round: Int) -> (start: Int, place: Place, byteCount: Int) {
        let block = shape.block(of: member)
        let piece = shape.piece(block.byteCount, round, limit: shape.pieceLimit)
        return (piece.start, .destination(block.start + piece.start), piece.byteCount)
    }

    /// A broadcast, and the trampoline: each member that has a block sends it to one member of each other group, which hands it on, and to
    /// its own group.
    func spreadGather(_ me: Int, _ sink: inout some StepSink) throws(FabricError) {
        let home = groups.group(of: me)
        for round in 0..<shape.rounds(limit: shape.pieceLimit) {
            let own = piece(me, round)
            if own.byteCount > 0 {
                let from = Place.source(own.start)
                try putOutside(me, from: from, to: own.place, own.byteCount, &sink)
                try putInside(me, from: from, to: own.place, own.byteCount, &sink)
                try sink.copy(from: from, to: own.place, own.byteCount)
            }
            guard groups.members(home).count > 1 else { continue }
            for group in groups.behind(home) {
                for member in groups.members(group) where relay(member, home) == me {
                    let piece = piece(member, round)
                    guard piece.byteCount > 0 else { continue }
                    try sink.wait(member)
                    try putInside(me, from: piece.place, to: piece.place, piece.byteCount, &sink)
                }
            }
        }
    }

    /// Two levels: each member sends its block to its group, the leader the blocks of the group to each other leader, which
    /// hands them on.
    func leaderGather(_ me: Int, _ sink: inout some StepSink) throws(FabricError) {
        let home = groups.group(of: me)
        let mine = groups.members(home)
        let leader = mine.lowerBound
        for round in 0..<shape.rounds(limit: shape.pieceLimit) {
            let own = piece(me, round)
            if own.byteCount > 0 {
                let from = Place.source(own.start)
                try putInside(me, from: from, to: own.place, own.byteCount, &sink)
                if me != leader, groups.count > 1 { try sink.signal(leader) }
                try sink.copy(from: from, to: own.place, own.byteCount)
            }
            guard me == leader else { continue }
            if groups.count > 1 {
                for member in mine.dropFirst() where piece(member, round).byteCount > 0 { try sink.wait(member) }
            }
            for group in groups.ahead(home) {
                let other = groups.members(group)
                guard try putPieces(home, round, to: other.lowerBound, &sink) else { continue }
                if other.count > 1 { try sink.signal(other.lowerBound) }
            }
            guard mine.count > 1 else { continue }
            for group in groups.behind(home) {
                let other = groups.members(group)
                guard other.contains(where: { piece($0, round).byteCount > 0 }) else { continue }
                try sink.wait(other.lowerBound)
                for member in mine.dropFirst() { _ = try putPieces(group, round, to: member, &sink) }
            }
        }
    }

    /// The pieces of a group's blocks to one member.
    ///
    /// - Returns: whether there was anything to send.
    private func putPieces(
        _ group: Int, _ round: Int, to target: Int, _ sink: inout some StepSink
    ) throws(FabricError) -> Bool {
        var isAny = false
        for member in groups.members(group) {
            let piece = piece(member, round)
            guard piece.byteCount > 0 else { continue }
            try sink.put(target, from: piece.place, to: piece.place, piece.byteCount)
            isAny = true
        }
        return isAny
    }
}
