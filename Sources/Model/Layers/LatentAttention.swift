internal import Kernels
internal import Tensors

/// Multi-head latent attention in absorbed form, without its core: what comes before the cache, and what comes after.
///
/// ```
/// c_q = norm(W_qa h)   [q_nope | q_rope] = W_qb c_q        [c_kv | k_r] = W_kva h
/// cache row  = [ norm(c_kv) | rope(k_r) ]
/// query row  = [ UK_hᵀ q_nope | rope(q_rope) ]             one a head
/// y = W_o concat_h( UV_h · core(query_h) )                 W_kvb = [UK_h over UV_h] a head
/// ```
///
/// ## Source
/// DeepSeek-V2, arXiv 2405.04434, section 2.1. The expansion (UK, UV) stays in BF16 also where projections are INT8: its scale would lie along the
/// summed dimension.
struct LatentAttention: Sendable {
    /// What the core needs of a batch.
    struct Projected {
        /// `[rows, cacheWidth]`
        var latents: [Float]
        /// `[rows, heads, cacheWidth]`
        var queries: [Float]
    }

    private let sizes: ModelConfiguration
    private let precision: Precision
    private let queryDown: Linear?
    private let queryNorm: [Float]
    private let queryUp: Linear
    private let latentDown: Linear
    private let latentNorm: [Float]
    private let expansion: MappedTensor
    private let output: Linear

    init(
        _ checkpoint: Checkpoint, _ prefix: String, _ sizes: ModelConfiguration, _ precision: Precision
    ) throws(ModelFileError) {
        self.sizes = sizes
        self.precision = precision
        func linear(_ name: String, _ outputs: Int, _ inputs: Int) throws(ModelFileError) -> Linear {
            Linear(try checkpoint.tensor("\(prefix)\(name).weight", shape: [outputs, inputs]), precision)
        }
        let (hidden, heads) = (sizes.hiddenWidth, sizes.headCount)
        if let rank = sizes.queryRank {
            queryDown = try linear("q_a_proj", rank, hidden)
            queryNorm = try checkpoint.tensor(prefix + "q_a_layernorm.weight", shape: [rank]).floats
            queryUp = try linear("q_b_proj", heads * sizes.queryWidth, rank)
        } else {
            queryDown = nil
            queryNorm = []
            queryUp = try linear("q_proj", heads * sizes.queryWidth, hidden)
        }
        latentDown = try linear("kv_a_proj_with_mqa", sizes.cacheWidth, hidden)
        latentNorm = try checkpoint.tensor(prefix + "kv_a_layernorm.weight", shape: [sizes.latentRank]).floats
        expansion = try checkpoint.tensor(
            prefix + "kv_b_proj.weight", shape: [heads * (sizes.nopeWidth + sizes.valueWidth), sizes.latentRank])
        output = try linear("o_proj", hidden, heads * sizes.valueWidth)
    }

    /// Cache rows and absorbed queries of normed rows, `[rows, hiddenWidth]`.
    func project(_ hidden: [Float], rowCount: Int, _ angles: RotaryAngles) -> Projected {
        let operand = Operand(hidden.span, width: sizes.hiddenWidth, precision)
        var query: [Float]
        if let queryDown {
            let compressed = queryDown.apply(operand)
            let normed = compressed.normed(queryNorm, epsilon: Float(sizes.normEpsilon))
            query = queryUp.apply(Operand(normed.span, width: queryDown.outputs, precision, isInner: true))
        } else {
            query = queryUp.apply(operand)
        }
        let latents = cacheRows(latentDown.apply(operand), rowCount: rowCount, angles)
        if precision.roundsActivations { query.roundToBFloat16() }
        return Projected(latents: latents, queries: absorb(query, rowCount: rowCount, angles))
    }

    private func cacheRows(_ projected: [Float], rowCount: Int, _ angles: RotaryAngles) -> [Float] {
        var latents = projected
        let rows = Rows(count: rowCount, stride: sizes.cacheWidth)
        var span = latents.mutableSpan
        Dense.rmsNorm(
            projected.span, rows, weight: latentNorm.span, epsilon: Float(sizes.normEpsilon), into: &span, rows)
        for row in 0..<rowCount {
            let start = row * sizes.cacheWidth + sizes.latentRank
            angles.rotate(
                row: row, projected.span.extracting(start..<start + sizes.ropeWidth), into: &span, at: start)
        }
        return latents
    }

    private func absorb(_ query: [Float], rowCount: Int, _ angles: RotaryAngles) -> [Float] {
        let (heads, width) = (sizes.headCount, sizes.cacheWidth)
        var queries = [Float](repeating: 0, count: rowCount * heads * width)
        var span = queries.mutableSpan
        let expansion = expansion.matrix
        for head in 0..<heads {
            let first = head * (sizes.nopeWidth + sizes.valueWidth)
            Gemm.multiplyTransposed(
                expansion.rows(first..<first + sizes.nopeWidth), query.span,
                Rows(count: rowCount, offset: head * sizes.queryWidth, stride: heads * sizes.queryWidth), into: &span,
                Rows(count: rowCount, offset: head * width, stride: heads * width))
            for row in 0..<rowCount {
                let start = (row * heads + head) * sizes.queryWidth + sizes.nopeWidth
                angles.rotate(
                    row: row, query.span.extracting(start..<start + sizes.ropeWidth), into: &span,
                    at: (row * heads + head) * width + sizes.latentRank)
            }
        }
        return queries
    }

    /// Rows of the residual stream from what the core gave, `[rows, heads, latentRank]`.
    func finish(_ attended: [Float], rowCount: Int) -> [Float] {
        let (heads, width) = (sizes.headCount, sizes.valueWidth)
        var attended = attended
        if precision.roundsActivations { attended.roundToBFloat16() }
        var values = [Float](repeating: 0, count: rowCount * heads * width)
        var span = values.mutableSpan
        let expansion = expansion.matrix
        for head in 0..<heads {
            let first = head * (sizes.nopeWidth + width) + sizes.nopeWidth
            Gemm.multiply(
                expansion.rows(first..<first + width), attended.span,
                Rows(count: rowCount, offset: head * sizes.latentRank, stride: heads * sizes.latentRank), into: &span,
                Rows(count: rowCount, offset: head * width, stride: heads * width))
        }
        return output.apply(Operand(values.span, width: heads * width, precision, isInner: true))
    }
}

extension [Float] {
    /// The root-mean-square norm of packed rows as wide as `weight`.
    func normed(_ weight: [Float], epsilon: Float) -> [Float] {
        var output = self
        let rows = Rows(count: weight.isEmpty ? 0 : count / weight.count, stride: weight.count)
        var outputSpan = output.mutableSpan
        Dense.rmsNorm(span, rows, weight: weight.span, epsilon: epsilon, into: &outputSpan, rows)
        return output
    }

    /// Adds other rows to these, element by element.
    mutating func add(_ other: [Float]) {
        var sum = mutableSpan
        Dense.addScaled(other.span, into: &sum)
    }
}
