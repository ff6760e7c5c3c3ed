internal import CKernels
internal import Mutants

extension NumberFormats {
    /// Writes `round(x * (127 / m))`, halves to even, where `m` is the row's largest magnitude; returns the scale `m / 127`.
    ///
    /// The scale is one step smaller where 127 times it would overflow. A row whose `m` is below 2^-119, so that 127 / m
    /// would overflow, counts as zero: scale 0, codes 0. A row with an infinity or a NaN has a NaN scale and zero codes, so
    /// that decoding it gives NaN everywhere.
    ///
    /// ## Source
    /// The per-token rule of the fused dispatch kernel (arXiv 2506.12708, section 4.2.1): stored scale m / 127, q = round(x * 127 / m).
    public static func encodeInt8(
        _ row: Span<Float>, into bytes: inout MutableRawSpan, on instructions: InstructionSet = .best
    ) -> Float {
        precondition(bytes.byteCount == row.count, "one byte a number")
        // SAFETY: the lengths were just compared, and any byte is an Int8.
        return unsafe row.withUnsafeBufferPointer { from in
            unsafe bytes.withUnsafeMutableBytes { to in
                let scale = unsafe instructions.rows.to_int8(
                    from.baseAddress, to.assumingMemoryBound(to: Int8.self).baseAddress, from.count)
                return Mutated.wireScale ? scale * 127 / 128 : scale
            }
        }
    }

    /// Reads a row of INT8 codes: `code * scale`.
    public static func decodeInt8(
        _ bytes: RawSpan, scale: Float, into row: inout MutableSpan<Float>, on instructions: InstructionSet = .best
    ) {
        precondition(bytes.byteCount == row.count, "one byte a number")
        // SAFETY: the lengths were just compared, and any byte is an Int8.
        unsafe bytes.withUnsafeBytes { from in
            unsafe row.withUnsafeMutableBufferPointer { to in
                unsafe instructions.rows.from_int8(
                    from.assumingMemoryBound(to: Int8.self).baseAddress, scale, to.baseAddress,
                    to.count)
            }
        }
    }

    /// Quantises rows to INT8, each by the rule of ``encodeInt8(_:into:on:)``: what a row is on the wire it is in a product, bit for bit.
    ///
    /// ## Shapes
    /// - `input`: rows of `width` laid out as `inputRows` says; `codes`: `[rows, width]`, packed; `scales`: `[rows]`.
    public static func quantiseInt8(
        _ input: Span<Float>, _ inputRows: Rows, width: Int, codes: inout MutableSpan<Int8>,
        scales: inout MutableSpan<Float>, on instructions: InstructionSet = .best
    ) {
        inputRows.check(width: width, available: input.count)
        Rows(count: inputRows.count, stride: width).check(width: width, available: codes.count)
        precondition(scales.count >= inputRows.count, "a scale for each row")
        // SAFETY: every layout was checked just above.
        unsafe input.withUnsafeBufferPointer { x in
            unsafe codes.withUnsafeMutableBufferPointer { c in
                guard let x = x.baseAddress, let c = c.baseAddress else { return }
                for row in 0..<inputRows.count {
                    let scale = unsafe instructions.rows.to_int8(
                        x + inputRows.offset + row * inputRows.stride, c + row * width, width)
                    scales[row] = Mutated.productScale ? scale.nextUp : scale
                }
            }
        }
    }

    /// What INT8 codes leave out: `output[r, i] = input[r, i] − codes[r, i] · scales[r]`, rounded once.
    ///
    /// ## Shapes
    /// - As in ``quantiseInt8(_:_:width:codes:scales:on:)``; `output`: `[rows, width]`, packed.
    public static func residual(
        _ input: Span<Float>, _ inputRows: Rows, width: Int, codes: Span<Int8>, scales: Span<Float>,
        into output: inout MutableSpan<Float>, on instructions: InstructionSet = .best
    ) {
        inputRows.check(width: width, available: input.count)
        let packed = Rows(count: inputRows.count, stride: width)
        packed.check(width: width, available: codes.count)
        packed.check(width: width, available: output.count)
        precondition(scales.count >= inputRows.count, "a scale for each row")
        // SAFETY: every layout was checked just above.
        unsafe input.withUnsafeBufferPointer { x in
            unsafe codes.withUnsafeBufferPointer { c in
                unsafe scales.withUnsafeBufferPointer { s in
                    unsafe output.withUnsafeMutableBufferPointer { y in
                        guard let x = x.baseAddress else { return }
                        unsafe instructions.dense.int8_residual(
                            x + inputRows.offset, inputRows.stride, c.baseAddress,
                            s.baseAddress, y.baseAddress, inputRows.count, width)
                    }
                }
            }
        }
    }
}
