import FoundationEssentials
import Model
import Testing

@Suite("Model configuration")
struct ConfigurationTests {
    /// The shipped configuration with some members replaced by JSON text; nil removes one.
    private static func text(_ changes: [String: String?]) throws -> [UInt8] {
        let file = SmallModel.directory + "/config.json"
        let lines = String(decoding: try Data(contentsOf: URL(filePath: file)), as: UTF8.self).split(separator: "\n")
        var changes = changes
        var members: [String] = []
        for line in lines where line.contains("\": ") {
            let key = String(line.split(separator: "\"")[1])
            let member = line.last == "," ? line.dropLast() : line
            if let change = changes.removeValue(forKey: key) {
                if let change { members.append("\"\(key)\": \(change)") }
            } else if member.last != "[" {
                members.append(String(member))
            }
        }
        for case (let key, let change?) in changes { members.append("\"\(key)\": \(change)") }
        return Array("{\(members.joined(separator: ",\n"))}".utf8)
    }

    private static func parse(_ changes: [String: String?]) throws -> ModelConfiguration {
        try ModelConfiguration(parsing: text(changes), file: "config.json")
    }

    @Test("the shipped file reads as its README says")
    func shippedFile() throws {
        let model = try SmallModel.configuration()
        #expect(model.vocabularySize == 2048 && model.hiddenWidth == 256 && model.denseWidth == 512)
        #expect(model.layerCount == 4 && model.denseLayerCount == 1 && model.predictionLayerCount == 1)
        #expect(model.headCount == 8 && model.queryRank == 192 && model.latentRank == 128 && model.cacheWidth == 160)
        #expect(model.expertCount == 32 && model.groupCount == 4 && model.groupsPerToken == 2)
        #expect(model.expertsPerToken == 4 && model.sharedExpertCount == 1 && model.routedScale == 2.5)
        #expect(model.softmaxScale == 0.125 && model.endTokens == [1] && model.beginToken == 0)
        #expect(model.rotary.isInterleaved && model.rotary.theta == 10000 && model.rotary.yarn == nil)
    }

    @Test("DeepSeek-V3's YaRN gives the published figures")
    func yarn() throws {
        // YaRN (arXiv 2309.00071) with the published factors: correction dimensions 10 and 23, softmax factor 1.8738542, cosine factor 1.
        let model = try Self.parse([
            "qk_rope_head_dim": "64", "qk_nope_head_dim": "128",
            "rope_scaling": """
            {"type": "yarn", "factor": 40, "original_max_position_embeddings": 4096, "beta_fast": 32, "beta_slow": 1,
             "mscale": 1.0, "mscale_all_dim": 1.0}
            """,
        ])
        #expect(abs(model.softmaxScale - 0.1352338) < 1e-7)
        #expect(abs(model.rotary.softmaxFactor - 1.8738542) < 1e-7)
        #expect(model.rotary.attentionFactor == 1)
        let frequencies = model.rotary.frequencies
        var plain = model.rotary
        plain.yarn = nil
        for index in 0...10 { #expect(frequencies[index] == plain.frequencies[index]) }
        for index in 23..<32 { #expect(abs(frequencies[index] * 40 / plain.frequencies[index] - 1) < 1e-12) }
        #expect(frequencies[16] < plain.frequencies[16] && frequencies[16] > plain.frequencies[16] / 40)
    }

    @Test("the new spelling of the rotation reads like the old one")
    func ropeParameters() throws {
        let old = try Self.parse(["rope_theta": "50000.0"])
        let new = try Self.parse([
            "rope_theta": nil, "rope_parameters": "{\"rope_theta\": 50000.0, \"rope_type\": \"default\"}",
        ])
        #expect(old == new)
    }

    @Test("a model without query compression reads")
    func plainQueries() throws {
        #expect(try Self.parse(["q_lora_rank": "null"]).queryRank == nil)
    }

    @Test(
        "a value that is out of range, inconsistent or unsupported is refused with its key",
        arguments: [
            ("hidden_size", "0"), ("hidden_size", "-5"), ("hidden_size", "1e3"), ("hidden_size", "\"256\""),
            ("hidden_size", "18446744073709551617"), ("hidden_size", nil), ("num_hidden_layers", "1025"),
            ("num_attention_heads", "true"), ("num_key_value_heads", "4"), ("n_group", "5"), ("n_group", "32"),
            ("topk_group", "5"), ("num_experts_per_tok", "17"), ("qk_rope_head_dim", "31"), ("hidden_act", "\"gelu\""),
            ("scoring_func", "\"softmax\""), ("topk_method", "\"greedy\""), ("attention_bias", "true"),
            ("rope_theta", "0"), ("rms_norm_eps", "-1"), ("eos_token_id", "[1, 2048]"),
            ("model_type", "\"llama\""), ("quantization_config", "{\"quant_method\": \"fp8\"}"),
            ("routed_scaling_factor", "0"), ("moe_layer_freq", "2"), ("vocab_size", "16777217"),
        ] as [(String, String?)])
    func refused(key: String, value: String?) throws {
        let error = #expect(throws: ModelFileError.self) { try Self.parse([key: value]) }
        #expect(error.map { $0.description.contains(key) } == true, "\(String(describing: error))")
    }

    @Test("scalings other than none and YaRN are refused")
    func otherScalings() throws {
        let error = #expect(throws: ModelFileError.self) {
            try Self.parse(["rope_scaling": "{\"rope_type\": \"longrope\", \"factor\": 2}"])
        }
        #expect(error?.place == "rope_scaling.rope_type")
    }

    @Test(
        "texts that are not JSON objects are refused with the byte",
        arguments: [
            "", "[]", "{", "{\"a\":1,}", "{\"a\":01}", "{\"a\":1} x", "{\"a\":1,\"a\":2}", "{\"a\":\"\\ud800\"}",
            "{\"a\":\"\u{1}\"}",
            "{\"a\":nul}", "{'a':1}", "{\"a\":\"\\x\"}", "{\"a\":.5}", "{\"a\":1e}", "{\"a\":1e999}",
            String(repeating: "[", count: 100_000),
        ])
    func notJSON(text: String) {
        #expect(throws: ModelFileError.self) { try ModelConfiguration(parsing: Array(text.utf8), file: "config.json") }
    }

    @Test("bytes that are not UTF-8 are refused")
    func notUTF8() {
        #expect(throws: ModelFileError.self) {
            try ModelConfiguration(parsing: Array("{\"a\":\"".utf8) + [0xFF] + Array("\"}".utf8), file: "config.json")
        }
    }

    @Test("a missing file, a directory and a message with control characters stay one line")
    func messages() throws {
        let missing = #expect(throws: ModelFileError.self) { try ModelConfiguration(file: "/nowhere/config.json") }
        #expect(missing?.description.contains("No such file") == true)
        let folder = #expect(throws: ModelFileError.self) { try ModelConfiguration(file: SmallModel.directory) }
        #expect(folder?.description.contains("not a regular file") == true)
        let hostile = ModelFileError(file: "a", place: "x\n\u{1B}[31m\u{202E}", rule: "r")
        #expect(hostile.description == "a: x??[31m?: r")
    }
}
