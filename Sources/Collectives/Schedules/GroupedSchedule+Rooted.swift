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

    /// The root gets everybody's block.
    func gather<Sink: StepSink>(_ me: Int, _ sink: inout Sink) throws(Sink.Failure) {
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
            if me == root {
                try sink.take(.copy(from: from, to: place, byteCount: byteCount))
            } else if isDirect {
                try sink.take(.put(root, from: from, to: place, byteCount: byteCount))
            } else if me == relay {
                try sink.take(.copy(from: from, to: slot, byteCount: byteCount))
                try handUp(home, round, rounds, &sink)
            } else {
                if round >= 2 { try sink.take(.wait(relay)) }
                try sink.take(.put(relay, from: from, to: slot, byteCount: byteCount))
                try sink.take(.signal(relay))
            }
        }
    }

    /// A relay sends what its group has put there to the root.
    private func handUp<Sink: StepSink>(
        _ home: Int, _ round: Int, _ rounds: Int, _ sink: inout Sink
    ) throws(Sink.Failure) {
        let (start, byteCount) = shape.piece(shape.block, round, limit: rootedPiece)
        let relay = relay(shape.root, home)
        for member in groups.members(home) where member != relay { try sink.take(.wait(member)) }
        for member in groups.members(home) {
            try sink.take(
                .put(
                    shape.root, from: .staging(half(round) + groups.index(of: member) * byteCount),
                    to: .destination(member * shape.block + start), byteCount: byteCount))
        }
        guard round + 2 < rounds else { return }
        for member in groups.members(home) where member != relay { try sink.take(.signal(member)) }
    }

    /// Everybody gets its block of the root's source.
    func scatter<Sink: StepSink>(_ me: Int, _ sink: inout Sink) throws(Sink.Failure) {
        let home = groups.group(of: me)
        let isRelay = home != groups.group(of: shape.root) && relay(shape.root, home) == me
        guard me == shape.root || isRelay else { return }
        let rounds = shape.rounds(limit: rootedPiece)
        for round in 0..<rounds {
            if isRelay { try handDown(me, round, rounds, &sink) } else { try deal(home, round, &sink) }
        }
    }

    /// The root sends a round: to each relay what its group gets, to its own group each its piece.
    private func deal<Sink: StepSink>(_ home: Int, _ round: Int, _ sink: inout Sink) throws(Sink.Failure) {
        let (start, byteCount) = shape.piece(shape.block, round, limit: rootedPiece)
        for step in 1..<max(groups.count, 1) {
            let group = (home + step) % groups.count
            let relay = relay(shape.root, group)
            if round >= 2 { try sink.take(.wait(relay)) }
            for member in groups.members(group) {
                try sink.take(
                    .put(
                        relay, from: .source(member * shape.block + start),
                        to: .staging(half(round) + groups.index(of: member) * byteCount), byteCount: byteCount))
            }
            try sink.take(.signal(relay))
        }
        for member in groups.members(home) {
            let from = Place.source(member * shape.block + start)
            if member == shape.root {
                try sink.take(.copy(from: from, to: .destination(start), byteCount: byteCount))
            } else {
                try sink.take(.put(member, from: from, to: .destination(start), byteCount: byteCount))
            }
        }
    }

    /// A relay hands on what has come for its group.
    private func handDown<Sink: StepSink>(
        _ me: Int, _ round: Int, _ rounds: Int, _ sink: inout Sink
    ) throws(Sink.Failure) {
        let (start, byteCount) = shape.piece(shape.block, round, limit: rootedPiece)
        try sink.take(.wait(shape.root))
        for member in groups.members(groups.group(of: me)) {
            let from = Place.staging(half(round) + groups.index(of: member) * byteCount)
            if member == me {
                try sink.take(.copy(from: from, to: .destination(start), byteCount: byteCount))
            } else {
                try sink.take(.put(member, from: from, to: .destination(start), byteCount: byteCount))
            }
        }
        if round + 2 < rounds { try sink.take(.signal(shape.root)) }
    }
}
