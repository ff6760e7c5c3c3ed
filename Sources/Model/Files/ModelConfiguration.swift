/// The sizes and switches of a DeepSeek-V3-architecture model, as its `config.json` gives them.
///
/// Every number was checked against a range and against the others, so code that uses them need not fear overflow. Names
/// follow what they count; the comment gives the key of the public implementation.
public struct ModelConfiguration: Sendable, Equatable {
    /// Tokens in the vocabulary (`vocab_size`).
    public var vocabularySize: Int
    /// Width of the residual stream (`hidden_size`).
    public var hiddenWidth: Int
    /// Width between the projections of a dense feed-forward layer (`intermediate_size`).
    public var denseWidth: Int
    /// The same for one expert (`moe_intermediate_size`).
    public var expertWidth: Int
    /// Decoder layers, without the multi-token-prediction layers (`num_hidden_layers`).
    public var layerCount: Int
    /// Layers at the start that have a dense feed-forward (`first_k_dense_replace`).
    public var denseLayerCount: Int
    /// Multi-token-prediction layers after the last decoder layer (`num_nextn_predict_layers`).
    public var predictionLayerCount: Int
    /// Attention heads (`num_attention_heads`).
    public var headCount: Int
    /// Width of the compressed query, nil where queries are not compressed (`q_lora_rank`).
    public var queryRank: Int?
    /// Width of the compressed keys and values (`kv_lora_rank`).
    public var latentRank: Int
    /// Width of a head's part without rotation (`qk_nope_head_dim`).
    public var nopeWidth: Int
    /// Width of the rotated part, shared by all heads on the key side (`qk_rope_head_dim`).
    public var ropeWidth: Int
    /// Width of a head's value (`v_head_dim`).
    public var valueWidth: Int
    /// Routed experts a layer (`n_routed_experts`).
    public var expertCount: Int
    /// Shared experts a layer; they form one feed-forward of their joint width (`n_shared_experts`).
    public var sharedExpertCount: Int
    /// Routed experts a token goes to (`num_experts_per_tok`).
    public var expertsPerToken: Int
    /// Groups of experts (`n_group`).
    public var groupCount: Int
    /// Groups a token may choose from (`topk_group`).
    public var groupsPerToken: Int
    /// Whether a token's expert weights are divided by their sum (`norm_topk_prob`).
    public var normalisesWeights: Bool
    /// What the expert weights are multiplied by (`routed_scaling_factor`).
    public var routedScale: Double
    /// Rotation of positions.
    public var rotary: RotaryConfiguration
    /// Added to the mean square in every norm (`rms_norm_eps`).
    public var normEpsilon: Double
    /// Positions the model was made for (`max_position_embeddings`).
    public var maximumPositions: Int
    /// Whether the output layer is the embedding (`tie_word_embeddings`).
    public var tiesEmbeddings: Bool
    /// The token that begins a text, if there is one (`bos_token_id`).
    public var beginToken: Int?
    /// The tokens that end a text (`eos_token_id`, a number or a list).
    public var endTokens: [Int]

    /// Width of a cache row: the compressed part and the rotated part.
    public var cacheWidth: Int { latentRank + ropeWidth }
    /// Width of a head's query: without rotation, then rotated.
    public var queryWidth: Int { nopeWidth + ropeWidth }
    /// What logits of the attention are multiplied by, the YaRN factor included.
    public var softmaxScale: Double { rotary.softmaxFactor / Double(queryWidth).squareRoot() }

    /// Whether decoder layer `layer` has routed experts.
    public func isSparse(layer: Int) -> Bool { layer >= denseLayerCount && expertCount > 0 }
}
