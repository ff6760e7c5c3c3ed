internal import Fabric
internal import SharedMemory
internal import Telemetry

/// Relays that need more than two ranks, each beside the same work without it. All ranks take part; rank 0 keeps the time, from
/// one barrier to the next, and the barrier alone is the limit.
struct OrderingRelays {
    let world: Team
    let areas: OrderingWorkload.Areas
    let plan: OrderingWorkload.Plan
    let byteCount: Int

    private static let rounds = 100
    private static let slots = 64

    func run() throws -> [OrderingWorkload.Figure] {
        var figures: [OrderingWorkload.Figure] = []
        let bare = try timed { _ in }
        let limit = "barrier / \(Self.rounds)"
        func note(_ name: String, _ batch: Int, _ values: [Double]) {
            guard world.rank == 0 else { return }
            figures.append(
                OrderingWorkload.Figure(
                    mechanism: name, messagesPerFlag: batch,
                    figure: BenchFigure(
                        name, byteCount: byteCount, values, batch: Self.rounds, limit: name == limit ? "itself" : limit,
                        Sample(bare).median)))
        }
        note(limit, 1, bare)
        let lanes = min(world.size - 1, 4)
        note("flags of \(lanes) lanes, each its own", 1, try ownFlags(lanes))
        note("relay b, one flag of \(lanes) lanes", lanes, try relayedFlag(lanes))
        for batch in plan.batches {
            note("to 2 ranks, a channel each", min(batch, Self.slots), try forwarded(batch, isRelayed: false))
            note("relay c, to 2 ranks through a third", min(batch, Self.slots), try forwarded(batch, isRelayed: true))
        }
        return figures
    }

    /// Nanoseconds a round, barrier to barrier; `body` does all rounds of this rank. The argument counts the repetitions.
    private func timed(_ body: (Int) throws -> Void) throws -> [Double] {
        var values: [Double] = []
        for repetition in 0...plan.repetitions {
            try world.barrier()
            let start = Monotonic.now()
            try body(repetition)
            try world.barrier()
            if repetition > 0 { values.append(Double(Monotonic.now() - start) / Double(Self.rounds)) }
        }
        return values
    }

    /// Lanes put a piece each and raise a flag each at the last rank, which waits for all of them and answers.
    private func ownFlags(_ lanes: Int) throws -> [Double] {
        let endpoint = world.endpoint
        let target = world[world.size - 1]
        let base = areas.words.offset + 1024
        let bytes = [UInt8](repeating: 3, count: byteCount)
        for index in 0...lanes { try endpoint.signal(.set, 0, at: endpoint.rank, base + 64 * index) }
        return try timed { repetition in
            for turn in 1...Self.rounds {
                let round = UInt64(repetition * Self.rounds + turn)
                if world.rank < lanes {
                    try endpoint.put(bytes.span, to: target, at: place(world.rank))
                    try endpoint.signal(.set, round, at: target, base + 64 * world.rank)
                    try endpoint.wait(at: base + 64 * lanes, reaches: round, peer: target, operation: .wait)
                } else if endpoint.rank == target {
                    for lane in 0..<lanes {
                        try endpoint.wait(at: base + 64 * lane, reaches: round, peer: world[lane], operation: .wait)
                    }
                    for lane in 0..<lanes { try endpoint.signal(.set, round, at: world[lane], base + 64 * lanes) }
                }
            }
        }
    }

    /// The same with one flag, raised by lane 0 when all lanes have reported to it.
    private func relayedFlag(_ lanes: Int) throws -> [Double] {
        let endpoint = world.endpoint
        let target = world[world.size - 1]
        let base = areas.words.offset + 1024
        let bytes = [UInt8](repeating: 3, count: byteCount)
        try endpoint.signal(.set, 0, at: endpoint.rank, base)
        let relay = RelayFlag(
            endpoint, lanes: 0..<Rank(lanes), designated: 0, target: target,
            region: areas.words.slice(2048, RelayFlag.byteCount(lanes: lanes)))
        return try timed { repetition in
            for turn in 1...Self.rounds {
                let round = UInt64(repetition * Self.rounds + turn)
                if world.rank < lanes {
                    try endpoint.put(bytes.span, to: target, at: place(world.rank))
                    try relay.finish()
                    try endpoint.wait(at: base, reaches: round, peer: target, operation: .wait)
                } else if endpoint.rank == target {
                    try relay.wait()
                    for lane in 0..<lanes { try endpoint.signal(.set, round, at: world[lane], base) }
                }
            }
        }
    }

    private func place(_ lane: Int) -> Int { areas.rings[0].offset + lane * OrderingWorkload.placedByteCount }

    /// Rank 0 sends to the last two ranks in turn: on a channel each, or through the last but one.
    private func forwarded(_ batch: Int, isRelayed: Bool) throws -> [Double] {
        let endpoint = world.endpoint
        let (relay, last) = (world[world.size - 2], world[world.size - 1])
        let bytes = [UInt8](repeating: 3, count: byteCount)
        let channel = OrderingWorkload.channel(byteCount, .push, batch: batch)
        switch endpoint.rank {
        case 0:
            let near = ChannelSender(endpoint, to: relay, region: areas.rings[0], plan: channel)
            let far = isRelayed ? near : ChannelSender(endpoint, to: last, region: areas.rings[1], plan: channel)
            return try timed { _ in
                for turn in 0..<Self.rounds {
                    let target = turn % 2 == 0 ? relay : last
                    try (turn % 2 == 0 ? near : far).send(bytes.span, target: target)
                }
                try near.flush()
                try far.flush()
            }
        case relay:
            let receiver = ChannelReceiver(endpoint, from: 0, region: areas.rings[0], plan: channel)
            guard isRelayed else { return try timed { _ in try drain(receiver, Self.rounds / 2) } }
            let inner = ChannelSender(endpoint, to: last, region: areas.rings[2], plan: channel)
            let forwarder = RelayForwarder(from: receiver, to: [inner])
            return try timed { _ in
                for _ in 0..<Self.rounds { _ = try forwarder.forward() }
                try forwarder.flush()
            }
        case last:
            let receiver =
                isRelayed
                ? ChannelReceiver(endpoint, from: relay, region: areas.rings[2], plan: channel)
                : ChannelReceiver(endpoint, from: 0, region: areas.rings[1], plan: channel)
            return try timed { _ in try drain(receiver, Self.rounds / 2) }
        default: return try timed { _ in }
        }
    }

    private func drain(_ receiver: ChannelReceiver, _ count: Int) throws {
        for _ in 0..<count {
            _ = try receiver.take()
            try receiver.releaseLazily()
        }
        try receiver.release()
    }
}
