internal import Fabric
internal import FoundationEssentials
internal import NodeRuntime
internal import SharedMemory
internal import Telemetry

/// Measures the fabric's one-sided operations, waits and barriers, each beside a limit taken in the same run.
///
/// Ranks 0 and 1 measure; the others wait in a barrier (asleep after a millisecond) until the barrier itself is measured by
/// all. Each figure is the median of batches; a batch is long enough that reading the clock does not show.
struct LatencyWorkload: Workload {
    static let name = "bench-latency"

    /// What to measure.
    struct Plan: Codable, Sendable {
        var byteCounts: [Int]
        var repetitions: Int
        /// Nanoseconds a batch should last.
        var batchNanoseconds: Double
    }

    /// One figure with its limit; nanoseconds.
    struct Figure: Codable, Sendable {
        var operation: String
        var byteCount: Int
        var median: Double
        var p10: Double
        var p90: Double
        var repetitions: Int
        var batch: Int
        var limit: String
        var limitNanoseconds: Double?
    }

    let plan: Plan

    init(payload: [UInt8]) throws { plan = try JSONDecoder().decode(Plan.self, from: Data(payload)) }

    func run(on die: DieContext) throws -> [UInt8] {
        let world = Team.world(die.endpoint)
        let largest = max(plan.byteCounts.max() ?? 8, 8)
        die.setPhase("latency set-up")
        let area = try world.allocate(byteCount: largest, alignment: 4096)
        let words = try world.allocate(byteCount: 256)
        var figures: [Figure] = []
        if world.size >= 2 {
            die.setPhase("latency ping-pong")
            try world.barrier()
            if world.rank < 2 { figures += try pingPong(world, words) }
            try world.barrier()
        }
        die.setPhase("latency one-sided")
        try world.barrier()
        if world.rank == 0 { figures += try oneSided(world, area, words) }
        try world.barrier()
        die.setPhase("latency barrier")
        figures.append(try barrier(world))
        guard world.rank == 0 else { return [] }
        return Array(try JSONEncoder().encode(figures))
    }

    /// The same flag passed by bare loads and stores, and by signal and wait; one way.
    private func pingPong(_ world: Team, _ words: Region) throws -> [Figure] {
        let endpoint = world.endpoint
        let peer = 1 - world.rank
        let first = world.rank == 0
        let rounds = 2000
        var raw: [Double] = []
        var fabric: [Double] = []
        let pair = words.slice(0, 128)
        let flag = words.offset + 128
        let spins = WaitPolicy.usableCores >= 2
        for repetition in 0...plan.repetitions {
            if spins {
                // The raw loop starts from zero on both sides: clear, then agree that both are clear.
                try endpoint.signal(.set, 0, at: world.rank, pair.offset)
                try meet(endpoint, peer, words.offset + 192, UInt64(2 * repetition + 1))
                let time = RawPingPong.run(endpoint: endpoint, peer: peer, words: pair, rounds: rounds, first: first)
                if repetition > 0 { raw.append(Double(time) / Double(2 * rounds)) }
            }
            try meet(endpoint, peer, words.offset + 192, UInt64(2 * repetition + 2))
            let base = UInt64(repetition * rounds)
            let start = Monotonic.now()
            for turn in 1...UInt64(rounds) {
                if first { try endpoint.signal(.set, base + turn, at: peer, flag) }
                try endpoint.wait(at: flag, until: .greaterOrEqual, base + turn, peer: peer)
                if !first { try endpoint.signal(.set, base + turn, at: peer, flag) }
            }
            if repetition > 0 { fabric.append(Double(Monotonic.now() - start) / Double(2 * rounds)) }
        }
        guard first else { return [] }
        let limit = raw.isEmpty ? nil : Sample(raw).median
        var figures: [Figure] = []
        if !raw.isEmpty { figures.append(figure("raw flag ping-pong, one way", 8, raw, rounds, "itself", limit)) }
        figures.append(figure("signal + wait ping-pong, one way", 8, fabric, rounds, "raw flag ping-pong", limit))
        return figures
    }

