public import Attention
internal import Fabric
internal import Kernels
internal import Tensors

/// Attention whose keys are dealt out over a team: split i of every request is in the cache of member i mod size.
///
/// Every member calls with the same rows. Partial states go through the fabric and are merged in ascending split order, so
/// the result has the bits of a single die with the same split length.
public struct ShardedAttention: AttentionCore {
    private let decoder: DistributedDecode
    private let shape: LatentShape
    private let scale: Float
    private let precision: AttentionPrecision
    private let shards: KeyShards
    private var caches: [PagedLatentCache]
    private var sequences: [[Int: CachedSequence]]
    private var counts: [[Int: Int]]

    /// Takes the memory of this member's shares of the caches of all layers.
    ///
    /// - Parameters:
    ///   - decoder: made for the team, with room for the rows and splits of a step.
    ///   - tokenCapacity: tokens of all requests together that this member keeps, rounded up to whole splits a request.
    ///   - splitLength: tokens in a split; part of the numerics.
    /// - Throws: ``ModelError`` `.attention` for sizes a cache cannot have.
    public init(
        _ configuration: ModelConfiguration, _ precision: Precision, decoder: DistributedDecode, tokenCapacity: Int,
        pageSize: Int = 64, splitLength: Int
    ) throws(ModelError) {
        self.decoder = decoder
        self.precision = precision.roundsActivations ? .bfloat16 : .float32
        scale = Float(configuration.softmaxScale)
        shards = KeyShards(splitLength: splitLength, memberCount: decoder.team.size)
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
        counts = Array(repeating: [:], count: configuration.layerCount)
    }

    /// Keeps this member's share of the rows and attends with all members; see ``AttentionCore``.
    public mutating func attend(
        layer: Int, batch: [BatchRow], latents: Span<Float>, queries: Span<Float>, into output: inout MutableSpan<Float>
    ) throws(ModelError) {
        decoder.team.endpoint.phase = "layer \(layer) attention"
        for run in batch.runs {
            do {
                try attend(layer, run, batch, latents, queries, &output)
            } catch let error as ModelError {
                throw error
            } catch {
                throw ModelError(.attention, layer: layer, cause: error)
            }
        }
    }

    private mutating func attend(
        _ layer: Int, _ run: Range<Int>, _ batch: [BatchRow], _ latents: Span<Float>, _ queries: Span<Float>,
        _ output: inout MutableSpan<Float>
    ) throws {
        let (width, heads, latent) = (shape.width, shape.heads, shape.latentWidth)
        let request = batch[run.lowerBound].request
        let past = counts[layer][request] ?? 0
        for (offset, row) in batch[run].enumerated() where row.position != past + offset {
            throw ModelError(
                .badRow,
                "request \(request) continues at position \(row.position), its cache holds \(past + offset) tokens")
        }
        let sequence = sequences[layer][request] ?? caches[layer].makeSequence()
        sequences[layer][request] = sequence
        for (offset, row) in run.enumerated() where shards.owner(of: past + offset) == decoder.team.rank {
            try caches[layer].append(latents.extracting(row * width..<(row + 1) * width), to: sequence)
        }
        counts[layer][request] = past + run.count
        let plan = try DecodePlan(
            shape: shape, visible: DecodePlan.causal(past: past, count: run.count), scale: scale, precision: precision,
            blockLength: shards.splitLength, splitLength: shards.splitLength)
        var logSumExp = [Float](repeating: 0, count: run.count * heads)
        var sums = logSumExp.mutableSpan
        var rows = output.slice(run.lowerBound * heads * latent..<run.upperBound * heads * latent)
        try decoder.decodeByKeys(
            sequence, in: caches[layer], tokenCount: past + run.count,
            queries: queries.extracting(run.lowerBound * heads * width..<run.upperBound * heads * width), plan: plan,
            output: &rows, logSumExp: &sums)
    }

    /// Forgets a request in all layers; its pages are free again.
    public mutating func release(request: Int) {
        for layer in caches.indices {
            counts[layer][request] = nil
            guard let sequence = sequences[layer].removeValue(forKey: request) else { continue }
            caches[layer].release(sequence)
        }
    }
}
