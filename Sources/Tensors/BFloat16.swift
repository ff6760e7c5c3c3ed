public import Mutants

/// The upper half of a Float: 8 exponent bits, 7 fraction bits.
///
/// Conversion from `Float` rounds half to even; NaN stays NaN (quiet), infinities and signs survive.
@frozen
public struct BFloat16: Sendable, BitwiseCopyable, Equatable, CustomStringConvertible {
    /// The sixteen bits, sign first.
    public var bitPattern: UInt16

    /// Takes the bits as they are.
    @inlinable
    public init(bitPattern: UInt16) {
        self.bitPattern = bitPattern
    }

    /// The nearest value, halves to even.
    @inlinable
    public init(_ value: Float) {
        let bits = value.bitPattern
        if value.isNaN {
            bitPattern = UInt16(truncatingIfNeeded: bits >> 16) | 0x0040
        } else {
            bitPattern = UInt16(
                truncatingIfNeeded: (bits &+ (Mutated.rounding ? 0x8000 : 0x7FFF) &+ ((bits >> 16) & 1)) >> 16)
        }
    }

    /// The same value as a Float; exact.
    @inlinable
    public var float: Float { Float(bitPattern: UInt32(bitPattern) << 16) }

    /// The value in decimal.
    public var description: String { String(describing: float) }

    /// IEEE equality: NaN differs from itself, the zeros are equal.
    @inlinable
    public static func == (left: BFloat16, right: BFloat16) -> Bool { left.float == right.float }
}

extension Float {
    /// The value after a round trip through ``BFloat16``.
    @inlinable
    public var roundedToBFloat16: Float { BFloat16(self).float }
}
