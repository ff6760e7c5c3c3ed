internal import CKernels

extension AttentionKernels {
    /// Multiplies every value by 2^n with one integer add on its bits, guarded (see ``ExponentAdd``).
    public func exponentAdd(_ values: inout MutableSpan<Float>, increment: Int32) {
        // SAFETY: count and address come from one span.
        unsafe values.withUnsafeMutableBufferPointer { values in
            guard let base = values.baseAddress else { return }
            unsafe table.exponent_add(base, Int64(values.count), increment)
        }
    }

    /// Multiplies every value by `factor`.
    public func multiply(_ values: inout MutableSpan<Float>, by factor: Float) {
        // SAFETY: count and address come from one span.
        unsafe values.withUnsafeMutableBufferPointer { values in
            guard let base = values.baseAddress else { return }
            unsafe table.multiply(base, Int64(values.count), factor)
        }
    }

    /// Adds `values * factor`, exponent-shifted by `increment`, to `sums`; an increment of 0 leaves the product as it is.
    public func add(
        _ values: Span<Float>, factor: Float, increment: Int32, to sums: inout MutableSpan<Float>
    ) {
        precondition(values.count == sums.count, "The two rows differ in length.")
        // SAFETY: both spans have the same count.
        unsafe values.withUnsafeBufferPointer { values in
            unsafe sums.withUnsafeMutableBufferPointer { sums in
                guard let from = values.baseAddress, let to = sums.baseAddress else { return }
                unsafe table.add_aligned(to, from, Int64(values.count), factor, increment)
            }
        }
    }

    /// Writes `values / divisor` to `output`.
    public func divide(_ values: Span<Float>, by divisor: Float, into output: inout MutableSpan<Float>) {
        precondition(values.count == output.count, "The two rows differ in length.")
        // SAFETY: both spans have the same count.
        unsafe values.withUnsafeBufferPointer { values in
            unsafe output.withUnsafeMutableBufferPointer { output in
                guard let from = values.baseAddress, let to = output.baseAddress else { return }
                unsafe table.divide(from, Int64(values.count), divisor, to)
            }
        }
    }
}

/// Elementary functions with the same bits on every machine.
public enum AttentionMath {
    /// e^x within 1.5 ulp for x >= -87.3366, the smallest normal result; below that +0, beyond the range +inf, NaN passes.
    public static func exp(_ x: Float) -> Float { softpod_exp(x) }

    /// The natural logarithm, within 0.501 ulp for normal arguments; 0 gives -inf, negative values give NaN.
    public static func log(_ x: Float) -> Float { softpod_log(x) }
}

/// Multiplication by a power of two as one integer add on the bits of a float (arXiv 2509.25224).
///
/// For a normal x whose exponent stays in range, adding n * 2^23 to the bits gives exactly x * 2^n. The guard makes it
/// total: where the resulting exponent would be 0 or less, and for zeros and denormals, the result is the zero of x's
/// sign; above the range it is infinity; infinities and NaN pass. The shipped kernel lacks the guard, and corrupts every
/// exact zero.
public enum ExponentAdd {
    /// One in the exponent field: 2^23.
    public static let one: Float = 8_388_608

    /// The float whose bits are those of `x` plus `increment`, guarded.
    public static func apply(_ x: Float, increment: Int32) -> Float {
        softpod_exponent_add(x, increment)
    }

    /// The increment N = round((n + compensation) * 2^23), halves away from zero, as AMLA adds it.
    ///
    /// The sum is clamped as a float before it is converted, so no argument traps; NaN counts as the lower clamp.
    /// - Parameters:
    ///   - exponent: n, an integer value.
    ///   - compensation: the small correction that the mantissas take part in, 0 for an exact power of two.
    ///   - lowest: the clamp of n from below.
    public static func increment(exponent: Float, compensation: Float = 0, lowest: Float = -255) -> Int32 {
        let clamped = exponent > lowest ? min(exponent, 255) : lowest
        let bits = ((clamped + compensation) * one).rounded(.toNearestOrAwayFromZero)
        // The bounds are integers a float holds exactly, with room for any compensation under 1.
        return bits > -2_147_483_648 ? Int32(min(bits, 2_147_483_520)) : Int32.min
    }
}
