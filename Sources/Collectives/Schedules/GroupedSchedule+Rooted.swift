internal import Fabric

// Blocks to or from one member: gather and scatter. In the root's own group directly, of the others by one member of each.
//
// Staging of a relay: two halves for alternating rounds, each with one place for every member of its group, one behind the other,
// so that a group's blocks are one message wherever a block is one piece.

extension GroupedSchedule {
    /// Bytes of a block that go in a round.
    private var rootedPiece: Int {
        let most = shape.staging / (2 * groups.width)
        precondition(most > 0, "a workspace has 512 bytes for each member")
        return min(most, shape.pieceLimit)
    }

    private func half(_ round: Int) -> Int { round % 2 * (shape.staging / 2) }

    /// The root gets the block of each.
    func gather(_ me: Int, _ sink: inout some StepSink) throws(FabricError) {
        let root = shape.root
        let home = groups.group(of: me)
        let isDirect = home == groups.group(of: root)
        let relay = relay(root, home)
        let rounds = shape.rounds(limit: rootedPiece)
        for round in 0..<rounds {
            let (start, byteCount) = shape.piece(shape.block, round, limit: rootedPiece)
            let from = Place.source(start)
            let place = Place.destination(me * shape.block + start)
            let slot = Place.staging(half(round) + groups.index(of: me) * byteCount)
            if isDirect {
                try sink.move(me, to: root, from: from, to: place, byteCount)
            } else if me == relay {
                try sink.copy(from: from, to: slot, byteCount)
                try handUp(home, round, rounds, &sink)
            } else {
                if round >= 2 { try sink.wait(relay) }
                try sink.put(relay, from: from, to: slot, byteCount)
                try sink.signal(relay)
            }
        }
    }

    /// A relay sends what its group has put there to the root.
    private func handUp(
        _ home: Int, _ round: Int, _ rounds: Int, _ sink: inout some StepSink
    ) throws(FabricError) {
        let (start, byteCount) = shape.piece(shape.block, round, limit: rootedPiece)
        let relay = relay(shape.root, home)
        for member in groups.members(home) where member != relay { try sink.wait(member) }
        for member in groups.members(home) {
            try sink.put(
                shape.root, from: .staging(half(round) + groups.index(of: member) * byteCount),
                to: .destination(member * shape.block + start), byteCount)
        }
        guard round + 2 < rounds else { return }
        for member in groups.members(home) where member != relay { try sink.signal(member) }
    }

    /// Every member gets its block of the root's source.
    func scatter(_ me: Int, _ sink: inout some StepSink) throws(FabricError) {
        let home = groups.group(of: me)
        let isRelay = home != groups.group(of: shape.root) && relay(shape.root, home) == me
        guard me == shape.root || isRelay else { return }
        let rounds = shape.rounds(limit: rootedPiece)
        for round in 0..<rounds {
            if isRelay { try handDown(me, round, rounds, &sink) } else { try deal(home, round, &sink) }
        }
    }

    /// The root sends a round: to each relay what its group gets, to its own group each its piece.
    private func deal(_ home: Int, _ round: Int, _ sink: inout some StepSink) throws(FabricError) {
        let (start, byteCount) = shape.piece(shape.block, round, limit: rootedPiece)
        for group in groups.ahead(home) {
            let relay = relay(shape.root, group)
            if round >= 2 { try sink.wait(relay) }
            for member in groups.members(group) {
                try sink.put(
                    relay, from: .source(member * shape.block + start),
                    to: .staging(half(round) + groups.index(of: member) * byteCount), byteCount)
            }
            try sink.signal(relay)
        }
        for member in groups.members(home) {
            let from = Place.source(member * shape.block + start)
            try sink.move(shape.root, to: member, from: from, to: .destination(start), byteCount)
        }
    }

    /// A relay hands on what has come for its group.
    private func handDown(
        _ me: Int, _ round: Int, _ rounds: Int, _ sink: inout some StepSink
    ) throws(FabricError) {
        let (start, byteCount) = shape.piece(shape.block, round, limit: rootedPiece)
        try sink.wait(shape.root)
        for member in groups.members(groups.group(of: me)) {
            let from = Place.staging(half(round) + groups.index(of: member) * byteCount)
            try sink.move(me, to: member, from: from, to: .destination(start), byteCount)
        }
        if round + 2 < rounds { try sink.signal(shape.root) }
    }
}
