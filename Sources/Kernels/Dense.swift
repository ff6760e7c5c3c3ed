import CKernels

/// The element-wise and row-wise steps between the matrix products.
public enum Dense {
    /// Root-mean-square norm of each row: `y = x / √(mean(x²) + epsilon) · weight`.
    ///
    /// ## Shapes
    /// - Rows of `weight.count` elements, laid out as `inputRows` and `outputRows` say.
    public static func rmsNorm(
        _ input: Span<Float>, _ inputRows: Rows, weight: Span<Float>, epsilon: Float,
        into output: inout MutableSpan<Float>, _ outputRows: Rows, on instructions: InstructionSet = .best
    ) {
        precondition(inputRows.count == outputRows.count, "as many rows out as in")
        inputRows.check(width: weight.count, available: input.count)
        outputRows.check(width: weight.count, available: output.count)
        // SAFETY: both layouts were checked just above.
        unsafe input.withUnsafeBufferPointer { x in
            unsafe weight.withUnsafeBufferPointer { w in
                unsafe output.withUnsafeMutableBufferPointer { y in
                    guard let x = x.baseAddress, let y = y.baseAddress else { return }
                    unsafe instructions.dense.rms_norm(
                        x + inputRows.offset, inputRows.stride, w.baseAddress, epsilon,
                        y + outputRows.offset, outputRows.stride, inputRows.count, weight.count)
                }
            }
        }
    }

    /// `output[i] = gate[i] · sigmoid(gate[i]) · up[i]`.
    public static func swiglu(
        gate: Span<Float>, up: Span<Float>, into output: inout MutableSpan<Float>,
        on instructions: InstructionSet = .best
    ) {
        precondition(gate.count == up.count && gate.count == output.count, "three spans of one length")
        // SAFETY: the three spans have one length.
        unsafe gate.withUnsafeBufferPointer { g in
            unsafe up.withUnsafeBufferPointer { u in
                unsafe output.withUnsafeMutableBufferPointer { y in
                    unsafe instructions.dense.swiglu(
                        g.baseAddress, u.baseAddress, y.baseAddress, y.count)
                }
            }
        }
    }

    /// `output[i] = 1 / (1 + e^−input[i])`.
    public static func sigmoid(
        _ input: Span<Float>, into output: inout MutableSpan<Float>, on instructions: InstructionSet = .best
    ) {
        precondition(input.count == output.count, "two spans of one length")
        // SAFETY: the two spans have one length.
        unsafe input.withUnsafeBufferPointer { x in
            unsafe output.withUnsafeMutableBufferPointer { y in
                unsafe instructions.dense.sigmoid(x.baseAddress, y.baseAddress, y.count)
            }
        }
    }

    /// `output[i] = e^input[i]`; below the smallest normal number the result is 0.
    public static func exp(
        _ input: Span<Float>, into output: inout MutableSpan<Float>, on instructions: InstructionSet = .best
    ) {
        precondition(input.count == output.count, "two spans of one length")
        // SAFETY: the two spans have one length.
        unsafe input.withUnsafeBufferPointer { x in
            unsafe output.withUnsafeMutableBufferPointer { y in
                unsafe instructions.dense.exp(x.baseAddress, y.baseAddress, y.count)
            }
        }
    }

    /// Softmax of `values · scale` in place.
    ///
    /// - Returns: the maximum of `values · scale`, and the sum of `e^(value · scale − maximum)`. An empty span gives −∞, 0.
    @discardableResult
    public static func softmax(
        _ values: inout MutableSpan<Float>, scale: Float = 1, on instructions: InstructionSet = .best
    ) -> (maximum: Float, sum: Float) {
        var sum: Float = 0
        // SAFETY: the length passed is the span's.
        let maximum = unsafe values.withUnsafeMutableBufferPointer { x in
            unsafe instructions.dense.softmax(x.baseAddress, scale, x.count, &sum)
        }
        return (maximum, sum)
    }

    /// `output[i] = fma(input[i], factor, output[i])`: the step of the weighted sum over a token's experts.
    public static func addScaled(
        _ input: Span<Float>, by factor: Float = 1, into output: inout MutableSpan<Float>,
        on instructions: InstructionSet = .best
    ) {
        precondition(input.count == output.count, "two spans of one length")
        // SAFETY: the two spans have one length.
        unsafe input.withUnsafeBufferPointer { x in
            unsafe output.withUnsafeMutableBufferPointer { y in
                unsafe instructions.dense.add_scaled(x.baseAddress, factor, y.baseAddress, y.count)
            }
        }
    }

    /// The index of the largest value, the lowest such index on a tie; NaN counts as smaller than everything.
    ///
    /// Traps on an empty span.
    public static func argmax(_ values: Span<Float>) -> Int {
        precondition(!values.isEmpty, "no values")
        var best = 0
        for index in values.indices where values[index] > values[best] || values[best].isNaN {
            if !values[index].isNaN { best = index }
        }
        return best
    }

    /// Whether every value is a number: no NaN and no infinity.
    ///
    /// The largest bit pattern without its sign tells, so that one pass of whole-number maxima suffices.
    public static func allFinite(_ values: Span<Float>) -> Bool {
        var largest: UInt32 = 0
        for index in values.indices { largest = max(largest, values[index].bitPattern & 0x7FFF_FFFF) }
        return largest < Float.infinity.bitPattern
    }
}
