// The inner loops of latent attention over spans. The C tables behind them (`attention.h`) all give the same bits; this
// file checks every shape once, before a pointer is lent.

internal import CKernels
public import Tensors

/// One instruction set's inner loops for latent attention.
///
/// All widths and strides count elements. A *padded* width is rounded up to ``laneCount``; the columns between a width
/// and its padded width are zero in gathered rows and meaningless in accumulators. No result depends on which table
/// computed it, nor on how many rows, heads or columns were in the call.
@safe
public struct AttentionKernels: @unchecked Sendable {
    // SAFETY: functions of the program, which may be called from any thread at any time.
    let table: softpod_attention_kernels
    /// The set whose kernels these are.
    public let instructions: InstructionSet

    /// Floats are handled in groups of this many.
    public static let laneCount = 8

    /// The kernels of a set that this processor has.
    public init(on instructions: InstructionSet = .best) {
        self.instructions = instructions
        table = instructions.attention
    }

    /// The kernels chosen for this process.
    public static let best = AttentionKernels()

    /// Those that define the results, in plain C.
    public static let portable = AttentionKernels(on: .portable)

    /// All that this processor can run, the portable ones first.
    public static let available = InstructionSet.available.map { AttentionKernels(on: $0) }

    /// The name printed by `softpod info`, such as `avx2`.
    public var name: String { instructions.description }

    /// The padded width of `width` columns.
    public static func padded(_ width: Int) -> Int {
        (width + laneCount - 1) / laneCount * laneCount
    }

    /// Copies the numbered rows of a cache to consecutive padded rows.
    ///
    /// - Parameters:
    ///   - base: the cache, rows of `width` floats.
    ///   - rows: the row numbers, in the order wanted.
    ///   - narrow: round each value to bfloat16 (halves to even) and keep it as a float.
    ///   - output: at least `rows.count` rows of `padded(width)` floats.
    public func gather(
        _ base: Span<Float>, rows: Span<Int32>, width: Int, narrow: Bool, into output: inout MutableSpan<Float>
    ) {
        let padded = Self.padded(width)
        Self.check(rows: rows, width: width, baseCount: base.count, padded: padded, outputCount: output.count)
        // SAFETY: every row number and the output were just checked against their spans.
        unsafe base.withUnsafeBufferPointer { base in
            unsafe rows.withUnsafeBufferPointer { rows in
                unsafe output.withUnsafeMutableBufferPointer { output in
                    guard let from = base.baseAddress, let numbers = rows.baseAddress, let to = output.baseAddress
                    else { return }
                    unsafe table.gather_float32(
                        from, numbers, Int64(rows.count), Int64(width), Int64(padded), narrow ? 1 : 0, to)
                }
            }
        }
    }

    /// Copies the numbered rows of a bfloat16 cache to consecutive padded rows of floats; exact.
    public func gather(
        _ base: Span<BFloat16>, rows: Span<Int32>, width: Int, into output: inout MutableSpan<Float>
    ) {
        let padded = Self.padded(width)
        Self.check(rows: rows, width: width, baseCount: base.count, padded: padded, outputCount: output.count)
        // SAFETY: every row number and the output were just checked; BFloat16 is one UInt16 and nothing else.
        unsafe base.withUnsafeBytes { base in
            unsafe rows.withUnsafeBufferPointer { rows in
                unsafe output.withUnsafeMutableBufferPointer { output in
                    guard let from = base.baseAddress, let numbers = rows.baseAddress, let to = output.baseAddress
                    else { return }
                    unsafe table.gather_bfloat16(
                        from.assumingMemoryBound(to: UInt16.self), numbers, Int64(rows.count), Int64(width),
                        Int64(padded), to)
                }
            }
        }
    }

    private static func check(rows: Span<Int32>, width: Int, baseCount: Int, padded: Int, outputCount: Int) {
        precondition(width > 0, "A cache row has at least one column.")
        precondition(rows.count * padded <= outputCount, "The gathered rows do not fit the output.")
        let limit = baseCount / width
        for index in rows.indices {
            precondition(rows[index] >= 0 && Int(rows[index]) < limit, "A row number is outside the cache.")
        }
    }