    /// Both have come this far.
    private func meet(_ endpoint: Endpoint, _ peer: Int, _ word: Int, _ turn: UInt64) throws {
        try endpoint.signal(.set, turn, at: peer, word)
        try endpoint.wait(at: word, until: .greaterOrEqual, turn, peer: peer)
    }

    /// Stores, loads, atomics and copies from rank 0 to its neighbour (itself, when alone).
    private func oneSided(_ world: Team, _ area: Region, _ words: Region) throws -> [Figure] {
        let endpoint = world.endpoint
        let peer = world.size > 1 ? 1 : 0
        var figures: [Figure] = []
        func add(
            _ name: String, _ byteCount: Int, limit: String, _ limitNanoseconds: Double?, _ body: (Int) throws -> Void
        ) throws {
            let (values, batch) = try sample(body)
            figures.append(figure(name, byteCount, values, batch, limit, limitNanoseconds))
        }
        try add("store", 8, limit: "-", nil) { turn in try endpoint.store(UInt64(turn), to: peer, at: area.offset) }
        try add("put + quiet", 8, limit: "-", nil) { turn in
            try endpoint.store(UInt64(turn), to: peer, at: area.offset)
            try endpoint.quiet()
        }
        var sum: UInt64 = 0
        try add("load", 8, limit: "-", nil) { _ in sum &+= try endpoint.load(UInt64.self, from: peer, at: area.offset) }
        try add("fetch-add", 8, limit: "-", nil) { _ in try endpoint.fetchAdd(sum & 1, at: peer, words.offset + 64) }
        try add("signal", 8, limit: "-", nil) { turn in
            try endpoint.signal(.set, UInt64(turn), at: peer, words.offset + 64)
        }
        for byteCount in plan.byteCounts.sorted() {
            var source = [UInt8](repeating: 1, count: byteCount)
            var other = [UInt8](repeating: 2, count: byteCount)
            let (copies, batch) = try sample { _ in
                var span = other.mutableSpan
                RawCopy.run(source.span, &span)
            }
            let limit = Sample(copies).median
            figures.append(figure("private copy", byteCount, copies, batch, "itself", limit))
            try add("put", byteCount, limit: "private copy", limit) { _ in
                try endpoint.put(source.span, to: peer, at: area.offset)
            }
            try add("get", byteCount, limit: "private copy", limit) { _ in
                var span = source.mutableSpan
                try endpoint.get(from: peer, at: area.offset, into: &span)
            }
        }
        return figures
    }

    /// Barriers of the whole team, timed by rank 0.
    private func barrier(_ world: Team) throws -> Figure {
        var values: [Double] = []
        let batch = max(3, min(200, 4000 / world.size))
        for repetition in 0...plan.repetitions {
            try world.barrier()
            let start = Monotonic.now()
            for _ in 0..<batch { try world.barrier() }
            if repetition > 0 { values.append(Double(Monotonic.now() - start) / Double(batch)) }
        }
        return figure("barrier", 0, values, batch, "-", nil)
    }

    /// Nanoseconds a call, per batch; the batch length is found first.
    private func sample(_ body: (Int) throws -> Void) throws -> (values: [Double], batch: Int) {
        var batch = 1
        while true {
            let start = Monotonic.now()
            for turn in 0..<batch { try body(turn) }
            let time = Double(Monotonic.now() - start)
            if time >= plan.batchNanoseconds || batch >= 1 << 22 { break }
            batch = time < plan.batchNanoseconds / 8 ? batch * 8 : batch * 2
        }
        var values: [Double] = []
        for _ in 0..<plan.repetitions {
            let start = Monotonic.now()
            for turn in 0..<batch { try body(turn) }
            values.append(Double(Monotonic.now() - start) / Double(batch))
        }
        return (values, batch)
    }

    private func figure(
        _ name: String, _ byteCount: Int, _ values: [Double], _ batch: Int, _ limit: String, _ nanoseconds: Double?
    ) -> Figure {
        let sample = Sample(values)
        return Figure(
            operation: name, byteCount: byteCount, median: sample.median, p10: sample.percentile(0.1),
            p90: sample.percentile(0.9), repetitions: sample.count, batch: batch, limit: limit,
            limitNanoseconds: nanoseconds)
    }
}
