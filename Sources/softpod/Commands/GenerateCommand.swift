internal import ArgumentParser
internal import Fabric
internal import FoundationEssentials
internal import Launching
internal import Model
internal import NodeRuntime
internal import SharedMemory

/// Generates text from a model on a cluster.
struct GenerateCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "generate", abstract: "Continue prompts with a model that lies over a whole cluster.",
        discussion: """
            Text is streamed as it comes, then a summary says how fast it was, what moved, which experts were asked, and \
            who ran where. With --json one object a request (prompt, promptIds, ids, text) and a last one with the summary. \
            What no die has reported, as after a signal, is "-", and null in JSON. Logits that are not finite end the run \
            with exit code 65, naming the request (from 0) and the position.
            """)

    static let defaultPrompt = "It was a truth universally"

    @Option(help: ArgumentHelp("Folder with config.json, model.safetensors and tokenizer.json.", valueName: "folder"))
    var model: String
    @OptionGroup var place: PlacementOptions
    @OptionGroup var cluster: ClusterOptions
    @OptionGroup(title: "Options for faults") var faults: FaultOptions
    @OptionGroup(title: "Options for going on without lost ranks") var survival: SurvivalOptions
    @Option(help: "The most rows of a step: a die's with data, all dies' together with kv-shards.")
    var batchRows = 32
    @Option(help: ArgumentHelp("A text to continue; may be given several times.", valueName: "text"))
    var prompt: [String] = []
    @Option(help: ArgumentHelp("A file of prompts, one JSON string a line.", valueName: "file"))
    var prompts: String?
    @Option(help: "The most tokens to add to each prompt.") var maxTokens = 64
    @Option(help: "0 takes the likeliest token; up to 100.") var temperature = 0.0
    @Option(help: "Draw from the likeliest tokens that make up this share; above 0, at most 1.") var topP = 1.0
    @Option(help: "Decides the draws; the same seed gives the same text on every layout.") var seed: UInt64 = 0
    @Flag(help: "Go on after the model's end token.") var ignoreEnd = false
    @Flag(help: "JSON objects instead of text.") var json = false

    func validate() throws {
        guard (1...4096).contains(batchRows) else {
            throw ValidationError("--batch-rows must be 1 to 4096, not \(batchRows).")
        }
        guard (1...1_000_000).contains(maxTokens) else {
            throw ValidationError("--max-tokens must be 1 to 1000000, not \(maxTokens).")
        }
        guard (0...100).contains(temperature) else {
            throw ValidationError("--temperature must be 0 to 100, not \(temperature).")
        }
        guard topP > 0, topP <= 1 else { throw ValidationError("--top-p must be above 0 and at most 1, not \(topP).") }
    }

    func run() throws { try Failure.guarded(cluster, generate) }

    private func generate() throws {
        let opened = try OpenedModel(folder: model)
        let texts = try PromptFile.read(prompts) + prompt
        let chosen = texts.isEmpty ? [Self.defaultPrompt] : texts
        let ids = try chosen.enumerated().map { index, text in
            let ids = opened.tokenizer.encode(text)
            guard !ids.isEmpty else { throw UsageError("prompt \(index + 1) is empty") }
            return ids
        }
        let longest = (ids.map(\.count).max() ?? 0) + maxTokens
        let each = place.attention == .data ? (ids.count + cluster.dies - 1) / cluster.dies : ids.count
        let placement = try place.place(
            opened, dies: cluster.dies, rowLimit: batchRows, textLimit: longest, requests: min(each, batchRows),
            integrity: cluster.integrity)
        let plan = GenerateWorkload.Plan(
            model: try place.plan(opened, placement),
            requests: ids.map { GenerateWorkload.Plan.Request(prompt: $0, maximumTokens: maxTokens) },
            temperature: temperature, topP: topP, seed: seed,
            endTokens: ignoreEnd ? [] : opened.configuration.endTokens, survives: survival.survive)
        var configuration = try cluster.configuration(
            workload: GenerateWorkload.self, payload: Array(try JSONEncoder().encode(plan)),
            windowByteCount: try windowByteCount(opened, placement, requests: ids.count), files: opened.paths)
        let printer = TokenPrinter(prompts: chosen, ids: ids, tokenizer: opened.tokenizer, report: Report(json: json))
        if !json { Report.remark(introduction(opened, placement, configuration)) }
        try faults.apply(to: &configuration)
        try survival.apply(to: &configuration)
        var lost: Set<Int> = []
        let outcome = try Failure.launch(configuration) { event in
            faults.tell(event)
            if case .said(_, let bytes) = event, let token = TokenEvent(decoding: bytes) { printer.take(token) }
            if case .lost(_, let ranks, _) = event { lost.formUnion(ranks) }
        }
        printer.finish()
        GenerationSummary(
            command: self, outcome: outcome, placement: placement, printed: printer,
            experts: opened.configuration.expertCount, lost: lost.sorted()
        ).print(Report(json: json))
        try Failure.check(outcome)
        if printer.contradictions > 0 {
            throw WrongResult.told(
                ["\(printer.contradictions) tokens were chosen again after a loss, and differ"], replay: [])
        }
    }

    /// Bytes of each die's window: with --survive enough for any number of dies that are left.
    private func windowByteCount(_ opened: OpenedModel, _ placement: ModelPlacement, requests: Int) throws -> Int {
        let all = try placement.windowByteCount(opened.configuration, place.precision)
        guard survival.survive else { return all }
        return try (1..<placement.dieCount + 1).reduce(all) { most, dies in
            let left = placement.left(dies: dies, opened.configuration, requests: requests)
            return max(
                most,
                try left.windowByteCount(opened.configuration, place.precision)
                    + Endpoint.reservedByteCount(dies: placement.dieCount))
        }
    }

    private func introduction(
        _ opened: OpenedModel, _ placement: ModelPlacement, _ configuration: ClusterConfiguration
    ) -> String {
        let processes = (cluster.dies + cluster.diesPerProcess - 1) / cluster.diesPerProcess
        return """
            \(cluster.dies) dies (\(processes) processes x \(cluster.diesPerProcess)) on \(WaitPolicy.usableCores) cores; \
            attention \(placement.attention.rawValue), EP \(placement.expertParallel), \(place.precision), \
            \(place.variant), seed \(seed)
            """
    }
}

/// The prompts of a file, one JSON string a line; empty lines are passed over.
enum PromptFile {
    static func read(_ path: String?) throws -> [String] {
        guard let path else { return [] }
        guard let data = FileManager.default.contents(atPath: path) else {
            throw InputError(.noInput, "\(path): cannot be read")
        }
        guard data.count <= 64 << 20 else { throw InputError(.data, "\(path): more than 64 MiB of prompts") }
        do { return try PromptText.parse(Array(data), file: path) } catch {
            throw InputError(.data, error.description)
        }
    }
}
