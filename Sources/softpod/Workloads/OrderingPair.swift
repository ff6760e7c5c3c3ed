internal import Baselines
internal import Fabric
internal import SharedMemory
internal import Telemetry

/// Two ranks and one message length: streams from rank 0 to rank 1, and exchanges.
///
/// Both ranks run the same steps in the same order; rank 0 keeps the time.
struct OrderingPair {
    let world: Team
    let areas: OrderingWorkload.Areas
    let plan: OrderingWorkload.Plan
    let byteCount: Int
    private var figures: [OrderingWorkload.Figure] = []
    private var copyNanoseconds = 0.0
    private var meets: UInt64

    init(world: Team, areas: OrderingWorkload.Areas, plan: OrderingWorkload.Plan, byteCount: Int) {
        self.world = world
        self.areas = areas
        self.plan = plan
        self.byteCount = byteCount
        // Meetings are numbered on from the last length's: at most this many for each.
        let index = plan.byteCounts.sorted().firstIndex(of: byteCount) ?? 0
        meets = UInt64(index) << 32
    }

    private var isFirst: Bool { world.rank == 0 }
    private var peer: Rank { world[1 - world.rank] }
    /// Messages of a stream: some megabytes at most.
    private var messages: Int { max(64, min(4096, (4 << 20) / max(byteCount, 1))) }

    mutating func run() throws -> [OrderingWorkload.Figure] {
        try bareCopy()
        try exchanges()
        let ways = [.push, .pull] + plan.fractions.map { ChannelDelivery.concurrent(fraction: $0) }
        for way in ways {
            for batch in plan.batches { try stream(way, batch) }
        }
        if byteCount <= LinePlan().maximumByteCount { try lines() }
        if byteCount <= 512 { try staged() }
        return figures
    }

    /// Both have come this far; also what the other put before is visible.
    private mutating func meet() throws {
        meets += 1
        let word = areas.words.offset
        try world.endpoint.signal(.set, meets, at: peer, word)
        try world.endpoint.wait(at: word, until: .greaterOrEqual, meets, peer: peer)
    }

    private mutating func note(_ mechanism: String, _ batch: Int, _ values: [Double], limit: String, _ bare: Double?) {
        guard isFirst else { return }
        figures.append(
            OrderingWorkload.Figure(
                mechanism: mechanism, messagesPerFlag: batch,
                figure: BenchFigure(
                    mechanism, byteCount: byteCount, values, batch: messages, limit: limit, bare)))
    }

    /// The limit of streams: each message one `memcpy` into the peer's window, round the same ring.
    private mutating func bareCopy() throws {
        try meet()
        let endpoint = world.endpoint
        let source = [UInt8](repeating: 1, count: byteCount)
        let slots = byteCount > OrderingWorkload.placedByteCount ? 1 : 64
        var values: [Double] = []
        let base = slots == 1 ? areas.target.offset : areas.rings[0].offset
        let stride = (byteCount + 511) / 512 * 512
        for _ in 0...plan.repetitions where isFirst {
            values.append(
                try Batches.once(messages) { count in
                    for turn in 0..<count {
                        RawCopy.put(source.span, to: peer, at: base + turn % slots * stride, of: endpoint)
                    }
                })
        }
        if isFirst { copyNanoseconds = Sample(Array(values.dropFirst())).median }
        note("bare copy to peer", 1, Array(values.dropFirst()), limit: "itself", nil)
        try meet()
    }

    /// Repeats a stream; `send` and `receive` handle all messages of one.
    private mutating func repeated(
        send: () throws -> Void, receive: () throws -> Void
    ) throws -> [Double] {
        var values: [Double] = []
        for repetition in 0...plan.repetitions {
            try meet()
            let start = Monotonic.now()
            try isFirst ? send() : receive()
            if repetition > 0 { values.append(Double(Monotonic.now() - start) / Double(messages)) }
        }
        return values
    }

    private mutating func stream(_ delivery: ChannelDelivery, _ batch: Int) throws {
        let plan = OrderingWorkload.channel(byteCount, delivery, batch: batch)
        let isPlaced = byteCount > OrderingWorkload.placedByteCount
        let endpoint = world.endpoint
        let (count, messages, areas) = (byteCount, messages, areas)
        let bytes = [UInt8](repeating: 7, count: count)
        let sender = isFirst ? ChannelSender(endpoint, to: peer, region: areas.rings[0], plan: plan) : nil
        let receiver = isFirst ? nil : ChannelReceiver(endpoint, from: peer, region: areas.rings[0], plan: plan)
        let values = try repeated {
            for _ in 0..<messages {
                if isPlaced {
                    try sender?.send(from: areas.source.offset, byteCount: count, to: areas.target.offset)
                } else {
                    try sender?.send(bytes.span)
                }
            }
            try sender?.drain()
        } receive: {
            for _ in 0..<messages {
                _ = try receiver?.take()
                try receiver?.releaseLazily()
            }
            try receiver?.release()
        }
        note(
            "channel \(delivery)\(isPlaced ? ", placed" : "")", plan.batch, values, limit: "bare copy to peer",
            copyNanoseconds)
    }

