import Foundation
import TestKit
import Testing

extension Commands {
    /// What people and files get wrong: one line that says what, a code from 64 to 78, no trap, nothing started.
    @Suite("Wrong input")
    struct InputTests {
        private func refuse(
            _ arguments: [String], setup: String = ":", code: Int32? = nil, naming text: String = "",
            usage: Bool = false, from location: SourceLocation = #_sourceLocation
        ) throws {
            let end = try ClusterUnderTest(arguments, setup: setup).end()
            let lines = end.messages.filter { !$0.contains("processes x") }
            #expect(
                end.code.map { (64...78).contains($0) } == true, "\(end.code ?? -1): \(lines)", sourceLocation: location
            )
            if let code { #expect(end.code == code, "\(lines)", sourceLocation: location) }
            #expect(lines.first?.contains(text) == true, "\(lines)", sourceLocation: location)
            // The parser of the command line adds its usage lines.
            if !usage { #expect(lines.count == 1, "\(lines)", sourceLocation: location) }
            #expect(!lines.contains { $0.contains("Fatal error") }, "\(lines)", sourceLocation: location)
            #expect(end.output == "", sourceLocation: location)
            #expect(end.leftovers == [], sourceLocation: location)
        }

        private func generate(_ options: [String], model: String = ClusterUnderTest.austen) -> [String] {
            ["generate", "--model", model, "--max-tokens", "1", "--dies", "2"] + options
        }

        @Test(
            "The command line",
            arguments: [
                (["run", "--bogus", "smoke"], "Unknown option '--bogus'"), (["dance"], "dance"), (["run"], "workload"),
                (["run", "--dies", "0", "smoke"], "--dies must be 1 to 4096, not 0"),
                (["run", "--dies", "-1", "smoke"], "--dies"), (["run", "--dies", "many", "smoke"], "many"),
                (["run", "--dies", "99999999999999999999", "smoke"], "99999999999999999999"),
                (["run", "--dies", "4", "--dies-per-process", "5", "smoke"], "--dies-per-process must be 1 to"),
                (["run", "--deadline", "nan", "smoke"], "--deadline"),
                (["run", "--deadline", "-1", "smoke"], "--deadline"),
                (["run", "--window-bytes", "1X", "smoke"], "1X"),
                (["run", "--window-bytes", "1", "smoke"], "--window-bytes must be at least"),
                (["run", "--window-bytes", "9223372036854775807G", "smoke"], "9223372036854775807G"),
                (["generate"], "--model"), (["generate", "--model", "x", "--precision", "int3"], "float32"),
                (["generate", "--model", "x", "--attention", "all"], "kv-shards"),
                (["generate", "--model", "x", "--top-p", "0"], "--top-p"),
                (["generate", "--model", "x", "--temperature", "nan"], "--temperature"),
                (["generate", "--model", "x", "--max-tokens", "0"], "--max-tokens"),
                (["generate", "--model", "x", "--ep", "0"], "--ep"),
                (["generate", "--model", "x", "--variant", "v"], "--variant"),
                (["bench", "latency", "--repetitions", "1"], "--repetitions"),
                (["bench", "collectives", "--op", "allscatter"], "--op must be all or one of barrier"),
                (["bench", "collectives", "--algorithm", "fast"], "--algorithm must be all"),
                (["bench", "collectives", "--algorithm", "concurrent:2"], "--algorithm must be all"),
                (["bench", "collectives", "--fraction", "nan"], "--fraction must be 0 to 1"),
                (["bench", "collectives", "-b", "0"], "-b and -e must be from 1 to 4G"),
                (["bench", "collectives", "-b", "2K", "-e", "1K"], "-b not the larger"),
                (["bench", "collectives", "-e", "9223372036854775807"], "-b and -e must be"),
                (["bench", "collectives", "-f", "1"], "--step-factor must be 2"),
                (["bench", "collectives", "-n", "0"], "--iterations must be 1"),
                (["bench", "collectives", "-w", "-1"], "-w"),
                (["bench", "collectives", "-c", "2"], "--check must be 0 to 1"),
                (["bench", "collectives", "--repetitions", "2"], "--repetitions must be 3"),
                (["bench", "collectives", "--row-seconds", "nan"], "--row-seconds must be"),
                (["bench", "collectives", "--row-seconds", "3600"], "at most half of --deadline"),
                (["bench", "collectives", "--type", "float8"], "--type must be one of int8"),
                (["bench", "collectives", "--reduction", "mean"], "--reduction must be sum"),
                (["bench", "collectives", "--team", "columns"], "columns"),
                (["bench", "collectives", "--sweep-dies", "0"], "--sweep-dies must be 1 to 4096"),
                (["bench", "collectives", "--format", "xml"], "xml"),
                (["bench", "collectives", "--json", "--format", "osu"], "contradict each other"),
                (["bench", "collectives", "--gains", "--tune", "x"], "are two runs"),
                (["bench", "collectives", "--gains", "--format", "osu"], "formats table and json"),
                (["bench", "collectives", "--gains", "--choice"], "runs of their own"),
                (["bench", "collectives", "--tune", ""], "--tune needs"),
                (["verify", "--window", "0"], "--window"),
            ])
        func commandLine(arguments: [String], text: String) throws {
            try refuse(arguments, code: 64, naming: text, usage: true)
        }

        @Test(
            "Flags that do not fit each other or the model",
            arguments: [
                (["--dies", "4", "--ep", "3"], "EP 3 does not divide the 4 dies"),
                (["--dies", "6", "--ep", "6"], "EP 6 does not divide the model's 32 experts"),
                (["--prompt", ""], "prompt 1 is empty"),
                (["--max-tokens", "3000"], "longer than the model's 2048 positions"),
            ])
        func misfits(options: [String], text: String) throws { try refuse(generate(options), code: 64, naming: text) }

        @Test("Operations and algorithms that leave nothing to measure, and tables that cannot be written")
        func nothingToMeasure() throws {
            let bench = ["bench", "collectives", "--dies", "2"]
            try refuse(
                bench + ["--op", "sendreceive", "--algorithm", "cooperative"], code: 64,
                naming: "none of the algorithms")
            try refuse(bench + ["--gains", "--op", "barrier"], code: 64, naming: "none of the algorithms")
            try refuse(bench + ["--tune", "/nowhere/table"], code: 66, naming: "/nowhere/table: there is no folder")
            try refuse(bench + ["--tune", "/"], code: 66, naming: "is a folder")
        }

        @Test(
            "Tuning tables that are none, by flag and by variable",
            arguments: [
                ("", 65, "table:1: a tuning table starts with"), ("nonsense", 65, "table:1: "),
                ("softpod-tuning 1\\nbarrier any any any fast", 65, "table:2: algorithm must be"),
                ("softpod-tuning 1\\n\\377", 65, "table: not UTF-8"),
            ])
        func tuning(contents: String, code: Int32, text: String) throws {
            let setup = "cd $TMPDIR; printf '\(contents)' >table"
            try refuse(["info", "--tuning", "table"], setup: setup, code: code, naming: text)
            try refuse(generate(["--tuning", "table"]), setup: setup, code: code, naming: text)
            try refuse(
                ["bench", "collectives", "--dies", "2"], setup: setup + "; export SOFTPOD_TUNING=table", code: code,
                naming: text)
        }

        @Test("Kernels that there are not are refused, and each that the processor has gives the same text")
        func kernels() throws {
            for name in ["fast", "AVX2", "neon"] {
                try refuse(
                    generate([]), setup: "export SOFTPOD_KERNELS=\(name)", code: 64,
                    naming: "SOFTPOD_KERNELS=\(name): there are no such kernels; it may be portable")
            }
            let texts = try ["portable", ""].map { name in
                let end = try ClusterUnderTest(
                    [
                        "generate", "--model", ClusterUnderTest.austen, "--dies", "2", "--max-tokens", "6", "--json",
                        "--prompt", "It is", "--precision", "int8",
                    ], setup: "export SOFTPOD_KERNELS=\(name)"
                ).end()
                #expect(end.code == 0 && end.messages == [], "\(end.messages)")
                return try #require(end.outputLines.first)
            }
            #expect(texts[0] == texts[1])
        }

        @Test("Rates in the environment that are none")
        func rates() throws {
            for (contents, text) in [
                ("softpod-rates 1\\nhop 0", "SOFTPOD_RATES:line 2: hop is a number"),
                ("softpod-tuning 1", "SOFTPOD_RATES:line 1: rates start with"),
            ] {
                let setup = "export SOFTPOD_RATES=\"$(printf '\(contents)')\""
                try refuse(["info"], setup: setup, code: 65, naming: text)
                try refuse(["run", "--dies", "2", "smoke"], setup: setup, code: 65, naming: text)
            }
        }

        @Test(
            "A cache of rates that cannot be trusted is measured anew, and one that cannot be written is done without",
            arguments: [
                ("printf nonsense >$file", true), ("printf 'softpod-rates 1\\nhop 1' >$file", true),
                ("chmod 666 $file", true), ("rm $file; ln -s /dev/zero $file", true), (": >$file", true),
                ("rm $file; mkdir $file", false), ("rm $file; mkfifo -m 600 $file", true), ("chmod 600 $file", nil),
            ] as [(String, Bool?)])
        func ratesCache(spoil: String, isKept: Bool?) throws {
            let script = """
                unset SOFTPOD_RATES; "$1" info >first; file=$(echo $XDG_CACHE_HOME/softpod/rates-*)
                grep -q 'kept in' first || echo not kept >&2
                \(spoil)
                """
            let end = try ClusterUnderTest(["info", "--json"], setup: "cd $TMPDIR; " + script).end()
            #expect(end.code == 0, "\(end.messages)")
            // On a busy machine something may not be measurable; then nothing is kept, and nothing to be said of that.
            guard !end.messages.contains("not kept") else { return }
            let place = isKept == nil ? "\"ratesFrom\":\"/" : "\"ratesFrom\":\"measured now"
            #expect(end.output.replacing("\\/", with: "/").contains(place), "\(end.output)")
        }

        @Test("Tuning tables that are no files", arguments: ["/nowhere", "/", "/dev/zero"])
        func tuningFile(path: String) throws {
            try refuse(["info", "--tuning", path], code: 66, naming: path)
        }

        @Test(
            "Models that are not there, in whole or in part",
            arguments: ["config.json", "model.safetensors", "tokenizer.json"])
        func missing(name: String) throws {
            try refuse(generate([], model: "/nowhere"), code: 66, naming: "/nowhere")
            let model = try BrokenModel()
            try model.remove(name)
            try refuse(generate([], model: model.folder), code: 66, naming: model.folder + "/" + name)
            let folder = model.folder + "/" + name
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
            try refuse(generate([], model: model.folder), naming: folder)
        }

        @Test("Files that hold nothing, or no JSON", arguments: ["config.json", "model.safetensors", "tokenizer.json"])
        func noise(name: String) throws {
            for text in [
                "", "{", "[]", "null", String(repeating: "[", count: 100_000), "\u{0}\u{1}{}", "{\"a\":1e999999}",
            ] {
                let model = try BrokenModel()
                try model.replace(name, Data(text.utf8))
                try refuse(generate([], model: model.folder), code: 65, naming: model.folder + "/" + name)
            }
        }

        @Test("Weights that end too early", arguments: [7, 8, 1000, 1_000_000, 19_446_119])
        func truncated(byteCount: Int) throws {
            let model = try BrokenModel()
            let file = try Data(
                contentsOf: URL(fileURLWithPath: ClusterUnderTest.austen + "/model.safetensors"),
                options: .alwaysMapped)
            try model.replace("model.safetensors", Data(file.prefix(byteCount)))
            try refuse(generate([], model: model.folder), code: 65, naming: "model.safetensors")
        }

        /// A lie in the header of the weights.
        enum Lie: String, CaseIterable, Sendable {
            case overlap, outside, backwards, overflow, negative, fraction, type, unknownType, shape, rank, huge,
                missing
        }

        @Test("Weights that lie about themselves", arguments: Lie.allCases)
        func lying(lie: Lie) throws {
            let model = try BrokenModel()
            try model.header { tensors, name in
                let offsets = tensors[name]?["data_offsets"] as? [Int] ?? []
                let shape = tensors[name]?["shape"] as? [Int] ?? []
                switch lie {
                case .overlap: tensors[name]?["data_offsets"] = offsets.map { $0 - 64 }
                case .outside: tensors[name]?["data_offsets"] = offsets.map { $0 + 20_000_000 }
                case .backwards: tensors[name]?["data_offsets"] = Array(offsets.reversed())
                case .overflow: tensors[name]?["data_offsets"] = [Int.max - 100, Int.max]
                case .negative: tensors[name]?["data_offsets"] = [-1, (offsets.last ?? 0) - (offsets.first ?? 0) - 1]
                case .fraction: tensors[name]?["data_offsets"] = offsets.map { Double($0) + 0.5 }
                case .type: tensors[name]?["dtype"] = "F16"
                case .unknownType: tensors[name]?["dtype"] = "BF17"
                case .shape: tensors[name]?["shape"] = Array(shape.reversed())
                case .rank: tensors[name]?["shape"] = shape + [1]
                case .huge: tensors[name]?["shape"] = [1 << 32, 1 << 32]
                case .missing: tensors[name] = nil
                }
            }
            try refuse(generate([], model: model.folder), code: 65, naming: "model.safetensors")
        }

        @Test(
            "A configuration that cannot be",
            arguments: [
                ("\"hidden_size\": 256", "\"hidden_size\": 255"), ("\"hidden_size\": 256", "\"hidden_size\": -256"),
                ("\"hidden_size\": 256", "\"hidden_size\": 4611686018427387904"), ("\"n_group\": 4", "\"n_group\": 0"),
                ("\"n_group\": 4", "\"n_group\": 5"), ("\"num_hidden_layers\": 4", "\"num_hidden_layers\": 1000000000"),
                ("\"num_experts_per_tok\": 4", "\"num_experts_per_tok\": 33"),
                ("\"vocab_size\": 2048", "\"vocab_size\": 0"),
                ("\"rms_norm_eps\": 1e-06", "\"rms_norm_eps\": \"small\""),
                ("\"qk_rope_head_dim\": 32", "\"qk_rope_head_dim\": 31"),
            ])
        func configuration(old: String, new: String) throws {
            let model = try BrokenModel()
            try model.edit("config.json") { $0.replacingOccurrences(of: old, with: new) }
            try refuse(generate([], model: model.folder), code: 65, naming: model.folder)
        }

        @Test(
            "Prompts that are not JSON strings, one a line",
            arguments: [
                ("It was", ":1:"), ("\"a\"\\n[1]", ":2:"), ("\"a", ":1:"), ("", "holds no prompt"), ("\\377", ":1:"),
            ])
        func prompts(contents: String, text: String) throws {
            try refuse(
                generate(["--prompts", "prompts"]), setup: "cd $TMPDIR; printf '\(contents)' >prompts", code: 65,
                naming: "prompts" + (text.hasPrefix(":") ? text : ": " + text))
            try refuse(generate(["--prompts", "/nowhere"]), code: 66, naming: "/nowhere")
        }

        @Test("A text longer than the model's positions, and one that predicts nothing")
        func texts() throws {
            try refuse(
                generate(["--prompts", "prompts"]),
                setup: "cd $TMPDIR; { printf '\"'; yes word | head -n 3000 | tr '\\n' ' '; printf '\"'; } >prompts",
                code: 64, naming: "longer than the model's 2048 positions")
            let verify = ["verify", "--model", ClusterUnderTest.austen, "--dies", "2", "--text"]
            try refuse(verify + ["/nowhere"], code: 66, naming: "/nowhere")
            try refuse(verify + ["text"], setup: "cd $TMPDIR; : >text", code: 64, naming: "predicts nothing")
            try refuse(verify + ["text"], setup: "cd $TMPDIR; printf '\\377\\376' >text", code: 65, naming: "UTF-8")
        }
    }
}
