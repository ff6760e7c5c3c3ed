public import Attention
internal import Kernels
internal import Tensors

/// Attention on one die over paged latent caches, by any variant of the catalog, such as `attention.amla`.
///
/// Caches are BF16 where the model's precision rounds activations, and so are the products; else all is float32.
public struct PagedAttention: AttentionCore {
    private let variant: any AttentionVariant
    private let shape: LatentShape
    private let scale: Float
    private let precision: AttentionPrecision
    private let splitLength: Int
    private var caches: [PagedLatentCache]
    private var sequences: [[Int: CachedSequence]]
    private var workspace = AttentionWorkspace()

    /// Takes the memory of the caches of all layers.
    ///
    /// - Parameters:
    ///   - variant: how to attend; ``AttentionCatalog`` lists them.
    ///   - tokenCapacity: tokens of all requests together; a request takes whole pages.
    ///   - pageSize: tokens in a page.
    ///   - splitLength: tokens in a split and in a block. Part of the numerics: equal lengths give equal bits, whether the
    ///     splits lie on one die or on many.
    /// - Throws: ``ModelError`` `.attention` for sizes a cache cannot have.
    public init(
        _ configuration: ModelConfiguration, _ precision: Precision, variant: any AttentionVariant, tokenCapacity: Int,
        pageSize: Int = 64, splitLength: Int = 512
    ) throws(ModelError) {
        self.variant = variant
        self.splitLength = splitLength
        self.precision = precision.roundsActivations ? .bfloat16 : .float32
        scale = Float(configuration.softmaxScale)
        do {
            shape = try LatentShape(
                heads: configuration.headCount, latentWidth: configuration.latentRank,
                ropeWidth: configuration.ropeWidth)
            let cache = try PagedLatentCache(
                element: precision.roundsActivations ? .bfloat16 : .float32, width: configuration.cacheWidth,
                pageSize: pageSize, pageCount: max(1, (tokenCapacity + pageSize - 1) / pageSize))
            caches = Array(repeating: cache, count: configuration.layerCount)
        } catch {
            throw ModelError(.attention, layer: 0, cause: error)
        }
        sequences = Array(repeating: [:], count: configuration.layerCount)
    }

    /// Appends and attends; see ``AttentionCore``.
    public mutating func attend(
        layer: Int, batch: [BatchRow], latents: Span<Float>, queries: Span<Float>, into output: inout MutableSpan<Float>
    ) throws(ModelError) {
        let (width, heads, latent) = (shape.width, shape.heads, shape.latentWidth)
        for run in batch.runs {
            let first = batch[run.lowerBound]
            let sequence = sequences[layer][first.request] ?? caches[layer].makeSequence()
            sequences[layer][first.request] = sequence
            let past = caches[layer].count(of: sequence)
            for (offset, row) in batch[run].enumerated() where row.position != past + offset {
                throw ModelError(
                    .badRow,
                    "request \(row.request) continues at position \(row.position), its cache holds \(past + offset) tokens"
                )
            }
            var logSumExp = [Float](repeating: 0, count: run.count * heads)
            var logSumExpSpan = logSumExp.mutableSpan
            var rows = output.slice(run.lowerBound * heads * latent..<run.upperBound * heads * latent)
            do {
                try caches[layer].append(
                    latents.extracting(run.lowerBound * width..<run.upperBound * width), to: sequence)
                let plan = try DecodePlan(
                    shape: shape, visible: DecodePlan.causal(past: past, count: run.count), scale: scale,
                    precision: precision, blockLength: splitLength, splitLength: splitLength)
                variant.decode(
                    sequence, in: caches[layer],
                    queries: queries.extracting(run.lowerBound * heads * width..<run.upperBound * heads * width),
                    plan: plan, workspace: &workspace, output: &rows, logSumExp: &logSumExpSpan)
            } catch {
                throw ModelError(.attention, layer: layer, cause: error)
            }
        }
    }

    /// Forgets a request in all layers; its pages are free again.
    public mutating func release(request: Int) {
        for layer in caches.indices {
            guard let sequence = sequences[layer].removeValue(forKey: request) else { continue }
            caches[layer].release(sequence)
        }
    }
}
