internal import Fabric

/// One entry of a catalog, judged on a live cluster. Every die runs it and counts what is wrong on its side.
protocol Check {
    /// The catalog name, or a dotted one of its own.
    var name: String { get }
    /// What was compared with what, in a few words.
    var judge: String { get }
    /// Bytes of symmetric memory it allocates on a cluster of this size.
    func heapByteCount(dies: Int) -> Int
    /// Runs the trials of a seed. Collective.
    func run(on bench: CheckBench, seed: UInt64) throws -> Finding
}

/// What a die found.
struct Finding: Codable, Sendable, Equatable {
    /// Comparisons made.
    var trials = 0
    /// Comparisons that failed.
    var wrong = 0
    /// The largest relative error, where closeness is judged and not bits.
    var error: Double?
    /// Of everything that was computed and moved: the same for every layout of hosts and processes.
    var digest = ResultDigest()
    /// The first failure, so that it can be replayed.
    var first: String?

    /// Counts one comparison.
    mutating func compare(_ isRight: Bool, _ what: @autoclosure () -> String) {
        trials += 1
        guard !isRight else { return }
        wrong += 1
        if first == nil { first = what() }
    }

    /// Adds another die's finding.
    mutating func add(_ other: Finding) {
        trials += other.trials
        wrong += other.wrong
        if let value = other.error { error = max(error ?? 0, value) }
        digest.add(other.digest.value)
        first = first ?? other.first
    }
}

/// SplitMix64: made-up data that a printed seed replays.
struct CheckRandom: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }

    /// Values in [-1, 1).
    mutating func floats(_ count: Int) -> [Float] { (0..<count).map { _ in Float.random(in: -1..<1, using: &self) } }
}
