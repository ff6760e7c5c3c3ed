internal import Kernels
internal import Tensors

/// A DeepSeek-V3-architecture model, ready to run on one die: all weights but the routed experts of other dies.
///
/// BF16 weights stay views of the mapped files, shared by every process of the host. A value of this type holds no state
/// of any request; it may be used from several threads at once.
///
/// A row's result depends on its request's earlier rows only, never on what else is in the batch, on how prompts were cut
/// into batches, or on which die runs which expert.
public struct Transformer: Sendable {
    /// The model's sizes.
    public let configuration: ModelConfiguration
    /// How its numbers are held and multiplied.
    public let precision: Precision
    /// The routed experts of this die, by number, the same in every layer.
    public let experts: Range<Int>
    private let embedding: MappedTensor
    private let layers: [DecoderLayer]
    private let norm: [Float]
    private let head: MappedTensor
    private let frequencies: [Float]

    /// Takes a model's weights from its checkpoint; tensors of prediction layers may be there and are not read.
    ///
    /// - Parameter experts: the routed experts this die runs; all of them by default.
    /// - Throws: ``ModelFileError`` if a tensor is missing or has another shape or type than the configuration says.
    public init(
        _ checkpoint: Checkpoint, _ configuration: ModelConfiguration, precision: Precision, experts: Range<Int>? = nil
    ) throws(ModelFileError) {
        self.configuration = configuration
        self.precision = precision
        self.experts = experts ?? 0..<configuration.expertCount
        precondition(
            self.experts.lowerBound >= 0 && self.experts.upperBound <= configuration.expertCount,
            "experts the model has")
        let shape = [configuration.vocabularySize, configuration.hiddenWidth]
        embedding = try checkpoint.tensor("model.embed_tokens.weight", shape: shape)
        head = configuration.tiesEmbeddings ? embedding : try checkpoint.tensor("lm_head.weight", shape: shape)
        norm = try checkpoint.tensor("model.norm.weight", shape: [configuration.hiddenWidth]).floats
        var layers: [DecoderLayer] = []
        for layer in 0..<configuration.layerCount {
            layers.append(
                try DecoderLayer(checkpoint, layer: layer, configuration, experts: self.experts, precision))
        }
        self.layers = layers
        frequencies = configuration.rotary.frequencies.map { Float($0) }
    }

    /// Runs one step: every row through every layer, then the output layer for the rows that want logits.
    ///
    /// With a distributed core or exchange all dies must call this together, each with its own rows, which may be none.
    ///
    /// - Parameters:
    ///   - batch: the rows; see ``BatchRow`` for their order.
    ///   - attention: the caches and the way to attend to them.
    ///   - exchange: the way to the experts.
    ///   - observer: is shown the hidden rows and the routing as they come to be; for tests and reports.
    /// - Returns: the logits `[rows that want them, vocabularySize]`, in the order of the batch.
    /// - Throws: ``ModelError``; the caches of the batch's requests are then in an unknown state and must be released.
    public func forward(
        _ batch: [BatchRow], attention: inout some AttentionCore, exchange: inout some RoutedExperts,
        observer: (any StepObserver)? = nil
    ) throws(ModelError) -> [Float] {
        for row in batch { try check(row) }
        let (rowCount, hidden, epsilon) = (batch.count, configuration.hiddenWidth, Float(configuration.normEpsilon))
        let angles = RotaryAngles(batch, configuration.rotary, frequencies: frequencies)
        var stream = embed(batch)
        observer?.saw(hidden: stream, after: nil)
        for (index, layer) in layers.enumerated() {
            let normed = stream.normed(layer.inputNorm, epsilon: epsilon)
            let projected = layer.attention.project(normed, rowCount: rowCount, angles)
            var attended = [Float](repeating: 0, count: rowCount * configuration.headCount * configuration.latentRank)
            var span = attended.mutableSpan
            try attention.attend(
                layer: index, batch: batch, latents: projected.latents.span, queries: projected.queries.span,
                into: &span)
            stream.add(layer.attention.finish(attended, rowCount: rowCount))
            let middle = stream.normed(layer.outputNorm, epsilon: epsilon)
            switch layer.body {
            case .dense(let feedForward):
                stream.add(feedForward.apply(Operand(middle.span, width: hidden, precision)))
            case .sparse(let sparse):
                let routing = sparse.route(middle, rowCount: rowCount)
                observer?.saw(experts: routing.experts, weights: routing.weights, in: index)
                stream.add(try sparse.apply(layer: index, middle, rowCount: rowCount, routing, &exchange))
            }
            observer?.saw(hidden: stream, after: index)
        }
        return logits(batch, stream, observer)
    }

    /// The routed experts this die holds of a layer; nil if the layer has none.
    public func experts(ofLayer layer: Int) -> ExpertBank? {
        guard layers.indices.contains(layer), case .sparse(let sparse) = layers[layer].body else { return nil }
        return sparse.bank
    }

    private func check(_ row: BatchRow) throws(ModelError) {
        guard (0..<configuration.vocabularySize).contains(row.token) else {
            throw ModelError(
                .badRow,
                "request \(row.request): token \(row.token) is outside the vocabulary of \(configuration.vocabularySize)"
            )
        }
        guard (0..<configuration.maximumPositions).contains(row.position) else {
            throw ModelError(
                .badRow,
                """
                request \(row.request): position \(row.position) is outside the model's \
                \(configuration.maximumPositions); use a shorter prompt or fewer tokens
                """)
        }
    }

    private func embed(_ batch: [BatchRow]) -> [Float] {
        let width = configuration.hiddenWidth
        let rowByteCount = width * embedding.type.byteCount
        var stream = [Float](repeating: 0, count: batch.count * width)
        var one = [Float](repeating: 0, count: width)
        for (index, row) in batch.enumerated() {
            let bytes = embedding.bytes.extracting(row.token * rowByteCount..<(row.token + 1) * rowByteCount)
            var span = one.mutableSpan
            if embedding.type == .bfloat16 {
                NumberFormats.decodeBFloat16(bytes, into: &span)
            } else {
                NumberFormats.decodeFloat32(bytes, into: &span)
            }
            stream.replaceSubrange(index * width..<(index + 1) * width, with: one)
        }
        return stream
    }

    private func logits(_ batch: [BatchRow], _ stream: [Float], _ observer: (any StepObserver)?) -> [Float] {
        let width = configuration.hiddenWidth
        var final = stream.normed(norm, epsilon: Float(configuration.normEpsilon))
        observer?.saw(final: final)
        var wanted: [Float] = []
        for index in batch.indices where batch[index].wantsLogits {
            wanted += final[index * width..<(index + 1) * width]
        }
        final = wanted
        if precision.roundsActivations { final.roundToBFloat16() }
        let rowCount = final.count / width
        var logits = [Float](repeating: 0, count: rowCount * configuration.vocabularySize)
        var span = logits.mutableSpan
        Gemm.multiply(
            head.matrix, final.span, Rows(count: rowCount, stride: width), into: &span,
            Rows(count: rowCount, stride: configuration.vocabularySize))
        return logits
    }
}
