internal import ArgumentParser
internal import FoundationEssentials
internal import Launching
internal import Model
internal import NodeRuntime

/// Text from a model under faults, judged by the text of a run without: no token may differ, and one that ends as a success has them all.
struct ChaosText {
    private static let prompts = [
        GenerateCommand.defaultPrompt, "Elinor could not help", "She was", "\"My dear Mr. Bennet,\" said",
    ]
    private static let tokens = 24
    private static let rows = 16

    private let opened: OpenedModel
    private let payload: [UInt8]
    private let windowByteCount: Int
    /// The tokens of each request, undisturbed.
    private var reference: [[Int]] = []

    /// Opens the model, places it, and runs it once without faults.
    init(_ command: ChaosCommand) throws {
        guard let folder = command.model else { throw UsageError("--workload generate needs --model") }
        let opened = try OpenedModel(folder: folder)
        self.opened = opened
        // The usual placement; what else there is, generate --faults takes.
        let place = try PlacementOptions.parse([])
        let cluster = command.cluster
        let ids = Self.prompts.map { opened.tokenizer.encode($0) }
        let longest = (ids.map(\.count).max() ?? 0) + Self.tokens
        let placement = try place.place(
            opened, dies: cluster.dies, rowLimit: Self.rows, textLimit: longest, requests: ids.count,
            integrity: cluster.integrity)
        let plan = GenerateWorkload.Plan(
            model: try place.plan(opened, placement),
            requests: ids.map { GenerateWorkload.Plan.Request(prompt: $0, maximumTokens: Self.tokens) },
            temperature: 0, topP: 1, seed: 0, endTokens: [], survives: command.survival.survive)
        payload = Array(try JSONEncoder().encode(plan))
        windowByteCount = try placement.windowByteCount(opened.configuration, place.precision)
        var tokens = Tokens()
        let outcome = try Failure.launch(try configuration(cluster)) { tokens.take($0) }
        try Failure.check(outcome)
        HostSession.close()
        reference = tokens.all
    }

    /// What is run.
    func configuration(_ cluster: ClusterOptions) throws -> ClusterConfiguration {
        try cluster.configuration(
            workload: GenerateWorkload.self, payload: payload, windowByteCount: windowByteCount, files: opened.paths)
    }

    /// The tokens of a run, as they come.
    struct Tokens {
        fileprivate var all = [[Int]](repeating: [], count: ChaosText.prompts.count)

        mutating func take(_ event: ClusterEvent) {
            guard case .said(_, let bytes) = event, let token = TokenEvent(decoding: bytes),
                all.indices.contains(token.request)
            else { return }
            if token.index < all[token.request].count {
                // Chosen again by another die: the same, or one that differs from the reference.
                all[token.request][token.index] = token.token
            } else {
                all[token.request].append(token.token)
            }
        }
    }

    /// What each request came to.
    func outcomes(_ tokens: Tokens, _ outcome: ClusterOutcome) -> [ChaosJudge.Outcome] {
        reference.enumerated().map { number, wanted in
            let got = tokens.all[number]
            var result = ChaosJudge.Outcome(
                number: number, name: "request", verdict: "O1", detail: "all tokens as without faults")
            if let place = got.indices.first(where: { $0 >= wanted.count || got[$0] != wanted[$0] }) {
                result.verdict = "violation"
                result.detail =
                    "a silent wrong answer: token \(place) of request \(number) differs from the fault-free run's"
            } else if got.count < wanted.count {
                let isTold = outcome.status != .success
                result.verdict = isTold ? "O2" : "violation"
                result.detail =
                    "\(got.count) of \(wanted.count) tokens, all as without faults; "
                    + (isTold ? outcome.report ?? "no cause was reported" : "the run ended as a success")
            }
            return result
        }
    }
}
