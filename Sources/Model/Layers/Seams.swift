// The two places where a model's step meets other dies. Everything else in a step is local to the die and to the row.

/// Keeps the latent cache and attends to it: the seam for local, KV-sharded and head-sharded attention.
public protocol AttentionCore {
    /// Appends the rows' latents to their requests' caches, then attends with each row to its request up to itself.
    ///
    /// Every die of a distributed core must call this for every layer of every step, also with no rows.
    ///
    /// ## Shapes
    /// - `latents`: `[rows, latentRank + ropeWidth]`, a row = norm of the compressed part, then the rotated key.
    /// - `queries`: `[rows, heads, latentRank + ropeWidth]`, absorbed: comparable with a cache row as it is.
    /// - `output`: `[rows, heads, latentRank]`, the weighted sum of the compressed parts.
    ///
    /// - Throws: ``ModelError`` `.attention`, wrapping the error of the layer below.
    mutating func attend(
        layer: Int, batch: [BatchRow], latents: Span<Float>, queries: Span<Float>, into output: inout MutableSpan<Float>
    ) throws(ModelError)

    /// Forgets a request in all layers; its number may be used again.
    mutating func release(request: Int)
}

/// Brings rows to the experts they chose and the results back: the seam for local and expert-parallel execution.
public protocol RoutedExperts {
    /// Sends each row to its experts, runs the experts of this die on the rows that arrive, and sums what comes back.
    ///
    /// The sum is `fma(weight[k], result[k], sum)` in ascending k from zero, in float32, so that every implementation
    /// gives the same bits. Every die of a distributed exchange must call this for every sparse layer of every step, also
    /// with no rows.
    ///
    /// ## Shapes
    /// - `hidden`: `[rows, hiddenWidth]`, float32; what goes on the wire is rounded as ``ExpertBank/precision`` says.
    /// - `experts`, `weights`: `[rows, expertsPerToken]`, best first.
    /// - `output`: `[rows, hiddenWidth]`, overwritten.
    ///
    /// - Throws: ``ModelError`` `.exchange`, wrapping the error of the layer below.
    mutating func exchange(
        layer: Int, rowCount: Int, hidden: Span<Float>, experts: Span<Int32>, weights: Span<Float>, bank: ExpertBank,
        into output: inout MutableSpan<Float>
    ) throws(ModelError)
}
