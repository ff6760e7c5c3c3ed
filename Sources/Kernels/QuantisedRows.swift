// Rows on their way to other dies and back: float32 to bfloat16 or INT8, the reverse, and the weighted sum of what came
// back. The C behind it (`quantise.h`) gives the same bits on every processor; here every length is checked once.

internal import CKernels

/// Conversions of whole rows between float32 and the bytes that cross the fabric.
///
/// Encoded rows are packed numbers without padding, at any alignment. `portable` asks for the code without AVX2, which
/// gives the same bits; tests compare the two.
public enum QuantisedRows {
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
        _ row: Span<Float>, into bytes: inout MutableRawSpan, portable: Bool = false
    ) {
        precondition(bytes.byteCount == 2 * row.count, "two bytes a number")
        // SAFETY: the lengths were just compared; the kernel writes at any alignment.
        unsafe row.withUnsafeBufferPointer { from in
            unsafe bytes.withUnsafeMutableBytes { to in
                unsafe softpod_row_to_bfloat16(portable ? 1 : 0, from.baseAddress, to.baseAddress, from.count)
            }
        }
    }

    /// Reads a row of bfloat16 numbers; exact.
    public static func decodeBFloat16(
        _ bytes: RawSpan, into row: inout MutableSpan<Float>, portable: Bool = false
    ) {
        precondition(bytes.byteCount == 2 * row.count, "two bytes a number")
        // SAFETY: the lengths were just compared; the kernel reads at any alignment.
        unsafe bytes.withUnsafeBytes { from in
            unsafe row.withUnsafeMutableBufferPointer { to in
                unsafe softpod_row_from_bfloat16(portable ? 1 : 0, from.baseAddress, to.baseAddress, to.count)
            }
        }
    }

    /// Writes `round(x * (127 / m))`, halves to even, where `m` is the row's largest magnitude; returns the scale `m / 127`.
    ///
    /// The scale is one step smaller where 127 times it would overflow. A row whose `m` is below 2^-119, so that 127 / m
    /// would overflow, counts as zero: scale 0, codes 0. A row with an infinity or a NaN has a NaN scale and zero codes, so
    /// that decoding it gives NaN everywhere.
    ///
    /// ## Source
    /// The per-token rule of the fused dispatch kernel (arXiv 2506.12708, section 4.2.1): stored scale m / 127, q = round(x * 127 / m).
    public static func encodeInt8(
        _ row: Span<Float>, into bytes: inout MutableRawSpan, portable: Bool = false
    ) -> Float {
        precondition(bytes.byteCount == row.count, "one byte a number")
        // SAFETY: the lengths were just compared, and any byte is an Int8.
        return unsafe row.withUnsafeBufferPointer { from in
            unsafe bytes.withUnsafeMutableBytes { to in
                unsafe softpod_row_to_int8(
                    portable ? 1 : 0, from.baseAddress, to.assumingMemoryBound(to: Int8.self).baseAddress, from.count)
            }
        }
    }

    /// Reads a row of INT8 codes: `code * scale`.
    public static func decodeInt8(
        _ bytes: RawSpan, scale: Float, into row: inout MutableSpan<Float>, portable: Bool = false
    ) {
        precondition(bytes.byteCount == row.count, "one byte a number")
        // SAFETY: the lengths were just compared, and any byte is an Int8.
        unsafe bytes.withUnsafeBytes { from in
            unsafe row.withUnsafeMutableBufferPointer { to in
                unsafe softpod_row_from_int8(
                    portable ? 1 : 0, from.assumingMemoryBound(to: Int8.self).baseAddress, scale, to.baseAddress,
                    to.count)
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
        into sum: inout MutableSpan<Float>, portable: Bool = false
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
                        unsafe softpod_row_weighted_sum(
                            portable ? 1 : 0, narrow ? 1 : 0, from.baseAddress, stride, w.baseAddress, c.baseAddress,
                            w.count, to.baseAddress, to.count)
                    }
                }
            }
        }
    }
}
