import CKernels

/// Matrix times rows, the work of every linear layer.
///
/// Weights are widened exactly and products are summed with float32 fused multiply-adds in an order that depends only on
/// the matrix, so a row's result is the same in a batch of any size, on any processor.
public enum Gemm {
    /// Multiplies rows by a matrix whose rows are the outputs: `output[r, o] = Σₖ input[r, k] · weights[o, k]`.
    ///
    /// ## Shapes
    /// - `input`: `[rows, weights.width]`, laid out as `inputRows` says; `output`: `[rows, weights.rowCount]`.
    ///
    /// - Complexity: 2 · rows · outputs · inputs flops; the weights are read once per 128 KiB block and call.
    public static func multiply(
        _ weights: MatrixView, _ input: Span<Float>, _ inputRows: Rows, into output: inout MutableSpan<Float>,
        _ outputRows: Rows, on instructions: InstructionSet = .best
    ) {
        check(input, inputRows, weights.width, output.count, outputRows, weights.rowCount)
        // SAFETY: both layouts were checked against their spans, the matrix against its bytes when it was made.
        unsafe weights.bytes.withUnsafeBytes { w in
            unsafe input.withUnsafeBufferPointer { x in
                unsafe output.withUnsafeMutableBufferPointer { y in
                    guard let x = x.baseAddress, let y = y.baseAddress else { return }
                    unsafe instructions.dense.gemm_rows(
                        w.baseAddress, weights.kind, weights.stride, x + inputRows.offset,
                        inputRows.stride, y + outputRows.offset, outputRows.stride, inputRows.count, weights.rowCount,
                        weights.width)
                }
            }
        }
    }

    /// Multiplies rows by a matrix whose columns are the outputs: `output[r, o] = Σₖ input[r, k] · weights[k, o]`.
    ///
    /// ## Shapes
    /// - `input`: `[rows, weights.rowCount]`, laid out as `inputRows` says; `output`: `[rows, weights.width]`.
    ///
    /// - Complexity: 2 · rows · outputs · inputs flops; the weights are read once per four rows.
    public static func multiplyTransposed(
        _ weights: MatrixView, _ input: Span<Float>, _ inputRows: Rows, into output: inout MutableSpan<Float>,
        _ outputRows: Rows, on instructions: InstructionSet = .best
    ) {
        check(input, inputRows, weights.rowCount, output.count, outputRows, weights.width)
        // SAFETY: both layouts were checked against their spans, the matrix against its bytes when it was made.
        unsafe weights.bytes.withUnsafeBytes { w in
            unsafe input.withUnsafeBufferPointer { x in
                unsafe output.withUnsafeMutableBufferPointer { y in
                    guard let x = x.baseAddress, let y = y.baseAddress else { return }
                    unsafe instructions.dense.gemm_columns(
                        w.baseAddress, weights.kind, weights.stride, x + inputRows.offset,
                        inputRows.stride, y + outputRows.offset, outputRows.stride, inputRows.count, weights.width,
                        weights.rowCount)
                }
            }
        }
    }

    /// Multiplies INT8 rows by an INT8 matrix with exact int32 sums.
    ///
    /// `output[r, o] = float(Σₖ codes[r, k] · weights[o, k]) · weightScales[o] · scales[r]`.
    ///
    /// ## Shapes
    /// - `weights`: `[outputs, inputs]`, one scale an output; `codes`: `[rows, inputs]`, one scale a row; both packed.
    /// - `output`: `[rows, outputs]`, laid out as `outputRows` says. `inputs` is at most 131072, so that no sum overflows.
    public static func multiplyInt8(
        _ weights: Span<Int8>, weightScales: Span<Float>, inputs: Int, codes: Span<Int8>, scales: Span<Float>,
        into output: inout MutableSpan<Float>, _ outputRows: Rows, on instructions: InstructionSet = .best
    ) {
        let outputs = weightScales.count
        precondition(inputs >= 0 && inputs <= 131_072, "an int32 sum could overflow")
        Rows(count: outputs, stride: inputs).check(width: inputs, available: weights.count)
        Rows(count: outputRows.count, stride: inputs).check(width: inputs, available: codes.count)
        precondition(scales.count >= outputRows.count, "a scale for each row")
        outputRows.check(width: outputs, available: output.count)
        // SAFETY: every layout was checked just above.
        unsafe weights.withUnsafeBufferPointer { w in
            unsafe weightScales.withUnsafeBufferPointer { ws in
                unsafe codes.withUnsafeBufferPointer { x in
                    unsafe scales.withUnsafeBufferPointer { xs in
                        unsafe output.withUnsafeMutableBufferPointer { y in
                            guard let y = y.baseAddress else { return }
                            unsafe instructions.dense.gemm_int8(
                                w.baseAddress, ws.baseAddress, inputs, x.baseAddress,
                                xs.baseAddress, inputs, y + outputRows.offset, outputRows.stride, outputRows.count,
                                outputs, inputs)
                        }
                    }
                }
            }
        }
    }

    private static func check(
        _ input: Span<Float>, _ inputRows: Rows, _ inputs: Int, _ outputCount: Int, _ outputRows: Rows, _ outputs: Int
    ) {
        precondition(inputRows.count == outputRows.count, "as many rows out as in")
        inputRows.check(width: inputs, available: input.count)
        outputRows.check(width: outputs, available: outputCount)
    }
}
