/// Texts that are understood, for mutations to start from.
enum FuzzTexts {
    static let topology = """
        format: softpod-topology/1
        name: laptop2
        supernode: {servers: 1, npusPerServer: 1, diesPerNPU: 2}
        memory: {perDie: 64 GB, bandwidthPerDie: 1.6 TB/s}
        planes:
          - kind: UB  # scale-up
            bandwidthPerDie: 196 GB/s
            bandwidthPerServer: 392 GB/s
            fabric: {subPlanes: 7, linkBandwidth: 28 GB/s}
          - {kind: RDMA, bandwidthPerDie: 200 Gb/s, bandwidthPerServer: 400 Gb/s}
          - kind: VPC
            bandwidthPerServer: 400 Gb/s
        paths:
          - {to: npu, tier: package, operation: read, bandwidth: 270 GB/s, latency: 0.2 us}
          - {to: cpu, tier: server, operation: write, bandwidth: 110 GB/s, latency: 1.1 us}
        hosts:
          - {name: "*", servers: 0}

        """

    static let cluster = """
        format: softpod-cluster/1
        name: demo
        topology: four.yaml
        diesPerProcess: 2
        deadlines: {wait: 30 s, start: 2 min}
        keyFile: keys/demo.key
        hosts:
          - {name: h0, address: 10.77.0.1, port: 7000, dies: 16}
          - {name: "h[1-2]", npus: 8}
          - name: h3
            dies: 4

        """

    static let faultPlan = """
        format: softpod-faults/1
        name: many
        promise: [O1, O2]
        faults:
          - {kind: kill, rank: 3, at: {point: combine.flag, peer: 1, entry: 7}}
          - {kind: pause, rank: any, within: 500 ms, for: 200 ms}
          - {kind: store, rank: any, at: {access: signal, tier: npu}, word: flag, value: bit}
          - {kind: slow, rank: 0, after: 1 s, share: 10, for: 2 s}

        """

    static let history = """
        begin - epoch=0 rank=0 ranks=2
        dispatch - call=1 choices=1 chosen=1,0 digest=11,12 exchange=1 experts=2 limit=2 members=0,1
        flag - call=1 count=1 epoch=0 exchange=1 members=0,1 peer=1 phase=0
        seen - call=1 count=1 epoch=0 exchange=1 members=0,1 peer=0 phase=0
        received - call=1 choice=0 digest=12 exchange=1 expert=0 members=0,1 source=0 token=1
        combine - answers=1065353216,1073741824 call=1 exchange=1 members=0,1 narrow=0 weights=1056964608,1 width=2
        combined - call=1 digest=5 exchange=1 members=0,1 sums=1,2,3,4
        collective 3 members=0,1 number=1
        failed timedOut call=2 epoch=0 exchange=1 members=0,1 peers=1 phase=0
        end -

        """

    static let hostfile = """
        # two styles
        h0 slots=4 max-slots=8
        h1:4        # Hydra
        n[01-03] slots=2
        last

        """

    static let configuration = """
        {"architectures": ["DeepseekV3ForCausalLM"], "model_type": "deepseek_v3", "vocab_size": 2048,
         "hidden_size": 256, "intermediate_size": 512, "moe_intermediate_size": 64, "num_hidden_layers": 4,
         "num_nextn_predict_layers": 1, "num_attention_heads": 8, "num_key_value_heads": 8, "n_shared_experts": 1,
         "n_routed_experts": 32, "num_experts_per_tok": 4, "n_group": 4, "topk_group": 2, "norm_topk_prob": true,
         "routed_scaling_factor": 2.5, "first_k_dense_replace": 1, "q_lora_rank": 192, "kv_lora_rank": 128,
         "qk_nope_head_dim": 32, "qk_rope_head_dim": 32, "v_head_dim": 32, "rope_interleave": true,
         "rope_theta": 10000.0, "rope_scaling": {"type": "yarn", "factor": 40, "mscale": 1.0, "mscale_all_dim": 1.0,
         "original_max_position_embeddings": 4096, "beta_fast": 32, "beta_slow": 1}, "rms_norm_eps": 1e-06,
         "hidden_act": "silu", "attention_bias": false, "max_position_embeddings": 2048, "bos_token_id": 0,
         "eos_token_id": [1, 5], "scoring_func": "sigmoid", "topk_method": "noaux_tc"}
        """

    static let safetensors = """
        {"__metadata__":{"format":"pt"},"b":{"dtype":"BF16","shape":[2,2],"data_offsets":[1,9]},\
        "a":{"dtype":"U8","shape":[],"data_offsets":[0,1]},"c":{"dtype":"F32","shape":[0,7],"data_offsets":[9,9]}}
        """

    static let tuning = """
        softpod-tuning 1
        # operation  bytes  members  cores   algorithm
        allreduce    64K    any      own     concurrent:0.4
        any          any    any      any     cooperative
        allgather    1M     16       shared  push

        """

    static let prompts = "\"It was a dark night\"\n\n\"caf\\u00e9 \\ud83d\\ude00\"\n\"<|endoftext|>\"\n"

    /// A tokenizer of bytes with a few merges.
    static let tokenizer: String = {
        var names: [String] = []
        var next: UInt32 = 256
        for byte in UInt32(0)..<256 {
            let isShown = (33...126).contains(byte) || (161...172).contains(byte) || (174...255).contains(byte)
            let code = isShown ? byte : next
            if !isShown { next += 1 }
            let text = Unicode.Scalar(code).map { String(Character($0)) } ?? ""
            names.append(text == "\"" || text == "\\" ? "\\" + text : text)
        }
        names += ["th", "the", "Ġt"]
        let vocabulary = names.enumerated().map { "\"\($1)\":\($0)" }.joined(separator: ",")
        return """
            {"version":"1.0","added_tokens":[{"id":259,"content":"<|endoftext|>","special":true},
            {"id":260,"content":"<|x|>","special":false}],"normalizer":null,
            "pre_tokenizer":{"type":"ByteLevel","add_prefix_space":false,"use_regex":true},
            "decoder":{"type":"ByteLevel"},"model":{"type":"BPE","merges":["t h",["th","e"],"Ġ t"],"vocab":{\(vocabulary)}}}
            """
    }()
}
