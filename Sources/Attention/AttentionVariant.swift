public import Kernels
internal import Tensors

/// A way to compute latent attention over a paged cache, found by name in ``AttentionCatalog``.
///
/// The sequence is cut into splits of a fixed length; each split gives a partial state (``PartialLayout``), states are added
/// in ascending split order, and the end is one division. Who computes which split, and when, does not change a bit.
public protocol AttentionVariant: Sendable {
    /// The dotted name used on the command line, in traces and in tables.
    var name: String { get }

    /// Attends to one split and writes its partial state.
    ///
    /// ## Shapes
    /// - `queries`: `[queryCount, shape.heads, width]`, row = absorbed latent query, then rope query.
    /// - `partial`: `plan.partialLayout`, rows `[query][head]` over `plan.heads`; every float is written.
    ///
    /// - Complexity: `2 * rows * tokens * (width + latentWidth)` flops; reads `tokens` cache rows once.
    func decodeSplit(
        _ split: KeySplit, of sequence: CachedSequence, in cache: PagedLatentCache, queries: Span<Float>,
        plan: DecodePlan, workspace: inout AttentionWorkspace, into partial: inout MutableSpan<Float>)

    /// Adds the states `next` to the states `held`, row by row. Zeros are the states of no keys, so a merge starts there.
    ///
    /// - Complexity: 3 flops and 12 bytes a float.
    func combine(
        _ next: Span<Float>, into held: inout MutableSpan<Float>, layout: PartialLayout, kernels: AttentionKernels)

    /// Turns merged states into outputs.
    ///
    /// - Parameters:
    ///   - output: `[rowCount, latentWidth]`; zero for a row without keys.
    ///   - logSumExp: `[rowCount]`, natural logarithm; `-inf` for a row without keys, which is what merging needs. (FlashMLA
    ///     gives `+inf` there to its callers; who wants that convention maps it at the very end.)
    func finish(
        _ merged: Span<Float>, layout: PartialLayout, kernels: AttentionKernels, output: inout MutableSpan<Float>,
        logSumExp: inout MutableSpan<Float>)
}

extension AttentionVariant {
    /// Adds `partialCount` consecutive partial states in ascending order and divides.
    ///
    /// - Parameters:
    ///   - partials: `[partialCount]` times `layout`.
    ///   - merged: scratch of `layout.floatCount` floats; holds the merged state on return.
    public func merge(
        _ partials: Span<Float>, partialCount: Int, layout: PartialLayout, kernels: AttentionKernels = .best,
        merged: inout MutableSpan<Float>, output: inout MutableSpan<Float>, logSumExp: inout MutableSpan<Float>
    ) {
        precondition(partials.count >= partialCount * layout.floatCount, "A partial state is missing.")
        precondition(merged.count == layout.floatCount, "The merged state has another layout.")
        merged.update(repeating: 0)
        for index in 0..<partialCount {
            let from = index * layout.floatCount
            combine(
                partials.extracting(from..<from + layout.floatCount), into: &merged, layout: layout, kernels: kernels)
        }
        finish(merged.span, layout: layout, kernels: kernels, output: &output, logSumExp: &logSumExp)
    }

    /// Attends to a whole sequence on one die: every split in ascending order, merged.
    ///
    /// ## Shapes
    /// - `queries`: `[queryCount, shape.heads, width]`.
    /// - `output`: `[queryCount, plan.heads.count, latentWidth]`.
    /// - `logSumExp`: `[queryCount, plan.heads.count]`, see ``finish(_:layout:kernels:output:logSumExp:)``.
    public func decode(
        _ sequence: CachedSequence, in cache: PagedLatentCache, queries: Span<Float>, plan: DecodePlan,
        workspace: inout AttentionWorkspace, output: inout MutableSpan<Float>, logSumExp: inout MutableSpan<Float>
    ) {
        let layout = plan.partialLayout, tokenCount = cache.count(of: sequence)
        // Taken out of the workspace while it is lent to the splits.
        var partial: [Float] = [], merged: [Float] = []
        swap(&partial, &workspace.partial)
        swap(&merged, &workspace.merged)
        AttentionWorkspace.grow(&partial, to: layout.floatCount)
        AttentionWorkspace.grow(&merged, to: layout.floatCount)
        var allHeld = merged.mutableSpan
        var held = allHeld.slice(0..<layout.floatCount)
        held.update(repeating: 0)
        for index in 0..<plan.splitCount(tokenCount: tokenCount) {
            let split = plan.split(index, tokenCount: tokenCount)
            var allNext = partial.mutableSpan
            var next = allNext.slice(0..<layout.floatCount)
            decodeSplit(
                split, of: sequence, in: cache, queries: queries, plan: plan, workspace: &workspace, into: &next)
            combine(next.span, into: &held, layout: layout, kernels: plan.kernels)
        }
        finish(held.span, layout: layout, kernels: plan.kernels, output: &output, logSumExp: &logSumExp)
        swap(&partial, &workspace.partial)
        swap(&merged, &workspace.merged)
    }
}
