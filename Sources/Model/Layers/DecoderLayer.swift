/// One decoder layer: attention and feed-forward, each behind a norm and added to the residual stream.
struct DecoderLayer: Sendable {
    /// The second half of a layer.
    enum Body: Sendable {
        case dense(FeedForward)
        case sparse(SparseLayer)
    }

    let inputNorm: [Float]
    let attention: LatentAttention
    let outputNorm: [Float]
    let body: Body

    init(
        _ checkpoint: Checkpoint, layer: Int, _ sizes: ModelConfiguration, experts: Range<Int>, _ precision: Precision
    ) throws(ModelFileError) {
        let prefix = "model.layers.\(layer)."
        func norm(_ name: String) throws(ModelFileError) -> [Float] {
            try checkpoint.tensor("\(prefix)\(name).weight", shape: [sizes.hiddenWidth]).floats
        }
        inputNorm = try norm("input_layernorm")
        outputNorm = try norm("post_attention_layernorm")
        attention = try LatentAttention(checkpoint, prefix + "self_attn.", sizes, precision)
        body =
            sizes.isSparse(layer: layer)
            ? .sparse(try SparseLayer(checkpoint, prefix + "mlp.", sizes, experts: experts, precision))
            : .dense(
                try FeedForward(
                    checkpoint, prefix + "mlp.", hidden: sizes.hiddenWidth, inner: sizes.denseWidth, precision))
    }
}
