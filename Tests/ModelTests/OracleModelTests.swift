import Model
import Oracle
import Testing

@Suite("Float64 oracle")
struct OracleModelTests {
    private static func load() throws -> OracleModel {
        let (model, checkpoint) = (try SmallModel.configuration(), try Checkpoint(directory: SmallModel.directory))
        let sizes = OracleModel.Sizes(
            vocabulary: model.vocabularySize, hidden: model.hiddenWidth, layers: model.layerCount,
            denseLayers: model.denseLayerCount, heads: model.headCount, latent: model.latentRank, nope: model.nopeWidth,
            rope: model.ropeWidth, value: model.valueWidth, compressesQueries: model.queryRank != nil,
            experts: model.expertCount, expertsPerToken: model.expertsPerToken, groups: model.groupCount,
            groupsKept: model.groupsPerToken, hasSharedExpert: model.sharedExpertCount > 0,
            normalises: model.normalisesWeights, interleaved: model.rotary.isInterleaved, scale: model.routedScale,
            theta: model.rotary.theta, epsilon: model.normEpsilon)
        return OracleModel(sizes) { name in
            guard let shape = checkpoint.entry(name)?.shape, let tensor = try? checkpoint.tensor(name, shape: shape)
            else {
                preconditionFailure("no tensor \(name)")
            }
            return tensor.floats.map(Double.init)
        }
    }

    @Test("hidden rows, routing and logits are the golden ones to the digits printed")
    func goldenLayers() throws {
        let golden = try SmallModel.golden()
        var oracle = try Self.load()
        var last: OracleModel.Step?
        for (row, token) in golden.layers.ids.enumerated() {
            let step = oracle.step(token)
            for (layer, routing) in step.routing {
                let expected = try #require(golden.layers.router["\(layer)"])
                let seen = zip(routing.experts, routing.weights).sorted { $0.0 < $1.0 }
                let wanted = zip(expected.experts[row], expected.weights[row]).sorted { $0.0 < $1.0 }
                #expect(seen.map(\.0) == wanted.map(\.0), "layer \(layer) row \(row)")
                for (one, other) in zip(seen, wanted) { #expect(abs(one.1 - other.1) < 1.5e-5) }
            }
            last = step
        }
        let step = try #require(last)
        for (seen, expected) in zip(step.hidden, golden.layers.hidden_first8) {
            for (one, other) in zip(seen, expected) { #expect(abs(one - other) < 5e-5) }
        }
        for pair in golden.prompts[1].first_top5 {
            #expect(abs(step.logits[Int(pair[0])] - pair[1]) < 5e-5)
        }
    }

    @Test("the oracle's own greedy text is the golden text")
    func goldenText() throws {
        let prompt = try SmallModel.golden().prompts[2]
        var oracle = try Self.load()
        var step = oracle.step(prompt.ids[0])
        for token in prompt.ids.dropFirst() { step = oracle.step(token) }
        var tokens: [Int] = []
        for _ in prompt.greedy.indices {
            let best = step.logits.indices.max { step.logits[$0] < step.logits[$1] }
            tokens.append(try #require(best))
            step = oracle.step(tokens[tokens.count - 1])
        }
        #expect(tokens == prompt.greedy)
    }

    @Test("the fast model's logits are within float32 rounding of the oracle's")
    func fastModel() throws {
        let prompt = try SmallModel.golden().prompts[0].ids
        let model = try Transformer(
            Checkpoint(directory: SmallModel.directory), SmallModel.configuration(), precision: .float32)
        var attention = LocalAttention(model.configuration, .float32)
        var exchange = LocalExchange()
        let logits = try model.forward(
            prompt.enumerated().map { BatchRow(request: 0, position: $0, token: $1) }, attention: &attention,
            exchange: &exchange)
        var oracle = try Self.load()
        for (row, token) in prompt.enumerated() {
            let exact = oracle.step(token).logits
            for (index, value) in exact.enumerated() {
                #expect(abs(Double(logits[row * exact.count + index]) - value) < 5e-5, "row \(row), token \(index)")
            }
        }
    }
}
