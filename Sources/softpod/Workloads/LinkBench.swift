internal import Fabric
internal import Launching
internal import Messaging
internal import SharedMemory
internal import Synchronization
internal import Telemetry
internal import Workers

/// Measures a link between two hosts of this machine, and bare sockets of the same carrier, in turns.
struct LinkBench {
    let carrier: HostSplit.Carrier
    let repetitions: Int
    let interruption: Interruption

    /// A figure with its limit, both in the same unit.
    struct Figure {
        var operation: String
        var byteCount: Int
        var unit: String
        var values: Sample
        var limit: String
        var limits: Sample
        var batch: Int
    }

    /// What can be measured.
    enum Operation: String, CaseIterable {
        case bandwidth, latency, rate
    }

    /// The rows of an operation.
    func figures(of operation: Operation, byteCounts: [Int]) throws -> [Figure] {
        switch operation {
        case .bandwidth:
            try byteCounts.flatMap {
                [try bandwidth(byteCount: $0, isNonBlocking: true), try bandwidth(byteCount: $0, isNonBlocking: false)]
            }
        case .latency: [try latency()]
        case .rate: [try rate()]
        }
    }

    /// Payload of puts from the window, in GB/s, beside PUSH/PULL.
    ///
    /// - Parameter isNonBlocking: whether a put may follow another before that one has been carried out.
    func bandwidth(byteCount: Int, isNonBlocking: Bool) throws -> Figure {
        let count = max((64 << 20) / byteCount, 2)
        let total = Double(count * byteCount)
        var limits: [Double] = []
        let values = try measure(windowByteCount: byteCount + (1 << 18)) { endpoint, place in
            let start = Monotonic.now()
            for _ in 0..<count {
                if isNonBlocking {
                    try endpoint.putNonBlocking(from: place, byteCount: byteCount, to: 1, at: place)
                } else {
                    try endpoint.put(from: place, byteCount: byteCount, to: 1, at: place)
                }
            }
            try endpoint.quiet()
            return total / Double(Monotonic.now() - start)
        } between: {
            limits.append(total / Double(try bareStream(byteCount, count)))
        }
        return Figure(
            operation: isNonBlocking ? "put non-blocking" : "put", byteCount: byteCount, unit: "GB/s",
            values: Sample(values),
            limit: "bare PUSH/PULL",
            limits: Sample(limits), batch: count)
    }

    /// A put of 8 bytes until it has been carried out, in microseconds, beside a DEALER/ROUTER round trip.
    func latency() throws -> Figure {
        let count = 500
        var limits: [Double] = []
        let values = try measure(windowByteCount: 1 << 18) { endpoint, place in
            let start = Monotonic.now()
            for turn in 0..<UInt64(count) {
                try endpoint.store(turn, to: 1, at: place)
                try endpoint.quiet()
            }
            return Double(Monotonic.now() - start) / Double(count) / 1000
        } between: {
            limits.append(Double(try bareRoundTrips(count)) / Double(count) / 1000)
        }
        return Figure(
            operation: "put and quiet", byteCount: 8, unit: "us", values: Sample(values),
            limit: "bare DEALER/ROUTER round trip", limits: Sample(limits), batch: count)
    }

    /// Puts of 8 bytes in millions a second, beside the same with a message each.
    func rate() throws -> Figure {
        let count = 20_000
        func body(_ endpoint: Endpoint, _ place: Int) throws -> Double {
            let start = Monotonic.now()
            for turn in 0..<UInt64(count) { try endpoint.store(turn, to: 1, at: place) }
            try endpoint.quiet()
            return Double(count) * 1000 / Double(Monotonic.now() - start)
        }
        var unbatched = LinkOptions()
        unbatched.batches = false
        let other = try LinkPair(carrier, windowByteCount: 1 << 18, options: unbatched)
        defer { other.end() }
        var limits: [Double] = []
        let values = try measure(windowByteCount: 1 << 18) { endpoint, place in
            try body(endpoint, place)
        } between: {
            limits.append(try body(other.endpoint, other.place))
        }
        return Figure(
            operation: "put rate", byteCount: 8, unit: "M/s", values: Sample(values), limit: "a message each",
            limits: Sample(limits), batch: count)
    }

