internal import Hashing

/// The numbers behind an input, replayed by a seed.
public struct FuzzRandom: RandomNumberGenerator, Sendable {
    private var generator: SplitMix64

    /// Starts at a seed.
    public init(seed: UInt64) { generator = SplitMix64(seed: seed) }

    /// The numbers of one input of a run: any input can be made again without those before it.
    init(seed: UInt64, input: UInt64) { generator = SplitMix64(seed: SplitMix64.mixed(seed, input)) }

    /// The next 64 bits.
    public mutating func next() -> UInt64 { generator.next() }

    /// A number from 0 up to, not including, the bound; 0 if that is 0. The bias of the remainder is no matter here.
    mutating func below(_ bound: Int) -> Int { bound > 0 ? Int(next() % UInt64(bound)) : 0 }

    /// True once in so many times.
    mutating func oneIn(_ times: Int) -> Bool { below(times) == 0 }

    /// Any byte.
    mutating func byte() -> UInt8 { UInt8(truncatingIfNeeded: next()) }
}
