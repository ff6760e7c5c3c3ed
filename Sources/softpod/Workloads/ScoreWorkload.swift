internal import Fabric
internal import FoundationEssentials
internal import Model
internal import NodeRuntime

/// Reads a text with a model and counts how well it is predicted, in one precision and in float32 beside it.
struct ScoreWorkload: Workload {
    static let name = "score"

    struct Plan: Codable, Sendable {
        var model: ModelPlan
        var tokens: [Int]
        var window: Int
    }

    /// What a die counted over its windows.
    struct Result: Codable, Sendable {
        var tokens: Int
        var lossSum: Double
        var hits: Double
        var agreeing: Double
        var float32LossSum: Double
    }

    let plan: Plan

    init(payload: [UInt8]) throws { plan = try JSONDecoder().decode(Plan.self, from: Data(payload)) }

    /// The tokens of one die's run of windows, with the token that the last of them predicts.
    static func share(_ tokens: [Int], window: Int, rank: Int, dies: Int) -> [Int] {
        let windows = (tokens.count - 1 + window - 1) / window
        let first = rank * windows / dies * window
        let end = min((rank + 1) * windows / dies * window, tokens.count - 1)
        return first < end ? Array(tokens[first...end]) : []
    }

    func run(on die: DieContext) throws -> [UInt8] {
        let resolved = try plan.model.resolve(on: die)
        let world = Team.world(die.endpoint)
        let shared = resolved.placement.attention == .kvShards
        let tokens =
            shared
            ? plan.tokens : Self.share(plan.tokens, window: plan.window, rank: world.rank, dies: world.size)
        let reference = try score(tokens, .float32, resolved, world)
        let chosen = resolved.precision == .float32 ? reference : try score(tokens, resolved.precision, resolved, world)
        guard let reference, let chosen, !shared || world.rank == 0 else {
            return Array(
                try JSONEncoder().encode(Result(tokens: 0, lossSum: 0, hits: 0, agreeing: 0, float32LossSum: 0)))
        }
        let count = Double(chosen.tokenCount)
        return Array(
            try JSONEncoder().encode(
                Result(
                    tokens: chosen.tokenCount, lossSum: chosen.meanLoss * count, hits: chosen.top1 * count,
                    agreeing: chosen.agreement(with: reference) * count, float32LossSum: reference.meanLoss * count)))
    }

    private func score(
        _ tokens: [Int], _ precision: Precision, _ resolved: ModelPlan.Resolved, _ world: Team
    ) throws -> TextScore? {
        let configuration = try ModelConfiguration(file: plan.model.directory + "/config.json")
        let checkpoint = try Checkpoint(directory: plan.model.directory)
        return try ModelPlan.watching(checkpoint) {
            switch resolved.placement.attention {
            case .data:
                var model = try PlacedModel(
                    dataParallel: checkpoint, configuration, precision: precision, placement: resolved.placement,
                    variant: resolved.variant, world: world)
                return try loop(&model, tokens, configuration)
            case .kvShards:
                var model = try PlacedModel(
                    keySharded: checkpoint, configuration, precision: precision, placement: resolved.placement,
                    variant: resolved.variant, world: world)
                return try loop(&model, tokens, configuration)
            }
        }
    }

    /// Every die steps as long as any has windows left; those without step with no rows.
    private func loop<Core, Road>(
        _ model: inout PlacedModel<Core, Road>, _ tokens: [Int], _ configuration: ModelConfiguration
    ) throws -> TextScore? {
        var score =
            tokens.count < 2
            ? nil : TextScore(tokens, window: plan.window, vocabularySize: configuration.vocabularySize)
        while try model.anyRunning(score?.isRunning ?? false) {
            let isRunning = score?.isRunning ?? false
            let logits = try model.forward(isRunning ? score?.nextBatch() ?? [] : [])
            guard isRunning else { continue }
            let request = try NotFinite.named { () throws(ModelError) in try score?.accept(logits) }
            if let request { model.release(request: request) }
        }
        return score
    }
}
