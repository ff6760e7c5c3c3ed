internal import ArgumentParser
internal import FoundationEssentials
internal import Glibc
internal import Launching
internal import Model
internal import NodeRuntime

/// `softpod verify --model`: perplexity, top-1 and agreement with float32 over a text.
struct ModelScore {
    let command: VerifyCommand
    let folder: String

    /// What golden.json beside a model says about its held-out text.
    private struct Golden: Decodable {
        struct Perplexity: Decodable {
            var text: String
            var value: Double
        }
        var perplexity: Perplexity
    }

    func run() throws {
        let opened = try OpenedModel(folder: folder)
        let golden = readGolden(opened)
        let text = try command.score.text.map(Self.readText) ?? golden?.text
        guard let text else {
            throw UsageError("\(folder) has no golden.json with a held-out text; give one with --text FILE")
        }
        let tokens = opened.tokenizer.encode(text)
        guard tokens.count >= 2 else { throw UsageError("a text of \(tokens.count) tokens predicts nothing") }
        let window = min(command.score.window, opened.configuration.maximumPositions)
        let placement = try command.place.place(
            opened, dies: command.cluster.dies, rowLimit: window, textLimit: window, requests: 1,
            integrity: command.cluster.integrity)
        let plan = ScoreWorkload.Plan(
            model: try command.place.plan(opened, placement), tokens: tokens, window: window)
        // Two models are placed, one in float32; the larger need counts twice.
        let bytes = try [Precision.float32, command.place.precision].map {
            try placement.windowByteCount(opened.configuration, $0)
        }.reduce(0, +)
        let configuration = try command.cluster.configuration(
            workload: ScoreWorkload.self, payload: Array(try JSONEncoder().encode(plan)), windowByteCount: bytes,
            files: opened.paths)
        let outcome = try Failure.launch(configuration)
        try Failure.check(outcome)
        let results = try RunResults.all(ScoreWorkload.Result.self, of: outcome)
        guard results.contains(where: { $0.tokens > 0 }) else {
            throw InputError(.software, "no rank has scored a token of \(tokens.count)")
        }
        report(results, outcome, placement, golden: command.score.text == nil ? golden?.perplexity : nil, window)
    }

    private func report(
        _ results: [ScoreWorkload.Result], _ outcome: ClusterOutcome, _ placement: ModelPlacement, golden: Double?,
        _ window: Int
    ) {
        let count = Double(results.map(\.tokens).reduce(0, +))
        let perplexity = exp(results.map(\.lossSum).reduce(0, +) / count)
        let float32 = exp(results.map(\.float32LossSum).reduce(0, +) / count)
        var row = RunFacts(cluster: command.cluster, outcome: outcome).row
        row.append("precision", .text(command.place.precision.rawValue))
        row.append("attention", .text(placement.attention.rawValue))
        row.append("ep", .integer(placement.expertParallel))
        row.append("variant", .text(command.place.variant))
        row.append("tokens", .integer(Int(count)))
        row.append("window", .integer(window))
        row.append("perplexity", .number(perplexity))
        row.append("perplexityFloat32", .number(float32))
        row.append("perplexityGolden", golden.map { .number($0) } ?? .absent)
        row.append("top1", .number(results.map(\.hits).reduce(0, +) / count))
        row.append("agreementWithFloat32", .number(results.map(\.agreeing).reduce(0, +) / count))
        row.append("seconds", .number(Double(outcome.totalNanoseconds) / 1e9))
        Report(json: command.json).facts(row, title: "model against text (measured)")
    }

    private func readGolden(_ opened: OpenedModel) -> (text: String, perplexity: Double)? {
        // A model without golden figures, or with others, is an ordinary one: then a text must be given.
        guard let data = FileManager.default.contents(atPath: opened.folder + "/golden.json"),
            let golden = try? JSONDecoder().decode(Golden.self, from: data)  // no golden figures: a text is needed
        else { return nil }
        return (golden.perplexity.text, golden.perplexity.value)
    }

    private static func readText(_ path: String) throws -> String {
        guard let data = FileManager.default.contents(atPath: path) else {
            throw InputError(.noInput, "\(path): cannot be read")
        }
        guard data.count <= 64 << 20 else { throw InputError(.data, "\(path): more than 64 MiB of text") }
        guard let text = String(validating: data, as: UTF8.self) else {
            throw InputError(.data, "\(path): is not UTF-8")
        }
        return text
    }
}
