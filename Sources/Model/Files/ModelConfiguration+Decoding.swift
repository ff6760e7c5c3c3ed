internal import StrictJSON

extension ModelConfiguration {
    /// Reads and checks a `config.json`.
    ///
    /// - Throws: ``ModelFileError`` with the key and the rule it breaks: a number out of range, sizes that do not go
    ///   together, or a feature of the family that is not supported.
    public init(file: String) throws(ModelFileError) {
        try self.init(JSONFile.read(file, maximumByteCount: 1 << 24))
    }

    /// Checks the text of a `config.json`; `file` is its name for messages.
    public init(parsing text: [UInt8], file: String) throws(ModelFileError) {
        try self.init(JSONFile.parse(text, file: file))
    }

    private init(_ json: JSONFile) throws(ModelFileError) {
        try Self.refuseUnsupported(json)
        let width = 1...(1 << 20)
        vocabularySize = try json.integer("vocab_size", 1...(1 << 24))
        hiddenWidth = try json.integer("hidden_size", width)
        denseWidth = try json.integer("intermediate_size", width)
        layerCount = try json.integer("num_hidden_layers", 1...1024)
        denseLayerCount = min(layerCount, try json.integer("first_k_dense_replace", 0...1024))
        predictionLayerCount = try json.integer("num_nextn_predict_layers", 0...16, default: 0)
        headCount = try json.integer("num_attention_heads", 1...4096)
        queryRank = json.present("q_lora_rank") == nil ? nil : try json.integer("q_lora_rank", 1...65536)
        latentRank = try json.integer("kv_lora_rank", 1...65536)
        nopeWidth = try json.integer("qk_nope_head_dim", 1...8192)
        ropeWidth = try json.integer("qk_rope_head_dim", 2...8192)
        valueWidth = try json.integer("v_head_dim", 1...8192)
        normEpsilon = try json.number("rms_norm_eps", 0...1)
        maximumPositions = try json.integer("max_position_embeddings", 1...(1 << 30), default: 4096)
        tiesEmbeddings = try json.bool("tie_word_embeddings", default: false)
        normalisesWeights = try json.bool("norm_topk_prob", default: true)
        routedScale = try json.number("routed_scaling_factor", 1e-6...1e6, default: 1)
        let isSparse = denseLayerCount < layerCount || predictionLayerCount > 0
        expertCount = isSparse ? try json.integer("n_routed_experts", 1...65536) : 0
        expertWidth = isSparse ? try json.integer("moe_intermediate_size", width) : 0
        sharedExpertCount = isSparse ? try json.integer("n_shared_experts", 0...64, default: 0) : 0
        expertsPerToken = isSparse ? try json.integer("num_experts_per_tok", 1...64) : 0
        groupCount = isSparse ? try json.integer("n_group", 1...4096, default: 1) : 1
        groupsPerToken = isSparse ? try json.integer("topk_group", 1...groupCount, default: 1) : 1
        rotary = try RotaryConfiguration(json, width: ropeWidth, maximumPositions: maximumPositions)
        beginToken =
            json.present("bos_token_id") == nil ? nil : try json.integer("bos_token_id", 0...(vocabularySize - 1))
        endTokens = try Self.endTokens(json, vocabularySize: vocabularySize)
        try checkTogether(json)
    }

    private static func endTokens(_ json: JSONFile, vocabularySize: Int) throws(ModelFileError) -> [Int] {
        guard let value = json.present("eos_token_id") else { return [] }
        var list = [value]
        if case .array(let several) = value { list = several }
        var tokens: [Int] = []
        for item in list {
            guard case .integer(let token) = item, (0..<vocabularySize).contains(token) else {
                throw json.error("eos_token_id", "must be a token, or a list of tokens, below vocab_size")
            }
            tokens.append(token)
        }
        return tokens
    }

    private func checkTogether(_ json: JSONFile) throws(ModelFileError) {
        guard ropeWidth.isMultiple(of: 2) else { throw json.error("qk_rope_head_dim", "must be even") }
        let keyHeads = try json.integer("num_key_value_heads", 1...4096, default: headCount)
        guard keyHeads == headCount else {
            throw json.error("num_key_value_heads", "must equal num_attention_heads, as latent attention has it")
        }
        // The largest weight is heads · width · rank; everything smaller then fits as well.
        let limit = 1 << 36
        let headWidth = max(queryWidth, nopeWidth + valueWidth)
        let rank = max(queryRank ?? hiddenWidth, latentRank, hiddenWidth)
        guard headCount * headWidth <= limit / rank else {
            throw json.error("num_attention_heads", "the attention weights would have more than 2^36 elements")
        }
        guard max(vocabularySize, denseWidth, expertWidth * max(1, sharedExpertCount)) <= limit / hiddenWidth else {
            throw json.error("hidden_size", "a weight would have more than 2^36 elements")
        }
        guard expertCount > 0 else { return }
        guard expertCount.isMultiple(of: groupCount) else {
            throw json.error("n_group", "must divide n_routed_experts, \(expertCount)")
        }
        let groupSize = expertCount / groupCount
        guard groupCount == 1 || groupSize >= 2 else {
            throw json.error("n_group", "a group must have two experts or more, as its score sums the two best")
        }
        guard expertsPerToken <= groupsPerToken * groupSize else {
            throw json.error(
                "num_experts_per_tok", "must be at most topk_group · experts a group, \(groupsPerToken * groupSize)")
        }
    }

    private static func refuseUnsupported(_ json: JSONFile) throws(ModelFileError) {
        try json.require("model_type", oneOf: ["deepseek_v3"])
        try json.require("hidden_act", oneOf: ["silu"])
        try json.require("scoring_func", oneOf: ["sigmoid"])
        try json.require("topk_method", oneOf: ["noaux_tc"])
        try json.require("attention_bias", false)
        try json.require("mlp_bias", false)
        guard try json.integer("moe_layer_freq", 1...1024, default: 1) == 1 else {
            throw json.error("moe_layer_freq", "must be 1: every layer after the dense ones has experts")
        }
        guard json.present("quantization_config") == nil else {
            throw json.error("quantization_config", "quantised checkpoints are not supported; convert to bfloat16")
        }
    }
}