    /// Scores `rows` queries against `tokens` keys: `scale * (query . key)`.
    ///
    /// - Parameters:
    ///   - queries: `[rows, padded]`.
    ///   - keys: `[tokens, padded]`.
    ///   - scores: `[rows, stride]`, of which the first `tokens` columns are written.
    /// - Complexity: `2 * rows * tokens * padded` flops.
    public func scores(
        queries: Span<Float>, rows: Int, keys: Span<Float>, tokens: Int, padded: Int, scale: Float,
        into scores: inout MutableSpan<Float>, stride: Int
    ) {
        precondition(padded > 0 && padded % Self.laneCount == 0, "The width is not padded.")
        precondition(rows > 0 && tokens > 0 && stride >= tokens, "A score row is shorter than its tokens.")
        precondition(rows * padded <= queries.count && tokens * padded <= keys.count, "A query or key is missing.")
        precondition((rows - 1) * stride + tokens <= scores.count, "The scores do not fit their buffer.")
        // SAFETY: the three shapes were just checked against their spans.
        unsafe queries.withUnsafeBufferPointer { queries in
            unsafe keys.withUnsafeBufferPointer { keys in
                unsafe scores.withUnsafeMutableBufferPointer { scores in
                    guard let q = queries.baseAddress, let k = keys.baseAddress, let to = scores.baseAddress
                    else { return }
                    unsafe table.scores(
                        q, Int64(rows), k, Int64(tokens), Int64(padded), scale, to, Int64(stride))
                }
            }
        }
    }

    /// The largest of `start` and the scores; NaN never wins.
    public func maximum(_ scores: Span<Float>, from start: Float) -> Float {
        // SAFETY: count and address come from one span.
        unsafe scores.withUnsafeBufferPointer { scores in
            guard let base = scores.baseAddress else { return start }
            return unsafe table.row_maximum(base, Int64(scores.count), start)
        }
    }

    /// Replaces each score s by the weight `round(exp(s - shift) * weight)`; returns the sum of the exponentials.
    ///
    /// - Parameters:
    ///   - narrow: round to bfloat16, halves away from zero; otherwise nothing is rounded.
    ///   - sumRounded: sum the weights as written instead of the unweighted exponentials.
    public func exponentials(
        _ scores: inout MutableSpan<Float>, shift: Float, weight: Float, narrow: Bool, sumRounded: Bool
    ) -> Float {
        // SAFETY: count and address come from one span.
        unsafe scores.withUnsafeMutableBufferPointer { scores in
            guard let base = scores.baseAddress else { return 0 }
            return unsafe table.row_exponentials(
                base, Int64(scores.count), shift, weight, narrow ? 1 : 0, sumRounded ? 1 : 0)
        }
    }

    /// Adds weighted value rows to accumulators: `output[r] += sum over t of weights[r, t] * values[t]`.
    ///
    /// - Parameters:
    ///   - weights: `[rows, weightStride]`, first `tokens` columns.
    ///   - values: `[tokens, valueStride]`, first `padded` columns.
    ///   - output: `[rows, padded]`.
    /// - Complexity: `2 * rows * tokens * padded` flops.
    public func accumulate(
        weights: Span<Float>, weightStride: Int, rows: Int, values: Span<Float>, valueStride: Int, tokens: Int,
        padded: Int, into output: inout MutableSpan<Float>
    ) {
        precondition(padded > 0 && padded % Self.laneCount == 0, "The width is not padded.")
        precondition(rows > 0 && tokens > 0 && weightStride >= tokens, "A weight row is shorter than its tokens.")
        precondition((rows - 1) * weightStride + tokens <= weights.count, "A weight is missing.")
        precondition(valueStride >= padded && tokens * valueStride <= values.count, "A value is missing.")
        precondition(rows * padded <= output.count, "The accumulators do not fit their buffer.")
        // SAFETY: the three shapes were just checked against their spans.
        unsafe weights.withUnsafeBufferPointer { weights in
            unsafe values.withUnsafeBufferPointer { values in
                unsafe output.withUnsafeMutableBufferPointer { output in
                    guard let w = weights.baseAddress, let v = values.baseAddress, let to = output.baseAddress
                    else { return }
                    unsafe table.accumulate_values(
                        w, Int64(weightStride), Int64(rows), v, Int64(valueStride), Int64(tokens), Int64(padded), to,
                        Int64(padded))
                }
            }
        }
    }
}
