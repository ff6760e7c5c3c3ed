/// A DeepSeek-V3-architecture model in Float64, token by token, with attention expanded per head.
///
/// It is the definition the fast model is judged by: no absorption, no batching, no narrow types, nothing shared with the
/// code it judges. Plain RoPE only.
///
/// ## Source
/// DeepSeek-V3, arXiv 2412.19437, section 2.1 (non-absorbed form); tensor names as in the public implementation.
public struct OracleModel {
    /// The numbers of a `config.json` the oracle needs.
    public struct Sizes: Sendable {
        /// `vocab_size`, `hidden_size`, `num_hidden_layers`, `first_k_dense_replace`.
        public var vocabulary, hidden, layers, denseLayers: Int
        /// `num_attention_heads`, `kv_lora_rank`, `qk_nope_head_dim`, `qk_rope_head_dim`, `v_head_dim`.
        public var heads, latent, nope, rope, value: Int
        /// Whether there is a `q_a_proj`.
        public var compressesQueries: Bool
        /// `n_routed_experts`, `num_experts_per_tok`, `n_group`, `topk_group`, and whether there is a shared expert.
        public var experts, expertsPerToken, groups, groupsKept: Int
        /// Whether there is a shared expert; `norm_topk_prob`; `rope_interleave`.
        public var hasSharedExpert, normalises, interleaved: Bool
        /// `routed_scaling_factor`, `rope_theta`, `rms_norm_eps`.
        public var scale, theta, epsilon: Double

        /// Takes every number as it is.
        public init(
            vocabulary: Int, hidden: Int, layers: Int, denseLayers: Int, heads: Int, latent: Int, nope: Int, rope: Int,
            value: Int, compressesQueries: Bool, experts: Int, expertsPerToken: Int, groups: Int, groupsKept: Int,
            hasSharedExpert: Bool, normalises: Bool, interleaved: Bool, scale: Double, theta: Double, epsilon: Double
        ) {
            (self.vocabulary, self.hidden, self.layers, self.denseLayers) = (vocabulary, hidden, layers, denseLayers)
            (self.heads, self.latent, self.nope, self.rope, self.value) = (heads, latent, nope, rope, value)
            (self.compressesQueries, self.experts) = (compressesQueries, experts)
            (self.expertsPerToken, self.groups, self.groupsKept) = (expertsPerToken, groups, groupsKept)
            (self.hasSharedExpert, self.normalises, self.interleaved) = (hasSharedExpert, normalises, interleaved)
            (self.scale, self.theta, self.epsilon) = (scale, theta, epsilon)
        }
    }

    /// What one token went through.
    public struct Step: Sendable {
        /// The embedding, then the residual stream after each layer, the last one after the final norm.
        public var hidden: [[Double]]
        /// The experts and weights of each layer that has a router, by layer.
        public var routing: [Int: (experts: [Int], weights: [Double])]
        /// One logit a vocabulary entry.
        public var logits: [Double]
    }

    let sizes: Sizes
    private let weights: (String) -> [Double]
    private var cache: [String: [Double]] = [:]
    private var keys: [[[Double]]]
    private var values: [[[Double]]]
    private var position = 0

    /// A model at the start of a text.
    ///
    /// - Parameters:
    ///   - sizes: the configuration.
    ///   - weights: the elements of the tensor of this name, row-major; asked once for each name.
    public init(_ sizes: Sizes, weights: @escaping (String) -> [Double]) {
        self.sizes = sizes
        self.weights = weights
        keys = Array(repeating: [], count: sizes.layers)
        values = keys
    }

    mutating func tensor(_ name: String) -> [Double] {
        if let known = cache[name] { return known }
        let read = weights(name)
        cache[name] = read
        return read
    }

    /// `y[o] = Σ w[o, k] x[k]`.
    mutating func linear(_ name: String, _ x: [Double]) -> [Double] {
        let w = tensor(name)
        precondition(w.count.isMultiple(of: x.count), "\(name) has the wrong shape")
        return (0..<w.count / x.count).map { o in
            var sum = 0.0
            for k in 0..<x.count { sum += w[o * x.count + k] * x[k] }
            return sum
        }
    }

    mutating func norm(_ name: String, _ x: [Double]) -> [Double] {
        let w = tensor(name)
        let square = x.reduce(0) { $0 + $1 * $1 } / Double(x.count)
        let factor = 1 / (square + sizes.epsilon).squareRoot()
        return zip(x, w).map { $0 * factor * $1 }
    }

