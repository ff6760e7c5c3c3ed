public import Kernels
internal import Tensors

/// The state algebra of FlashInfer: a set of keys is its normalised output and its log-sum-exp (arXiv 2501.01005, section 2.2).
///
/// Merging is commutative and associative up to rounding, with (0, -inf) as identity. It agrees with the merge of partial
/// states within rounding, not bit for bit; it serves outputs that come already divided.
public enum LogSumExpMerge {
    /// Merges `next` into `held`, row by row.
    ///
    /// - Parameters:
    ///   - values: `[rowCount, width]` of the two states, both normalised.
    ///   - logSumExp: `[rowCount]`, natural logarithm, `-inf` for no keys.
    public static func combine(
        _ nextValues: Span<Float>, _ nextLogSumExp: Span<Float>, into values: inout MutableSpan<Float>,
        _ logSumExp: inout MutableSpan<Float>, width: Int, kernels: AttentionKernels = .best
    ) {
        precondition(
            nextValues.count == values.count && nextLogSumExp.count == logSumExp.count
                && values.count == logSumExp.count * width, "The states differ in shape.")
        for index in logSumExp.indices {
            let held = logSumExp[index], next = nextLogSumExp[index]
            if next == -.infinity { continue }
            var row = values.slice(index * width..<(index + 1) * width)
            let from = nextValues.extracting(index * width..<(index + 1) * width)
            let maximum = max(held, next)
            let heldWeight = AttentionMath.exp(held - maximum), nextWeight = AttentionMath.exp(next - maximum)
            let sum = heldWeight + nextWeight
            kernels.multiply(&row, by: heldWeight / sum)
            kernels.add(from, factor: nextWeight / sum, increment: 0, to: &row)
            logSumExp[index] = maximum + AttentionMath.log(sum)
        }
    }
}
