internal import Fabric
internal import Hashing

/// One entry of a catalog, judged on a live cluster. Every die runs it and counts what is wrong on its side.
protocol Check {
    /// The catalog name, or a dotted one of its own.
    var name: String { get }
    /// What was compared with what, in a few words.
    var judge: String { get }
    /// Bytes of symmetric memory it allocates on a cluster of this size, with or without check words.
    func heapByteCount(dies: Int, isProtected: Bool) -> Int
    /// Runs the trials of a seed, which is this check's own: the run's seed mixed with the check's name. Collective.
    func run(on bench: CheckBench, seed: UInt64) throws -> Finding
}

/// What a die found.
struct Finding: Codable, Sendable, Equatable {
    /// Comparisons made.
    var trials = 0
    /// Comparisons that failed.
    var wrong = 0
    /// Choices that differ from the oracle's by no more than float32 rounding can, and were accepted; nil where there are none to make.
    var nearTies: Int?
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
        if let value = other.nearTies { nearTies = (nearTies ?? 0) + value }
        if let value = other.error { error = max(error ?? 0, value) }
        digest.add(other.digest.value)
        first = first ?? other.first
    }
}

/// Made-up data that a printed seed replays.
struct CheckRandom: RandomNumberGenerator {
    private var generator: SplitMix64

    /// Starts at a seed, or at a stream of it: `CheckRandom(seed: seed, rank, call)`.
    init(seed: UInt64, _ stream: UInt64...) { generator = SplitMix64(seed: seed, stream) }

    /// The seed of a stream, unrelated to those of its neighbours.
    static func mixed(_ seed: UInt64, _ stream: UInt64) -> UInt64 { SplitMix64.mixed(seed, stream) }

    /// The seed of what goes by a name, wherever that stands in a list.
    static func mixed(_ seed: UInt64, _ name: String) -> UInt64 {
        var digest = FNV1a()
        digest.add(UInt64(name.utf8.count))
        digest.add(name.utf8)
        return mixed(seed, digest.value)
    }

    mutating func next() -> UInt64 { generator.next() }

    /// Values in [-1, 1).
    mutating func floats(_ count: Int) -> [Float] { (0..<count).map { _ in Float.random(in: -1..<1, using: &self) } }
}
