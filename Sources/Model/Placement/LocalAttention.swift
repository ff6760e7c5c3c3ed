internal import Kernels
internal import Tensors

/// Attention over a cache that one die holds whole, with a plain softmax: the definition the distributed cores meet.
///
/// - Complexity: 2 · heads · (cacheWidth + latentRank) flops a row and cached token.
public struct LocalAttention: AttentionCore {
    private let heads: Int
    private let latentRank: Int
    private let cacheWidth: Int
    private let scale: Float
    private let rounds: Bool
    private var caches: [[Int: [Float]]]

    /// Empty caches for every layer of a model. BF16 caches are kept as float32 numbers that BF16 can hold.
    public init(_ configuration: ModelConfiguration, _ precision: Precision) {
        heads = configuration.headCount
        latentRank = configuration.latentRank
        cacheWidth = configuration.cacheWidth
        scale = Float(configuration.softmaxScale)
        rounds = precision.roundsActivations
        caches = Array(repeating: [:], count: configuration.layerCount)
    }

    /// Appends and attends; see ``AttentionCore``.
    public mutating func attend(
        layer: Int, batch: [BatchRow], latents: Span<Float>, queries: Span<Float>, into output: inout MutableSpan<Float>
    ) throws(ModelError) {
        for run in batch.runs {
            let request = batch[run.lowerBound].request
            var cache = caches[layer].removeValue(forKey: request) ?? []
            for row in run {
                guard batch[row].position * cacheWidth == cache.count else {
                    throw ModelError(
                        .badRow,
                        """
                        request \(request) continues at position \(batch[row].position), its cache holds \
                        \(cache.count / cacheWidth) tokens
                        """)
                }
                for column in row * cacheWidth..<(row + 1) * cacheWidth {
                    cache.append(rounds ? latents[column].roundedToBFloat16 : latents[column])
                }
            }
            for row in run { attend(row, over: cache, count: batch[row].position + 1, queries, &output) }
            caches[layer][request] = cache
        }
    }

    /// Forgets a request in all layers.
    public mutating func release(request: Int) {
        for layer in caches.indices { caches[layer][request] = nil }
    }

    private func attend(
        _ row: Int, over cache: [Float], count: Int, _ queries: Span<Float>, _ output: inout MutableSpan<Float>
    ) {
        let size = heads * cacheWidth
        var query = Array(copying: queries.extracting(row * size..<(row + 1) * size))
        if rounds { query.roundToBFloat16() }
        var scores = [Float](repeating: 0, count: heads * count)
        let scoreRows = Rows(count: heads, stride: count)
        var scoreSpan = scores.mutableSpan
        Gemm.multiply(
            MatrixView(cache.span, rowCount: count, width: cacheWidth), query.span,
            Rows(count: heads, stride: cacheWidth), into: &scoreSpan, scoreRows)
        for head in 0..<heads {
            var part = Array(scores[head * count..<(head + 1) * count])
            var partSpan = part.mutableSpan
            Dense.softmax(&partSpan, scale: scale)
            if rounds { part.roundToBFloat16() }
            scores.replaceSubrange(head * count..<(head + 1) * count, with: part)
        }
        Gemm.multiplyTransposed(
            MatrixView(cache.span, rowCount: count, width: latentRank, stride: cacheWidth), scores.span, scoreRows,
            into: &output, Rows(count: heads, offset: row * heads * latentRank, stride: latentRank))
    }
}
