import FoundationEssentials
import Model
import Oracle
import Tensors
import TestKit

/// A model of any sizes with random weights, written as a checkpoint, for the fast model and the oracle alike.
struct RandomModel {
    var hidden = 40
    var layers = 3
    var denseLayers = 1
    var heads = 3
    var queryRank: Int? = nil
    var latent = 20
    var nope = 12
    var rope = 6
    var value = 10
    var experts = 12
    var groups = 3
    var groupsKept = 2
    var perToken = 3
    var shared = 2
    var interleaved = true
    var normalises = true
    var tied = false
    var type = ElementType.bfloat16
    let vocabulary = 50
    let dense = 28
    let expertWidth = 18

    /// The names and shapes of all tensors.
    private var tensors: [(name: String, shape: [Int])] {
        var list: [(String, [Int])] = [
            ("model.embed_tokens.weight", [vocabulary, hidden]), ("model.norm.weight", [hidden]),
        ]
        if !tied { list.append(("lm_head.weight", [vocabulary, hidden])) }
        func feedForward(_ prefix: String, _ inner: Int) {
            list.append((prefix + "gate_proj.weight", [inner, hidden]))
            list.append((prefix + "up_proj.weight", [inner, hidden]))
            list.append((prefix + "down_proj.weight", [hidden, inner]))
        }
        for layer in 0..<layers {
            let prefix = "model.layers.\(layer)."
            list.append((prefix + "input_layernorm.weight", [hidden]))
            list.append((prefix + "post_attention_layernorm.weight", [hidden]))
            let attention = prefix + "self_attn."
            if let queryRank {
                list.append((attention + "q_a_proj.weight", [queryRank, hidden]))
                list.append((attention + "q_a_layernorm.weight", [queryRank]))
                list.append((attention + "q_b_proj.weight", [heads * (nope + rope), queryRank]))
            } else {
                list.append((attention + "q_proj.weight", [heads * (nope + rope), hidden]))
            }
            list.append((attention + "kv_a_proj_with_mqa.weight", [latent + rope, hidden]))
            list.append((attention + "kv_a_layernorm.weight", [latent]))
            list.append((attention + "kv_b_proj.weight", [heads * (nope + value), latent]))
            list.append((attention + "o_proj.weight", [hidden, heads * value]))
            guard layer >= denseLayers else {
                feedForward(prefix + "mlp.", dense)
                continue
            }
            list.append((prefix + "mlp.gate.weight", [experts, hidden]))
            list.append((prefix + "mlp.gate.e_score_correction_bias", [experts]))
            for expert in 0..<experts { feedForward(prefix + "mlp.experts.\(expert).", expertWidth) }
            if shared > 0 { feedForward(prefix + "mlp.shared_experts.", expertWidth * shared) }
        }
        return list
    }

    private var configuration: String {
        """
        {"model_type": "deepseek_v3", "vocab_size": \(vocabulary), "hidden_size": \(hidden), "intermediate_size": \(dense),
         "moe_intermediate_size": \(expertWidth), "num_hidden_layers": \(layers), "num_attention_heads": \(heads),
         "n_shared_experts": \(shared), "n_routed_experts": \(experts), "num_experts_per_tok": \(perToken),
         "n_group": \(groups), "topk_group": \(groupsKept), "norm_topk_prob": \(normalises),
         "routed_scaling_factor": 1.5, "first_k_dense_replace": \(denseLayers),
         "q_lora_rank": \(queryRank.map { "\($0)" } ?? "null"), "kv_lora_rank": \(latent), "qk_nope_head_dim": \(nope),
         "qk_rope_head_dim": \(rope), "v_head_dim": \(value), "rope_interleave": \(interleaved), "rope_theta": 500.0,
         "rms_norm_eps": 1e-5, "max_position_embeddings": 64, "tie_word_embeddings": \(tied)}
        """
    }

    /// Writes `config.json` and `model.safetensors`; returns every tensor's elements.
    func write(to directory: TemporaryDirectory, seed: UInt64) throws -> [String: [Float]] {
        var random = SeededGenerator(seed: seed)
        var (header, data, elements) = ([String](), [UInt8](), [String: [Float]]())
        for (name, shape) in tensors {
            let count = shape.reduce(1, *)
            let bound: Float = shape.count == 2 ? 1.5 / Float(shape[1]).squareRoot() : 0.3
            let isNorm = name.hasSuffix("norm.weight")
            let values = (0..<count).map { _ in
                (Float.random(in: -bound...bound, using: &random) + (isNorm ? 1 : 0)).roundedToBFloat16
            }
            let isBFloat16 = type == .bfloat16 && !name.hasSuffix("bias")
            let start = data.count
            for value in values {
                let bits = value.bitPattern
                for shift in stride(from: isBFloat16 ? 16 : 0, to: 32, by: 8) {
                    data.append(UInt8(truncatingIfNeeded: bits >> UInt32(shift)))
                }
            }
            header.append(
                "\"\(name)\":{\"dtype\":\"\(isBFloat16 ? "BF16" : "F32")\",\"shape\":\(shape),"
                    + "\"data_offsets\":[\(start),\(data.count)]}")
            elements[name] = values
        }
        let text = Array("{\(header.joined(separator: ","))}".utf8)
        let length = (0..<8).map { UInt8(truncatingIfNeeded: text.count >> (8 * $0)) }
        _ = try directory.write("config.json", Array(configuration.utf8))
        _ = try directory.write("model.safetensors", length + text + data)
        if tied { elements["lm_head.weight"] = elements["model.embed_tokens.weight"] }
        return elements
    }

    var oracleSizes: OracleModel.Sizes {
        OracleModel.Sizes(
            vocabulary: vocabulary, hidden: hidden, layers: layers, denseLayers: denseLayers, heads: heads,
            latent: latent, nope: nope, rope: rope, value: value, compressesQueries: queryRank != nil, experts: experts,
            expertsPerToken: perToken, groups: groups, groupsKept: groupsKept, hasSharedExpert: shared > 0,
            normalises: normalises, interleaved: interleaved, scale: 1.5, theta: 500, epsilon: 1e-5)
    }
}
