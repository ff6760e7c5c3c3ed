internal import Attention
internal import Experts
internal import Fabric
internal import FoundationEssentials
internal import Model
internal import NodeRuntime
internal import SharedMemory
internal import Workers

/// Continues prompts with a model that lies over the whole cluster; tells each token as it is chosen.
struct GenerateWorkload: Workload {
    static let name = "generate"

    struct Plan: Codable, Sendable {
        struct Request: Codable, Sendable {
            var prompt: [Int]
            var maximumTokens: Int
        }

        var model: ModelPlan
        var requests: [Request]
        var temperature: Double
        var topP: Double
        var seed: UInt64
        var endTokens: [Int]
    }

    /// What a die did.
    struct Result: Codable, Sendable {
        var process: Int
        var experts: [Int]
        var requests: [Int]
        var tokens: Int
        var steps: Int
        var loadNanoseconds: UInt64
        var stepNanoseconds: UInt64
        var cpuNanoseconds: UInt64
        var expertLoad: [UInt64]
        var rowsSent: UInt64
        var rowsReceived: UInt64
        var exchangeBytes: UInt64
        var waitNanoseconds: UInt64
    }

    let plan: Plan

    init(payload: [UInt8]) throws { plan = try JSONDecoder().decode(Plan.self, from: Data(payload)) }

    func run(on die: DieContext) throws -> [UInt8] {
        let begin = Monotonic.now()
        let resolved = try plan.model.resolve(on: die)
        let configuration = try ModelConfiguration(file: plan.model.directory + "/config.json")
        let checkpoint = try Checkpoint(directory: plan.model.directory)
        let world = Team.world(die.endpoint)
        let result = try ModelPlan.watching(checkpoint) {
            switch resolved.placement.attention {
            case .data:
                var model = try PlacedModel(
                    dataParallel: checkpoint, configuration, precision: resolved.precision,
                    placement: resolved.placement, variant: resolved.variant, world: world)
                let mine = plan.requests.indices.filter { $0 % world.size == world.rank }
                return try loop(&model, requests: mine, speaks: true, die, configuration, begin)
            case .kvShards:
                var model = try PlacedModel(
                    keySharded: checkpoint, configuration, precision: resolved.precision,
                    placement: resolved.placement, variant: resolved.variant, world: world)
                return try loop(
                    &model, requests: Array(plan.requests.indices), speaks: world.rank == 0, die, configuration, begin)
            }
        }
        return Array(try JSONEncoder().encode(result))
    }

    private func loop<Core, Road>(
        _ model: inout PlacedModel<Core, Road>, requests: [Int], speaks: Bool, _ die: DieContext,
        _ configuration: ModelConfiguration, _ begin: UInt64
    ) throws -> Result {
        let cpu = Monotonic.threadCPU()
        let sampler = try Sampler(temperature: plan.temperature, topP: plan.topP, seed: plan.seed)
        var generation = Generation(
            requests.map {
                GenerationRequest(
                    number: $0, prompt: plan.requests[$0].prompt, maximumTokens: plan.requests[$0].maximumTokens,
                    endTokens: Set(plan.endTokens))
            }, sampler: sampler, vocabularySize: configuration.vocabularySize, rowLimit: plan.model.rowLimit,
            textLimit: min(plan.model.rowLimit, plan.model.requestLimit))
        // All dies have loaded before any die's first step is timed.
        _ = try model.anyRunning(true)
        let start = Monotonic.now()
        var steps = 0
        var tokens = 0
        while try model.anyRunning(generation.isRunning) {
            let logits = try model.forward(generation.nextBatch())
            steps += 1
            for token in try NotFinite.named({ () throws(ModelError) in try generation.accept(logits) }) {
                tokens += 1
                if token.isLast { model.release(request: token.request) }
                if speaks { die.report(TokenEvent(token).encoded) }
            }
        }
        let statistics = model.exchange.statistics
        return Result(
            process: Int(ProcessControl.id), experts: Array(model.transformer.experts), requests: requests,
            tokens: tokens, steps: steps, loadNanoseconds: start - begin, stepNanoseconds: Monotonic.now() - start,
            cpuNanoseconds: Monotonic.threadCPU() - cpu, expertLoad: statistics.expertLoad,
            rowsSent: statistics.rowsSent, rowsReceived: statistics.rowsReceived,
            exchangeBytes: statistics.dispatchBytes + statistics.combineBytes,
            waitNanoseconds: (statistics.dispatchWaitNanoseconds + statistics.combineWaitNanoseconds).reduce(0, +))
    }
}

/// A chosen token on its way from a die to the command line.
struct TokenEvent: Equatable {
    var request: Int
    var token: Int
    var isLast: Bool

    init(_ token: GeneratedToken) {
        request = token.request
        self.token = token.token
        isLast = token.isLast
    }

    var encoded: [UInt8] {
        var writer = ByteWriter()
        writer.write(UInt32(request))
        writer.write(UInt32(token))
        writer.write(UInt8(isLast ? 1 : 0))
        return writer.bytes
    }

    /// Nil for bytes that are not a token.
    init?(decoding bytes: [UInt8]) {
        var reader = ByteReader(bytes)
        guard let request = reader.read(UInt32.self), let token = reader.read(UInt32.self),
            let last = reader.read(UInt8.self), reader.isAtEnd
        else { return nil }
        self.request = Int(request)
        self.token = Int(token)
        isLast = last != 0
    }
}
