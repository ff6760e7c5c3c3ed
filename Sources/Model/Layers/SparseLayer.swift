internal import Experts
internal import Kernels

/// A mixture-of-experts layer: the gate, the experts this die holds, and the shared expert every row goes to.
struct SparseLayer: Sendable {
    /// What the gate chose for a batch, `[rows, expertsPerToken]`, best first.
    struct Routing: Sendable {
        var experts: [Int32]
        var weights: [Float]
    }

    private let gate: Gate
    private let router: MappedTensor
    private let bias: [Float]
    let bank: ExpertBank
    private let shared: FeedForward?
    private let precision: Precision

    init(
        _ checkpoint: Checkpoint, _ prefix: String, _ sizes: ModelConfiguration, experts: Range<Int>,
        _ precision: Precision
    ) throws(ModelFileError) {
        gate = Gate(
            expertCount: sizes.expertCount, groupCount: sizes.groupCount, groupsPerToken: sizes.groupsPerToken,
            expertsPerToken: sizes.expertsPerToken, normalises: sizes.normalisesWeights,
            scale: Float(sizes.routedScale))
        router = try checkpoint.tensor(prefix + "gate.weight", shape: [sizes.expertCount, sizes.hiddenWidth])
        bias = try checkpoint.tensor(prefix + "gate.e_score_correction_bias", shape: [sizes.expertCount]).floats
        bank = try ExpertBank(checkpoint, prefix, sizes, experts: experts, precision)
        shared =
            sizes.sharedExpertCount == 0
            ? nil
            : try FeedForward(
                checkpoint, prefix + "shared_experts.", hidden: sizes.hiddenWidth,
                inner: sizes.expertWidth * sizes.sharedExpertCount, precision)
        self.precision = precision
    }

    /// The gate's choice for normed rows; logits are float32 products of unrounded rows.
    func route(_ hidden: [Float], rowCount: Int) -> Routing {
        var logits = [Float](repeating: 0, count: rowCount * gate.expertCount)
        var logitSpan = logits.mutableSpan
        Gemm.multiply(
            router.matrix, hidden.span, Rows(count: rowCount, stride: router.shape[1]), into: &logitSpan,
            Rows(count: rowCount, stride: gate.expertCount))
        var routing = Routing(experts: [], weights: [])
        var experts = [Int32](repeating: 0, count: gate.expertsPerToken)
        var weights = [Float](repeating: 0, count: gate.expertsPerToken)
        for row in 0..<rowCount {
            var expertSpan = experts.mutableSpan
            var weightSpan = weights.mutableSpan
            gate.select(
                logits: logits.span.extracting(row * gate.expertCount..<(row + 1) * gate.expertCount), bias: bias.span,
                experts: &expertSpan, weights: &weightSpan)
            routing.experts += experts
            routing.weights += weights
        }
        return routing
    }

    /// The layer's output for normed rows: routed experts through the exchange, plus the shared expert.
    func apply(
        layer: Int, _ hidden: [Float], rowCount: Int, _ routing: Routing, _ exchange: inout some RoutedExperts
    ) throws(ModelError) -> [Float] {
        var output = [Float](repeating: 0, count: hidden.count)
        var span = output.mutableSpan
        try exchange.exchange(
            layer: layer, rowCount: rowCount, hidden: hidden.span, experts: routing.experts.span,
            weights: routing.weights.span, bank: bank, into: &span)
        if let shared { output.add(shared.apply(Operand(hidden.span, width: bank.hiddenWidth, precision))) }
        return output
    }
}
