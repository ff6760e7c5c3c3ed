internal import Glibc

/// SplitMix64: a small generator that a printed seed replays.
public struct SeededGenerator: RandomNumberGenerator, Sendable {
    private var state: UInt64

    /// Starts at a seed, or at a stream of it: `SeededGenerator(seed: seed, rank)`.
    public init(seed: UInt64, _ stream: UInt64...) { state = stream.reduce(seed, Self.mixed) }

    /// The seed of a stream. Neighbouring seeds, ranks and numbers give unrelated streams, where a sum would give the same data again one
    /// rank or one seed further on.
    public static func mixed(_ seed: UInt64, _ stream: UInt64) -> UInt64 {
        var generator = SeededGenerator(seed: seed)
        generator.state = generator.next() ^ stream
        return generator.next()
    }

    /// The next 64 bits.
    public mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }

    /// A standard normal value (Box-Muller).
    public mutating func normal() -> Double {
        let u = max(Double.random(in: 0..<1, using: &self), 1e-300)
        let v = Double.random(in: 0..<1, using: &self)
        return (-2 * log(u)).squareRoot() * cos(2 * .pi * v)
    }
}
