// One split of one sequence, block by block. For each block of keys and each query:
//
//     [C1]  S = Q K^T * scale              the query's heads against the block's visible keys
//     [V1]  m' = max(m, S); P = round(e^(S - m') * weight); l = l * factor + sum
//           o <- rescale(o)                only where the policy says that the scale moved
//     [C2]  o += P V                       V is the latent part of the same keys
//
// The block's keys are gathered from their pages once, as floats, and serve both products and all heads. Keys that a query
// does not see are not computed at all, so whatever they hold (NaN in unused slots) cannot reach a result.

internal import Kernels
internal import Mutants
internal import Tensors

/// Online softmax with a rescale policy.
public struct OnlineAttention<Policy: RescalePolicy>: AttentionVariant {
    /// `attention.` and the policy's name.
    public var name: String { "attention." + Policy.name }

    /// The only value.
    public init() {}

    /// See ``AttentionVariant/decodeSplit(_:of:in:queries:plan:workspace:into:)``.
    public func decodeSplit(
        _ split: KeySplit, of sequence: CachedSequence, in cache: PagedLatentCache, queries: Span<Float>,
        plan: DecodePlan, workspace: inout AttentionWorkspace, into partial: inout MutableSpan<Float>
    ) {
        precondition(cache.width == plan.shape.width, "The cache's rows have another width than the plan's.")
        precondition(
            queries.count == plan.queryCount * plan.shape.heads * plan.shape.width, "The queries have another shape.")
        precondition(partial.count == plan.partialLayout.floatCount, "The partial state has another layout.")
        let width = AttentionKernels.padded(plan.shape.width)
        workspace.prepare(plan, tokenCount: split.tokens.count)
        pack(queries, plan: plan, into: &workspace)
        for first in stride(from: 0, to: split.tokens.count, by: plan.blockLength) {
            let position = split.firstPosition + first
            let block = position..<position + min(plan.blockLength, split.tokens.count - first)
            guard plan.visible.contains(where: { !$0.clamped(to: block).isEmpty }) else { continue }
            let token = split.tokens.lowerBound + first
            cache.gather(
                token..<token + block.count, of: sequence, narrow: plan.precision == .bfloat16, kernels: plan.kernels,
                numbers: &workspace.numbers, into: &workspace.keys)
            for query in 0..<plan.queryCount {
                let seen = plan.visible[query].clamped(to: block)
                guard !seen.isEmpty else { continue }
                let offset = (seen.lowerBound - block.lowerBound) * width
                let rescaled = absorb(
                    query, keys: offset..<offset + seen.count * width, plan, workspace.keys, queries: workspace.queries,
                    scores: &workspace.scores, sums: &workspace.sums, rows: &workspace.rows)
                workspace.count(rowBlocks: plan.heads.count, rescaled: rescaled)
            }
        }
        close(plan, workspace, into: &partial)
    }

    /// The queries of the plan's heads, rounded if the plan says so, in padded rows `[query][head]`.
    private func pack(_ queries: Span<Float>, plan: DecodePlan, into workspace: inout AttentionWorkspace) {
        let width = plan.shape.width, padded = AttentionKernels.padded(width)
        let narrow = plan.precision == .bfloat16
        var all = workspace.queries.mutableSpan
        var row = 0
        for query in 0..<plan.queryCount {
            for head in plan.heads {
                let from = (query * plan.shape.heads + head) * width
                for column in 0..<width {
                    let value = queries[from + column]
                    all[row * padded + column] = narrow ? value.roundedToBFloat16 : value
                }
                for column in width..<padded { all[row * padded + column] = 0 }
                row += 1
            }
        }
    }

    /// Takes the rows of one query through the keys it sees in one block; returns how many had to be rescaled.
    private func absorb(
        _ query: Int, keys: Range<Int>, _ plan: DecodePlan, _ buffers: [Float], queries: [Float],
        scores: inout [Float], sums: inout [Float], rows: inout [RowState]
    ) -> Int {
        let kernels = plan.kernels, heads = plan.heads.count
        let width = AttentionKernels.padded(plan.shape.width)
        let latent = AttentionKernels.padded(plan.shape.latentWidth)
        let first = query * heads, count = keys.count / width
        let visible = buffers.span.extracting(keys)
        var scores = scores.mutableSpan
        var sums = sums.mutableSpan
        // [C1]
        kernels.scores(
            queries: queries.span.extracting(first * width..<(first + heads) * width), rows: heads, keys: visible,
            tokens: count, padded: width, scale: plan.scale, into: &scores, stride: count)
        // [V1]
        var rescaled = 0
        for head in 0..<heads {
            var row = scores.slice(head * count..<(head + 1) * count)
            var state = rows[first + head]
            let maximum = kernels.maximum(row.span, from: state.maximum)
            let step = Policy.advance(&state, to: maximum, precision: plan.precision)
            let sum = kernels.exponentials(
                &row, shift: step.shift, weight: step.weight, narrow: plan.precision == .bfloat16,
                sumRounded: Policy.sumsRoundedWeights)
            state.sum = state.sum * step.sumFactor + sum
            rows[first + head] = state
            guard step.rescale != .none, !Mutated.rescale else { continue }
            var accumulator = sums.slice((first + head) * latent..<(first + head + 1) * latent)
            kernels.rescale(&accumulator, step.rescale)
            rescaled += 1
        }
        // [C2]
        var output = sums.slice(first * latent..<(first + heads) * latent)
        kernels.accumulate(
            weights: scores.span, weightStride: count, rows: heads, values: visible, valueStride: width, tokens: count,
            padded: latent, into: &output)
        return rescaled
    }

    /// Writes the rows' partial states.
    private func close(_ plan: DecodePlan, _ workspace: AttentionWorkspace, into partial: inout MutableSpan<Float>) {
        let layout = plan.partialLayout, latent = AttentionKernels.padded(layout.latentWidth)
        let sums = workspace.sums.span
        for index in 0..<layout.rowCount {
            var row = partial.slice(index * layout.stride..<(index + 1) * layout.stride)
            let state = workspace.rows[index]
            // A sum of zero without a block, or of scores that are all -inf: no keys.
            guard !state.isFirst, state.sum != 0 else {
                row.update(repeating: 0)
                continue
            }
            Policy.close(state).write(to: &row)
            for column in 0..<layout.latentWidth {
                row[PartialLayout.headerCount + column] = sums[index * latent + column]
            }
        }
    }
}