    /// Runs the next token of the text.
    public mutating func step(_ token: Int) -> Step {
        let embedding = tensor("model.embed_tokens.weight")
        var stream = Array(embedding[token * sizes.hidden..<(token + 1) * sizes.hidden])
        var step = Step(hidden: [stream], routing: [:], logits: [])
        for layer in 0..<sizes.layers {
            let prefix = "model.layers.\(layer)."
            let attended = attention(layer, norm(prefix + "input_layernorm.weight", stream))
            stream = zip(stream, attended).map { $0 + $1 }
            let normed = norm(prefix + "post_attention_layernorm.weight", stream)
            var output: [Double]
            if layer < sizes.denseLayers {
                output = feedForward(prefix + "mlp.", normed)
            } else {
                let routing = route(prefix + "mlp.gate.", normed)
                step.routing[layer] = routing
                output = Array(repeating: 0, count: sizes.hidden)
                for (expert, weight) in zip(routing.experts, routing.weights) {
                    let part = feedForward(prefix + "mlp.experts.\(expert).", normed)
                    output = zip(output, part).map { $0 + weight * $1 }
                }
                if sizes.hasSharedExpert {
                    output = zip(output, feedForward(prefix + "mlp.shared_experts.", normed)).map { $0 + $1 }
                }
            }
            stream = zip(stream, output).map { $0 + $1 }
            if layer < sizes.layers - 1 { step.hidden.append(stream) }
        }
        let final = norm("model.norm.weight", stream)
        step.hidden.append(final)
        step.logits = linear("lm_head.weight", final)
        position += 1
        return step
    }

    private mutating func feedForward(_ prefix: String, _ x: [Double]) -> [Double] {
        let gate = linear(prefix + "gate_proj.weight", x)
        let up = linear(prefix + "up_proj.weight", x)
        return linear(prefix + "down_proj.weight", zip(gate, up).map { $0 / (1 + OracleMath.exp(-$0)) * $1 })
    }

    private mutating func route(_ prefix: String, _ x: [Double]) -> (experts: [Int], weights: [Double]) {
        OracleGate.select(
            logits: linear(prefix + "weight", x), bias: tensor(prefix + "e_score_correction_bias"),
            groups: sizes.groups, groupsKept: sizes.groupsKept, expertsPerToken: sizes.expertsPerToken,
            normalises: sizes.normalises, scale: sizes.scale)
    }

    private mutating func attention(_ layer: Int, _ x: [Double]) -> [Double] {
        let prefix = "model.layers.\(layer).self_attn."
        let query: [Double]
        if sizes.compressesQueries {
            let compressed = norm(prefix + "q_a_layernorm.weight", linear(prefix + "q_a_proj.weight", x))
            query = linear(prefix + "q_b_proj.weight", compressed)
        } else {
            query = linear(prefix + "q_proj.weight", x)
        }
        let both = linear(prefix + "kv_a_proj_with_mqa.weight", x)
        let latent = norm(prefix + "kv_a_layernorm.weight", Array(both[..<sizes.latent]))
        let rotatedKey = rotate(Array(both[sizes.latent...]))
        let expanded = linear(prefix + "kv_b_proj.weight", latent)
        let width = sizes.nope + sizes.rope
        var key: [Double] = []
        var value: [Double] = []
        for head in 0..<sizes.heads {
            let start = head * (sizes.nope + sizes.value)
            key += expanded[start..<start + sizes.nope] + rotatedKey
            value += expanded[start + sizes.nope..<start + sizes.nope + sizes.value]
        }
        keys[layer].append(key)
        values[layer].append(value)
        var output: [Double] = []
        for head in 0..<sizes.heads {
            let nope = query[head * width..<head * width + sizes.nope]
            let q = nope + rotate(Array(query[head * width + sizes.nope..<(head + 1) * width]))
            output += attend(layer, head, Array(q))
        }
        return linear(prefix + "o_proj.weight", output)
    }

    private func attend(_ layer: Int, _ head: Int, _ q: [Double]) -> [Double] {
        let scores = keys[layer].map { key in
            var sum = 0.0
            for i in 0..<q.count { sum += q[i] * key[head * q.count + i] }
            return sum / Double(q.count).squareRoot()
        }
        let top = scores.max() ?? 0
        let exponentials = scores.map { OracleMath.exp($0 - top) }
        let total = exponentials.reduce(0, +)
        var output = Array(repeating: 0.0, count: sizes.value)
        for (weight, value) in zip(exponentials, values[layer]) {
            for i in 0..<sizes.value { output[i] += weight / total * value[head * sizes.value + i] }
        }
        return output
    }

    /// Rotates each pair by position times theta^(-2i/d); the first halves of the pairs come first in the result.
    private func rotate(_ x: [Double]) -> [Double] {
        let half = x.count / 2
        var result = x
        for i in 0..<half {
            let exponent = -2 * Double(i) / Double(x.count) * OracleMath.log(sizes.theta)
            let (sine, cosine) = OracleMath.sineAndCosine(Double(position) * OracleMath.exp(exponent))
            let (a, b) = sizes.interleaved ? (x[2 * i], x[2 * i + 1]) : (x[i], x[i + half])
            result[i] = a * cosine - b * sine
            result[i + half] = b * cosine + a * sine
        }
        return result
    }
}
