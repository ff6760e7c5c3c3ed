/// A number that two things share if they are the same: 64-bit FNV-1a (draft-eastlake-fnv), over bytes in order. It finds differences, not
/// forgeries.
public struct FNV1a: Codable, Sendable, Equatable {
    @usableFromInline var state: UInt64 = 0xCBF2_9CE4_8422_2325
    @usableFromInline static let prime: UInt64 = 0x100_0000_01B3

    /// Of nothing.
    public init() {}

    /// Of bytes.
    public init(_ bytes: some Sequence<UInt8>) { add(bytes) }

    /// The digest of what was added.
    public var value: UInt64 { state }

    /// Adds a byte.
    @inlinable @inline(__always)
    public mutating func add(byte: UInt8) { state = (state ^ UInt64(byte)) &* Self.prime }

    /// Adds bytes.
    @inlinable
    public mutating func add(_ bytes: some Sequence<UInt8>) {
        for byte in bytes { add(byte: byte) }
    }

    /// Adds the eight bytes of a word, lowest first.
    @inlinable
    public mutating func add(_ word: UInt64) {
        for shift in stride(from: 0, to: 64, by: 8) { add(byte: UInt8(truncatingIfNeeded: word >> UInt64(shift))) }
    }

    /// Adds a word in one step, and spreads its high bits: eight times as fast, and no FNV-1a any more. For what is compared often, or long.
    @inlinable @inline(__always)
    public mutating func add(whole word: UInt64) {
        state = (state ^ word) &* Self.prime
        state ^= state >> 29
    }

    /// Adds a whole number so.
    @inlinable @inline(__always)
    public mutating func add(whole number: Int) { add(whole: UInt64(bitPattern: Int64(number))) }

    /// The digest as a whole number.
    public var signed: Int { Int(bitPattern: UInt(state)) }
}
