/// A small generator that a seed replays (Steele, Lea and Flood, OOPSLA 2014, "Fast splittable pseudorandom number generators").
public struct SplitMix64: RandomNumberGenerator, Sendable {
    /// What the state rises by with each number.
    public static let increment: UInt64 = 0x9E37_79B9_7F4A_7C15
    private var state: UInt64

    /// Starts at a seed.
    public init(seed: UInt64) { state = seed }

    /// Starts at a stream of a seed.
    public init(seed: UInt64, _ stream: some Sequence<UInt64>) { state = stream.reduce(seed, Self.mixed) }

    /// The seed of a stream. Neighbouring seeds, ranks and numbers give unrelated streams, where a sum would give the same data again one
    /// rank or one seed further on.
    public static func mixed(_ seed: UInt64, _ stream: UInt64) -> UInt64 {
        var first = SplitMix64(seed: seed)
        var second = SplitMix64(seed: first.next() ^ stream)
        return second.next()
    }

    /// The next 64 bits.
    public mutating func next() -> UInt64 {
        state &+= Self.increment
        return Self.finish(state)
    }

    /// What makes a number of a state: every bit of it depends on every bit of the state, and no two states have the same.
    @inlinable @inline(__always)
    public static func finish(_ state: UInt64) -> UInt64 {
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
