internal import Kernels
internal import Tensors

/// AMLA: the accumulator is rescaled by integer adds on exponents (arXiv 2509.25224).
///
/// For a row maximum m the scale is 2^n with n = round(-m / ln 2), halves away from zero, so that the factor between two
/// blocks is a power of two and the rescale one guarded integer add. What 2^n misses is s = 2^n e^m in [2^-1/2, 2^1/2],
/// and the weights carry it. In bfloat16 the weights carry s16 = bf16(s), so that the row maximum's weight is exact, and
/// the residual c = s / s16 enters the integer add as eps = 1.5 (c_old / c_new - 1) + 1e-6.
///
/// ## Departures from the shipped kernel
/// - The add is guarded: zeros and underflow give signed zeros instead of infinities (see ``ExponentAdd``), so the final
///   sweep that sets |o| > 1e10 to 0 is not needed and not done.
/// - Rows whose maximum did not move are skipped. The shipped kernel adds N = 8 to them in every block, an upward drift of
///   8 units in the last place.
/// - s is e^(m + n ln 2) with ln 2 in two parts, instead of e^((m / ln 2 + n) ln 2): the same number without cancellation.
/// - In float32 the weights carry s itself: c = 1, eps = 0, and the rescale is exact.
public enum AMLARescale: RescalePolicy {
    /// The variant is `attention.amla`.
    public static var name: String { "amla" }
    /// The published kernel sums the exponentials.
    public static var sumsRoundedWeights: Bool { false }

    /// The lowest exponent difference added between two blocks: a smaller one leaves nothing float32 could hold.
    public static let lowestDifference: Float = -30

    /// The constants of a row maximum.
    public struct Scale: Sendable, Equatable {
        /// The integer exponent, as a float: a masked score's n does not fit an Int32.
        public var n: Float
        /// 2^n e^m.
        public var s32: Float
        /// s32 as the weights carry it.
        public var s16: Float
        /// s32 / s16.
        public var c: Float
    }

    /// n, s32, s16 and c for a row maximum (arXiv 2509.25224).
    public static func scale(maximum m: Float, precision: AttentionPrecision) -> Scale {
        let farthest: Float = 2.5e38  // Keeps n finite for every finite m.
        let n = max(-farthest, min((-m * 1.442_695_04).rounded(.toNearestOrAwayFromZero), farthest))
        // m + n ln 2; ln 2 = 0.693359375 - 2.1219444e-4, the first part exact in a product with n up to 2^15.
        var exponent = m.addingProduct(n, 0.693_359_375).addingProduct(n, -2.121_944_4e-4)
        // Only a maximum whose own rounding error is larger than this gets here.
        exponent = exponent > -0.35 ? min(exponent, 0.35) : -0.35
        let s32 = AttentionMath.exp(exponent)
        let s16 = precision == .bfloat16 ? s32.roundedToBFloat16 : s32
        return Scale(n: n, s32: s32, s16: s16, c: s32 / s16)
    }

    /// N, the integer added to the bits of the accumulator between two blocks.
    public static func increment(from old: Scale, to new: Scale, precision: AttentionPrecision) -> Int32 {
        let compensation = precision == .bfloat16 ? 1.5 * (old.c / new.c - 1) + 1e-6 : 0
        return ExponentAdd.increment(
            exponent: new.n - old.n, compensation: compensation, lowest: lowestDifference)
    }

    /// One row's [V1] scalars.
    public static func advance(
        _ row: inout RowState, to maximum: Float, precision: AttentionPrecision
    ) -> BlockStep {
        if !row.isFirst && maximum == row.maximum {
            return BlockStep(shift: maximum, weight: row.weight, sumFactor: 1, rescale: .none)
        }
        let new = scale(maximum: maximum, precision: precision)
        var step = BlockStep(shift: maximum, weight: new.s16, sumFactor: 1, rescale: .none)
        if !row.isFirst {
            let old = Scale(n: row.reference, s32: 0, s16: row.weight, c: row.residual)
            let increment = increment(from: old, to: new, precision: precision)
            step.sumFactor = AttentionMath.exp(row.maximum - maximum)
            step.rescale = increment == 0 ? .none : .exponent(increment)
        }
        row.maximum = maximum
        row.reference = new.n
        row.weight = new.s16
        row.residual = new.c
        row.isFirst = false
        return step
    }

    /// o and L = l s16 are on the scale 2^n / c.
    public static func close(_ row: RowState) -> PartialHeader {
        PartialHeader(
            reference: row.reference, residual: row.residual, divisor: row.sum * row.weight, maximum: row.maximum)
    }

    /// Aligns to the smaller n by exact exponent adds; the ratio of the residuals multiplies the next state (in float32 it is
    /// 1). There is no clamp: what is under the range of floats becomes a signed zero.
    public static func align(_ held: PartialHeader, _ next: PartialHeader) -> PartialAlignment {
        let n = min(held.reference, next.reference)
        let heldIncrement = ExponentAdd.increment(exponent: n - held.reference)
        let nextIncrement = ExponentAdd.increment(exponent: n - next.reference)
        let factor = next.residual / held.residual
        let heldDivisor =
            heldIncrement == 0 ? held.divisor : ExponentAdd.apply(held.divisor, increment: heldIncrement)
        let product = next.divisor * factor
        let nextDivisor = nextIncrement == 0 ? product : ExponentAdd.apply(product, increment: nextIncrement)
        return PartialAlignment(
            held: heldIncrement == 0 ? .none : .exponent(heldIncrement), nextFactor: factor,
            nextIncrement: nextIncrement,
            header: PartialHeader(
                reference: n, residual: held.residual, divisor: heldDivisor + nextDivisor,
                maximum: max(held.maximum, next.maximum)))
    }

    /// log(L c) - n ln 2, the sum of the two in double so that large n cost nothing.
    public static func logSumExp(_ header: PartialHeader) -> Float {
        let sum = Double(AttentionMath.log(header.divisor * header.residual))
        return Float(sum - Double(header.reference) * 0.693_147_180_559_945_3)
    }
}
