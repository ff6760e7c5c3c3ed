/// Numbers in shared memory that a stray store can be told from: those whose next value is known beforehand, so that no comparison finds out.
///
/// The number, below 2^48, and under it sixteen bits that depend on it. Sealed numbers compare as the numbers do. Neither the
/// neighbours of one, nor what differs from it in a bit, nor zero, one or all ones, is sealed; other values are once in 65,536.
public enum Sealed {
    /// A number as its writer stores it.
    @inlinable @inline(__always)
    public static func seal(_ number: UInt64) -> UInt64 {
        (number << 16) | (((number &+ 1) &* 0x9E37_79B9_7F4A_7C15) >> 48)
    }

    /// The number, if its writer can have stored the value.
    @inlinable
    public static func open(_ value: UInt64) -> UInt64? { seal(value >> 16) == value ? value >> 16 : nil }

    /// A word that goes with others and depends on all of them, so that one that was overwritten shows.
    @inlinable
    public static func check(_ first: UInt64, _ second: UInt64, _ third: UInt64 = 0, _ fourth: UInt64 = 0) -> UInt64 {
        var hash = (first ^ 0x5345_414C_4544_3031) &* 0x9E37_79B9_7F4A_7C15
        hash = (hash ^ hash >> 29 ^ second) &* 0xBF58_476D_1CE4_E5B9
        hash = (hash ^ hash >> 32 ^ third) &* 0x94D0_49BB_1331_11EB
        hash = (hash ^ hash >> 30 ^ fourth) &* 0x9E37_79B9_7F4A_7C15
        return hash ^ hash >> 31
    }
}