    private func measure(
        windowByteCount: Int, _ body: (Endpoint, Int) throws -> Double, between: () throws -> Void
    ) throws -> [Double] {
        let pair = try LinkPair(carrier, windowByteCount: windowByteCount, options: LinkOptions())
        defer { pair.end() }
        var values: [Double] = []
        _ = try body(pair.endpoint, pair.place)  // Pages and connections are made here.
        for _ in 0..<repetitions {
            try interruption.check()
            values.append(try body(pair.endpoint, pair.place))
            try between()
        }
        return values
    }
}

/// Two hosts with a die each: the first is the caller's, the second does nothing, as one-sided operations want it.
private final class LinkPair {
    let cluster: SplitCluster
    let endpoint: Endpoint
    let place: Int

    init(_ carrier: HostSplit.Carrier, windowByteCount: Int, options: LinkOptions) throws {
        let reserved = (Endpoint.reservedByteCount(dies: 2) + 4095) & ~4095
        cluster = try SplitCluster(
            HostSplit([1, 1], carrier: carrier, options: options), windowByteCount: reserved + windowByteCount)
        endpoint = Endpoint(segment: cluster.segments[0], rank: 0, timeout: .seconds(60))
        place = reserved
    }

    func end() {
        endpoint.leave()
        _ = cluster.drain()  // Nothing is under way but what a failed measurement left.
        cluster.stop()
    }
}

extension LinkBench {
    private func address() -> String {
        switch carrier {
        case .inproc: "inproc://bench-\(Monotonic.now())"
        case .ipc: "ipc://@softpod-bench-\(ProcessControl.id)-\(Monotonic.now())"
        case .tcp: "tcp://127.0.0.1:*"
        }
    }

    /// Nanoseconds from the first send until the last of `count` payloads has been received.
    private func bareStream(_ byteCount: Int, _ count: Int) throws -> UInt64 {
        let context = try MessageContext()
        let end = Mutex<Result<UInt64, any Error>?>(nil)
        let push = try BareSocket(.push, in: context)
        let bound = try push.bind(address())
        let worker = try Worker.start(name: "pull") {
            let result = Result {
                let pull = try BareSocket(.pull, in: context)
                try pull.connect(bound)
                for _ in 0...count { _ = try pull.receive() }
                return Monotonic.now()
            }
            end.withLock { $0 = result }
        }
        let payload = Packet(repeating: 1, byteCount: byteCount)
        // The first waits for the connection and is not measured.
        let sent = Result { try push.send(payload) }
        let start = Monotonic.now()
        let rest = Result { for _ in 0..<count { try push.send(payload) } }
        worker.join()
        try sent.get()
        try rest.get()
        guard let finished = try end.withLock({ $0 })?.get() else {
            throw SystemError(rule: "the bare receiver did not end")
        }
        return finished - start
    }

    /// Nanoseconds of so many exchanges of 8 bytes.
    private func bareRoundTrips(_ count: Int) throws -> UInt64 {
        let context = try MessageContext()
        let router = try BareSocket(.router, in: context)
        let bound = try router.bind(address())
        let worker = try Worker.start(name: "dealer") {
            try? Self.echo(context, bound, count)  // the router then has no answer, and says so
        }
        let result = Result {
            let name = try router.receive()
            let payload = try router.receive()
            let start = Monotonic.now()
            for _ in 0..<count {
                try router.send(name, more: true)
                try router.send(payload)
                _ = try router.receive()
                _ = try router.receive()
            }
            let time = Monotonic.now() - start
            try router.send(name, more: true)
            try router.send(payload)
            return time
        }
        worker.join()
        return try result.get()
    }

    private static func echo(_ context: MessageContext, _ address: String, _ count: Int) throws {
        let dealer = try BareSocket(.dealer, in: context)
        try dealer.connect(address)
        try dealer.send(Packet(repeating: 1, byteCount: 8))
        for _ in 0..<count { try dealer.send(try dealer.receive()) }
        // Linger is zero: the socket stays until the router has had the last message, and says so.
        _ = try dealer.receive()
    }
}