    private mutating func lines() throws {
        let endpoint = world.endpoint
        let (count, messages) = (byteCount, messages)
        let bytes = [UInt8](repeating: 7, count: count)
        var sink = [UInt8](repeating: 0, count: max(count, 8))
        let sender = isFirst ? LineSender(endpoint, to: peer, region: areas.rings[0], plan: LinePlan()) : nil
        let receiver = isFirst ? nil : LineReceiver(endpoint, from: peer, region: areas.rings[0], plan: LinePlan())
        let values = try repeated {
            for _ in 0..<messages { try sender?.send(bytes.span) }
        } receive: {
            for _ in 0..<messages {
                var span = sink.mutableSpan
                _ = try receiver?.receive(into: &span)
            }
        }
        note("data-as-flag lines", 1, values, limit: "bare copy to peer", copyNanoseconds)
    }

    /// Pieces of this length, gathered to 4 KB and scattered at the consumer.
    private mutating func staged() throws {
        let endpoint = world.endpoint
        let plan = ChannelPlan(slotCount: 64, slotByteCount: 4096)
        let (count, messages, target) = (byteCount, messages, areas.target.offset)
        let bytes = [UInt8](repeating: 7, count: count)
        let relay =
            isFirst ? RelayStaging(ChannelSender(endpoint, to: peer, region: areas.rings[0], plan: plan)) : nil
        let receiver = isFirst ? nil : ChannelReceiver(endpoint, from: peer, region: areas.rings[0], plan: plan)
        let values = try repeated {
            for turn in 0..<messages { try relay?.add(bytes.span, to: target + turn % 7 * 8) }
            try relay?.flush()
            try relay?.sender.drain()
        } receive: {
            var pieces = 0
            while pieces < messages, let receiver {
                pieces += try RelayStaging.scatter(try receiver.take(), of: receiver)
                try receiver.releaseLazily()
            }
            try receiver?.release()
        }
        note(
            "relay a, local staging", 4096 / (16 + (count + 7) / 8 * 8), values, limit: "bare copy to peer",
            copyNanoseconds)
    }

    /// One way of a message to and fro, beside a bare copy and flag.
    private mutating func exchanges() throws {
        guard byteCount <= 4096 else { return }
        let endpoint = world.endpoint
        let rounds = 1000
        let (peer, first, areas, count) = (peer, isFirst, areas, byteCount)
        let bytes = [UInt8](repeating: 7, count: count)
        var sink = [UInt8](repeating: 0, count: max(count, 8))
        let plan = OrderingWorkload.channel(count, .push, batch: 1)
        let rings = first ? [areas.rings[0], areas.rings[1]] : [areas.rings[1], areas.rings[0]]
        let sender = ChannelSender(endpoint, to: peer, region: rings[0], plan: plan)
        let receiver = ChannelReceiver(endpoint, from: peer, region: rings[1], plan: plan)
        let words = areas.words.slice(512, 128)
        var (raw, channel, line): ([Double], [Double], [Double]) = ([], [], [])
        let spins = WaitPolicy.usableCores >= 2
        func time(_ body: () throws -> Void) rethrows -> Double {
            let start = Monotonic.now()
            try body()
            return Double(Monotonic.now() - start) / Double(2 * rounds)
        }
        for repetition in 0...self.plan.repetitions {
            if spins {
                try endpoint.signal(.set, 0, at: endpoint.rank, words.offset)
                try meet()
                let value = try RawCopy.pingPong(
                    bytes.span, at: areas.target, words: words, peer: peer, of: endpoint, rounds: rounds, first: first)
                if repetition > 0 { raw.append(Double(value) / Double(2 * rounds)) }
            }
            try meet()
            let value = try time {
                for _ in 0..<rounds {
                    if first { try sender.send(bytes.span) }
                    var span = sink.mutableSpan
                    _ = try receiver.receive(into: &span)
                    if !first { try sender.send(bytes.span) }
                }
            }
            if repetition > 0 { channel.append(value) }
        }
        try meet()
        let lines = LinePlan()
        if count <= lines.maximumByteCount {
            let lineSender = LineSender(endpoint, to: peer, region: rings[0], plan: lines)
            let lineReceiver = LineReceiver(endpoint, from: peer, region: rings[1], plan: lines)
            for repetition in 0...self.plan.repetitions {
                try meet()
                let value = try time {
                    for _ in 0..<rounds {
                        if first { try lineSender.send(bytes.span) }
                        var span = sink.mutableSpan
                        _ = try lineReceiver.receive(into: &span)
                        if !first { try lineSender.send(bytes.span) }
                    }
                }
                if repetition > 0 { line.append(value) }
            }
        }
        let bare = raw.isEmpty ? nil : Sample(raw).median
        let limit = "bare copy + flag, one way"
        if !raw.isEmpty { note(limit, 1, raw, limit: "itself", nil) }
        note("channel push, one way", 1, channel, limit: limit, bare)
        if !line.isEmpty { note("data-as-flag lines, one way", 1, line, limit: limit, bare) }
    }
}
