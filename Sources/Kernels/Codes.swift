import CKernels
public import Tensors

/// Conversions between float32 and the narrower types of the wire, the caches and the quantised weights.
public enum Codes {
    /// Quantises rows to INT8: `scale = max|x| / 127`, `code = round(x / scale)`, halves to even.
    ///
    /// A row of zeros has scale 0 and zero codes; a row with an infinity or NaN has a NaN scale and zero codes, so that the
    /// damage shows in the product.
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
                unsafe scales.withUnsafeMutableBufferPointer { s in
                    guard let x = x.baseAddress else { return }
                    unsafe softpod_quantise_int8(
                        instructions.rawValue, x + inputRows.offset, inputRows.stride, c.baseAddress, width,
                        s.baseAddress, inputRows.count, width)
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
                        unsafe softpod_int8_residual(
                            instructions.rawValue, x + inputRows.offset, inputRows.stride, c.baseAddress,
                            s.baseAddress, y.baseAddress, inputRows.count, width)
                    }
                }
            }
        }
    }

    /// Narrows each number to the nearest BF16 value, halves to even; NaN stays NaN.
    public static func narrow(
        _ input: Span<Float>, into codes: inout MutableSpan<BFloat16>, on instructions: InstructionSet = .best
    ) {
        precondition(input.count == codes.count, "two spans of one length")
        // SAFETY: the two spans have one length, and a BFloat16 is its sixteen bits.
        unsafe input.withUnsafeBufferPointer { x in
            unsafe codes.withUnsafeMutableBytes { c in
                unsafe softpod_narrow_bf16(
                    instructions.rawValue, x.baseAddress, c.assumingMemoryBound(to: UInt16.self).baseAddress, x.count)
            }
        }
    }

    /// Widens packed BF16 numbers to float32, exactly.
    ///
    /// `output[i]` is the number at bytes 2i and 2i + 1; any alignment will do.
    public static func widen(
        _ codes: RawSpan, into output: inout MutableSpan<Float>, on instructions: InstructionSet = .best
    ) {
        precondition(codes.byteCount == 2 * output.count, "two bytes a number")
        // SAFETY: the lengths agree, and the kernel reads through memcpy, so alignment does not matter.
        unsafe codes.withUnsafeBytes { c in
            unsafe output.withUnsafeMutableBufferPointer { y in
                unsafe softpod_widen_bf16(
                    instructions.rawValue, c.assumingMemoryBound(to: UInt16.self).baseAddress, y.baseAddress, y.count)
            }
        }
    }

    /// Copies packed float32 numbers, at any alignment.
    public static func copy(_ bytes: RawSpan, into output: inout MutableSpan<Float>) {
        precondition(bytes.byteCount == 4 * output.count, "four bytes a number")
        // SAFETY: the lengths agree, and every bit pattern is a Float.
        unsafe bytes.withUnsafeBytes { source in
            unsafe output.withUnsafeMutableBytes { unsafe $0.copyMemory(from: source) }
        }
    }

    /// Rounds every value to the nearest BF16 value in place.
    public static func roundToBFloat16(
        _ values: inout MutableSpan<Float>, on instructions: InstructionSet = .best
    ) {
        // SAFETY: reading and writing the same element of the same span.
        unsafe values.withUnsafeMutableBufferPointer { v in
            unsafe softpod_round_bf16(instructions.rawValue, v.baseAddress, v.baseAddress, v.count)
        }
    }
}
