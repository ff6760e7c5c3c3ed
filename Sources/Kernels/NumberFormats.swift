// Numbers in the formats of the wire, the caches and the quantised weights. The C behind it (`rows.h`) gives the same bits on every processor;
// here every length is checked once.

internal import CKernels

/// Conversions of rows between float32 and the narrower formats, and back: one rule for each, on the wire and in products.
///
/// Encoded rows are packed numbers without padding, at any alignment.
public enum NumberFormats {
    /// Writes a row as it is: four bytes a number, the same bits.
    public static func encodeFloat32(_ row: Span<Float>, into bytes: inout MutableRawSpan) {
        precondition(bytes.byteCount == 4 * row.count, "four bytes a number")
        // SAFETY: the lengths were just compared, and the spans are exclusive, so they do not overlap.
        unsafe row.withUnsafeBytes { from in
            unsafe bytes.withUnsafeMutableBytes { unsafe $0.copyMemory(from: from) }
        }
    }

    /// Reads a row as it is: the same bits.
    public static func decodeFloat32(_ bytes: RawSpan, into row: inout MutableSpan<Float>) {
        precondition(bytes.byteCount == 4 * row.count, "four bytes a number")
        // SAFETY: the lengths were just compared, and every bit pattern is a Float.
        unsafe bytes.withUnsafeBytes { from in
            unsafe row.withUnsafeMutableBytes { unsafe $0.copyMemory(from: from) }
        }
    }

    /// Writes the nearest bfloat16 of each number, halves to even; NaN stays NaN.
    public static func encodeBFloat16(
        _ row: Span<Float>, into bytes: inout MutableRawSpan, on instructions: InstructionSet = .best
    ) {
        precondition(bytes.byteCount == 2 * row.count, "two bytes a number")
        // SAFETY: the lengths were just compared; the kernel writes at any alignment.
        unsafe row.withUnsafeBufferPointer { from in
            unsafe bytes.withUnsafeMutableBytes { to in
                unsafe instructions.rows.to_bfloat16(from.baseAddress, to.baseAddress, from.count)
            }
        }
    }

    /// Reads a row of bfloat16 numbers; exact.
    public static func decodeBFloat16(
        _ bytes: RawSpan, into row: inout MutableSpan<Float>, on instructions: InstructionSet = .best
    ) {
        precondition(bytes.byteCount == 2 * row.count, "two bytes a number")
        // SAFETY: the lengths were just compared; the kernel reads at any alignment.
        unsafe bytes.withUnsafeBytes { from in
            unsafe row.withUnsafeMutableBufferPointer { to in
                unsafe instructions.rows.from_bfloat16(from.baseAddress, to.baseAddress, to.count)
            }
        }
    }

    /// `sum[i] = sum over k of weights[k] * row(k)[i]` in float32: from zero, `k` rising, each term one fused multiply-add.
    ///
    /// - Parameters:
    ///   - rows: row `k` starts `k * stride` bytes in; rows whose `chosen[k]` is negative add nothing and are not read.
    ///   - narrow: the rows are bfloat16, else float32.
    ///   - sum: as wide as a row.
    /// - Complexity: `2 * weights.count * sum.count` flops; each row is read once.
    public static func weightedSum(
        of rows: RawSpan, stride: Int, narrow: Bool, weights: Span<Float>, chosen: Span<Int32>,
        into sum: inout MutableSpan<Float>, on instructions: InstructionSet = .best
    ) {
        let rowByteCount = sum.count * (narrow ? 2 : 4)
        precondition(weights.count == chosen.count, "a weight for each choice")
        precondition(stride >= rowByteCount, "rows do not overlap")
        precondition(
            weights.isEmpty || rows.byteCount >= (weights.count - 1) * stride + rowByteCount, "a row is missing")
        // SAFETY: the last byte of the last row was just compared with the span; rows are read at any alignment.
        unsafe rows.withUnsafeBytes { from in
            unsafe weights.withUnsafeBufferPointer { w in
                unsafe chosen.withUnsafeBufferPointer { c in
                    unsafe sum.withUnsafeMutableBufferPointer { to in
                        unsafe instructions.rows.weighted_sum(
                            narrow ? 1 : 0, from.baseAddress, stride, w.baseAddress, c.baseAddress,
                            w.count, to.baseAddress, to.count)
                    }
                }
            }
        }
    }

    /// Rounds every value to the nearest BF16 value in place.
    public static func roundToBFloat16(
        _ values: inout MutableSpan<Float>, on instructions: InstructionSet = .best
    ) {
        // SAFETY: reading and writing the same element of the same span.
        unsafe values.withUnsafeMutableBufferPointer { v in
            unsafe instructions.dense.round_bfloat16(v.baseAddress, v.baseAddress, v.count)
        }
    }
}
