internal import Glibc
internal import Hashing

/// The generator of tests: a printed seed replays it.
public struct SeededGenerator: RandomNumberGenerator, Sendable {
    private var generator: SplitMix64

    /// Starts at a seed, or at a stream of it: `SeededGenerator(seed: seed, rank)`.
    public init(seed: UInt64, _ stream: UInt64...) { generator = SplitMix64(seed: seed, stream) }

    /// The seed of a stream, unrelated to those of its neighbours.
    public static func mixed(_ seed: UInt64, _ stream: UInt64) -> UInt64 { SplitMix64.mixed(seed, stream) }

    /// The next 64 bits.
    public mutating func next() -> UInt64 { generator.next() }

    /// A standard normal value (Box-Muller).
    public mutating func normal() -> Double {
        let u = max(Double.random(in: 0..<1, using: &self), 1e-300)
        let v = Double.random(in: 0..<1, using: &self)
        return (-2 * log(u)).squareRoot() * cos(2 * .pi * v)
    }
}
