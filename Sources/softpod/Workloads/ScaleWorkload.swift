internal import Baselines
internal import Fabric
internal import FoundationEssentials
internal import NodeRuntime
internal import SharedMemory
internal import Workers

/// What a large cluster costs when it starts, meets and waits: first barrier, barriers, the processors' time while all wait for a word
/// that no die writes, memory and page tables.
struct ScaleWorkload: Workload {
    static let name = "bench-scale"

    /// What to do.
    struct Plan: Codable, Sendable {
        var batches: Int
        var idleSeconds: Double
    }

    /// What a die found. Times in nanoseconds.
    struct Finding: Codable, Sendable {
        var firstBarrier: UInt64
        var barriers: [Double]
        var rawBarriers: [Double]
        /// Time of the processor that this die's process used in the idle time, and how long that was; at its first die only.
        var idleProcessorTime: UInt64
        var idleTime: UInt64
        var proportionalByteCount: Int
        var pageTableByteCount: Int
    }

    let plan: Plan

    init(payload: [UInt8]) throws { plan = try JSONDecoder().decode(Plan.self, from: Data(payload)) }

    static func windowByteCount(dies: Int) -> Int { Endpoint.reservedByteCount(dies: dies) + 8192 }

    func run(on die: DieContext) throws -> [UInt8] {
        let endpoint = die.endpoint
        let world = Team.world(endpoint)
        die.setPhase("first barrier")
        let begin = Monotonic.now()
        try world.barrier()
        let first = Monotonic.now() - begin
        let words = try world.allocate(byteCount: 256)
        die.setPhase("barriers")
        var barriers: [Double] = []
        var raw: [Double] = []
        let batch = max(5, min(500, 4000 / world.size))
        for repetition in 0...plan.batches {
            try world.barrier()
            let start = Monotonic.now()
            for _ in 0..<batch { try world.barrier() }
            if repetition > 0 { barriers.append(Double(Monotonic.now() - start) / Double(batch)) }
            try world.barrier()
            let time = try RawBarrier.run(
                endpoint: endpoint, home: 0, words: words.slice(0, RawBarrier.byteCount), size: world.size,
                rounds: batch, spins: endpoint.spins)
            if repetition > 0 { raw.append(Double(time) / Double(batch)) }
        }
        die.setPhase("idle")
        try world.barrier()
        // The first hundredths of a second are for giving way and going to sleep.
        waitForNobody(endpoint, words.offset + 192, .milliseconds(50))
        let before = Monotonic.processCPU()
        let since = Monotonic.now()
        waitForNobody(endpoint, words.offset + 192, .milliseconds(Int64(plan.idleSeconds * 1000)))
        let used = Monotonic.processCPU() - before
        let idle = Monotonic.now() - since
        die.setPhase("memory")
        let isSampled = world.rank % SmokeWorkload.memorySampleStride == 0
        let finding = Finding(
            firstBarrier: first, barriers: barriers, rawBarriers: raw, idleProcessorTime: used, idleTime: idle,
            proportionalByteCount: isSampled ? ProcessControl.proportionalByteCount() : 0,
            pageTableByteCount: ProcessControl.pageTableByteCount())
        try world.barrier()
        return Array(try JSONEncoder().encode(finding))
    }

    private func waitForNobody(_ endpoint: Endpoint, _ word: Int, _ time: Duration) {
        do {
            try endpoint.wait(at: word, until: .equal, 1, deadline: Deadline(after: time))
        } catch {
            return  // As it must: the deadline passes.
        }
    }
}
