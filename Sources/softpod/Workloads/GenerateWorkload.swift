internal import Attention
internal import Experts
internal import Fabric
internal import FoundationEssentials
internal import Membership
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
        /// Whether the run goes on without dies that are lost.
        var survives = false
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
        let result = try ModelPlan.watching(checkpoint) {
            var world = Team.world(die.endpoint)
            var texts = TextOwners(plan.requests.count, members: (0..<world.size).map { world[$0].index })
            while true {
                do {
                    let result = try place(world, checkpoint, configuration, resolved, &texts, die, begin)
                    if !plan.survives { return result }
                    // All have their texts only if no die was lost meanwhile; the others may have to take over its.
                    if try world.agree(1).members.epoch == world.endpoint.epoch { return result }
                    throw world.endpoint.interruption
                } catch let error as any FabricCaused where error.fabricCause?.isSurvivable == true {
                    die.note(.noticed, at: Monotonic.now(), error.fabricCause?.description ?? "")
                    world = try world.shrink()
                    texts.enter(members: (0..<world.size).map { world[$0].index }, isShared: resolved.isShared)
                    if world.rank == 0 {
                        die.note(.decided, at: Monotonic.now(), texts.description(world.endpoint.epoch))
                    }
                }
            }
        }
        return Array(try JSONEncoder().encode(result))
    }

    /// Places the model over the dies of an epoch and continues the texts. Experts of a die that was lost are read by others from the model's
    /// file, so each text is what it would have been.
    private func place(
        _ world: Team, _ checkpoint: Checkpoint, _ configuration: ModelConfiguration, _ resolved: ModelPlan.Resolved,
        _ texts: inout TextOwners, _ die: DieContext, _ begin: UInt64
    ) throws -> Result {
        let placement = resolved.placement.left(
            dies: world.size, configuration, requests: plan.requests.count)
        switch placement.attention {
        case .data:
            var model = try PlacedModel(
                dataParallel: checkpoint, configuration, precision: resolved.precision, placement: placement,
                variant: resolved.variant, world: world)
            return try loop(
                &model, of: texts.requests(of: world.endpoint.rank.index), &texts, true, die, configuration, begin)
        case .kvShards:
            var model = try PlacedModel(
                keySharded: checkpoint, configuration, precision: resolved.precision, placement: placement,
                variant: resolved.variant, world: world)
            return try loop(
                &model, of: Array(plan.requests.indices), &texts, world.rank == 0, die, configuration, begin)
        }
    }

    private func loop<Core, Road>(
        _ model: inout PlacedModel<Core, Road>, of requests: [Int], _ texts: inout TextOwners, _ speaks: Bool,
        _ die: DieContext, _ configuration: ModelConfiguration, _ begin: UInt64
    ) throws -> Result {
        let cpu = Monotonic.threadCPU()
        let sampler = try Sampler(temperature: plan.temperature, topP: plan.topP, seed: plan.seed)
        var generation = Generation(
            requests.filter { !texts.isDone($0) }.map {
                GenerationRequest(
                    number: $0, prompt: plan.requests[$0].prompt, maximumTokens: plan.requests[$0].maximumTokens,
                    endTokens: Set(plan.endTokens), chosen: texts.chosen($0))
            }, sampler: sampler, vocabularySize: configuration.vocabularySize, rowLimit: plan.model.rowLimit,
            textLimit: min(plan.model.rowLimit, model.placement.requestLimit))
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
                texts.take(token)
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
    /// Which of the request's tokens it is, from 0: in a run that goes on without lost dies some are chosen again.
    var index: Int
    var isLast: Bool

    init(_ token: GeneratedToken) {
        request = token.request
        self.token = token.token
        index = token.index
        isLast = token.isLast
    }

    var encoded: [UInt8] {
        var writer = ByteWriter()
        writer.write(UInt32(request))
        writer.write(UInt32(token))
        writer.write(UInt32(index))
        writer.write(UInt8(isLast ? 1 : 0))
        return writer.bytes
    }

    /// Nil for bytes that are not a token.
    init?(decoding bytes: [UInt8]) {
        var reader = ByteReader(bytes)
        guard let request = reader.read(UInt32.self), let token = reader.read(UInt32.self),
            let index = reader.read(UInt32.self), let last = reader.read(UInt8.self), reader.isAtEnd
        else { return nil }
        self.request = Int(request)
        self.token = Int(token)
        self.index = Int(index)
        isLast = last != 0
    }
}
