import FoundationEssentials
import Kernels
import Model
import Testing

/// Keeps what a step showed.
private final class Recorder: StepObserver {
    var hidden: [[Float]] = []
    var final: [Float] = []
    var routing: [Int: (experts: [Int32], weights: [Float])] = [:]

    func saw(hidden: [Float], after layer: Int?) { self.hidden.append(hidden) }
    func saw(final: [Float]) { self.final = final }
    func saw(experts: [Int32], weights: [Float], in layer: Int) { routing[layer] = (experts, weights) }
}

@Suite("Transformer on one die")
struct TransformerTests {
    private static func load(_ precision: Precision) throws -> Transformer {
        try Transformer(
            Checkpoint(directory: SmallModel.directory), SmallModel.configuration(), precision: precision)
    }

    /// Runs requests to their end; returns each request's tokens.
    private static func generate(
        _ model: Transformer, _ requests: [GenerationRequest], sampler: Sampler = .greedy, rowLimit: Int = 256,
        textLimit: Int = 64
    ) throws -> [Int: [Int]] {
        var attention = LocalAttention(model.configuration, model.precision)
        var exchange = LocalExchange()
        var generation = Generation(
            requests, sampler: sampler, vocabularySize: model.configuration.vocabularySize, rowLimit: rowLimit,
            textLimit: textLimit)
        var result: [Int: [Int]] = [:]
        while generation.isRunning {
            let logits = try model.forward(generation.nextBatch(), attention: &attention, exchange: &exchange)
            for token in try generation.accept(logits) {
                result[token.request, default: []].append(token.token)
                if token.isLast { attention.release(request: token.request) }
            }
        }
        return result
    }

    private static func goldenRequests() throws -> [GenerationRequest] {
        try SmallModel.golden().prompts.enumerated().map {
            GenerationRequest(number: $0, prompt: $1.ids, maximumTokens: $1.greedy.count)
        }
    }

    @Test("float32 continues every golden prompt with the golden tokens, all in one batch")
    func goldenText() throws {
        let golden = try SmallModel.golden()
        let texts = try Self.generate(Self.load(.float32), Self.goldenRequests())
        for (index, prompt) in golden.prompts.enumerated() {
            #expect(texts[index] == prompt.greedy, "\(prompt.prompt)")
        }
    }

    @Test("the first logits are the golden ones to the digits printed")
    func goldenLogits() throws {
        let model = try Self.load(.float32)
        for prompt in try SmallModel.golden().prompts {
            var attention = LocalAttention(model.configuration, model.precision)
            var exchange = LocalExchange()
            let batch = prompt.ids.enumerated().map {
                BatchRow(request: 0, position: $0, token: $1, wantsLogits: $0 == prompt.ids.count - 1)
            }
            let logits = try model.forward(batch, attention: &attention, exchange: &exchange)
            for pair in prompt.first_top5 {
                #expect(abs(Double(logits[Int(pair[0])]) - pair[1]) < 5e-5, "\(prompt.prompt)")
            }
        }
    }

    @Test("hidden rows and routing are the golden ones to the digits printed")
    func goldenLayers() throws {
        let (model, golden) = (try Self.load(.float32), try SmallModel.golden().layers)
        var attention = LocalAttention(model.configuration, model.precision)
        var exchange = LocalExchange()
        let recorder = Recorder()
        let batch = golden.ids.enumerated().map { BatchRow(request: 0, position: $0, token: $1, wantsLogits: false) }
        let logits = try model.forward(batch, attention: &attention, exchange: &exchange, observer: recorder)
        #expect(logits.isEmpty)
        let rows = recorder.hidden.dropLast() + [recorder.final]
        for (seen, expected) in zip(rows, golden.hidden_first8) {
            let last = seen.count - model.configuration.hiddenWidth
            for (index, value) in expected.enumerated() {
                // Five digits are printed; float32 on another order of sums moves values of 25 by some 1e-5.
                #expect(abs(Double(seen[last + index]) - value) < 5e-5, "\(index)")
            }
        }
        for (layer, expected) in golden.router {
            let number = try #require(Int(layer))
            let routing = try #require(recorder.routing[number])
            let choices = model.configuration.expertsPerToken
            for (row, experts) in expected.experts.enumerated() {
                let seen = zip(
                    routing.experts[row * choices..<(row + 1) * choices],
                    routing.weights[row * choices..<(row + 1) * choices])
                let sorted = seen.map { ($0.0, $0.1) }.sorted { $0.0 < $1.0 }
                let wanted = zip(experts, expected.weights[row]).sorted { $0.0 < $1.0 }
                #expect(sorted.map { Int($0.0) } == wanted.map(\.0), "layer \(layer) row \(row)")
                for (one, other) in zip(sorted, wanted) { #expect(abs(Double(one.1) - other.1) < 1.5e-5) }
            }
        }
        #expect(exchange.load.values.allSatisfy { $0.reduce(0, +) == golden.ids.count * 4 })
    }

    @Test(
        "a text does not depend on how prompts are chunked and batched, in any precision", arguments: Precision.allCases
    )
    func batching(precision: Precision) throws {
        let model = try Self.load(precision)
        var requests = try Self.goldenRequests()
        for index in requests.indices { requests[index].maximumTokens = 12 }
        for sampler in [Sampler.greedy, try Sampler(temperature: 1.2, topP: 0.9, seed: 7)] {
            let together = try Self.generate(model, requests, sampler: sampler)
            let chunked = try Self.generate(model, requests, sampler: sampler, rowLimit: 3, textLimit: 2)
            let alone = try Self.generate(model, requests.reversed(), sampler: sampler, textLimit: 1)
            #expect(together == chunked && together == alone)
        }
    }

    @Test("logits are the same bits whether a prompt comes whole or token by token", arguments: Precision.allCases)
    func prefillEqualsDecode(precision: Precision) throws {
        let (model, prompt) = (try Self.load(precision), try SmallModel.golden().prompts[3].ids)
        let rows = prompt.enumerated().map { BatchRow(request: 0, position: $0, token: $1) }
        var attention = LocalAttention(model.configuration, precision)
        var exchange = LocalExchange()
        let whole = try model.forward(rows, attention: &attention, exchange: &exchange)
        attention.release(request: 0)
        var single: [Float] = []
        for row in rows { single += try model.forward([row], attention: &attention, exchange: &exchange) }
        #expect(whole.map(\.bitPattern) == single.map(\.bitPattern))
    }

    @Test("an empty step does nothing and gives nothing")
    func emptyStep() throws {
        let model = try Self.load(.int8)
        var attention = LocalAttention(model.configuration, .int8)
        var exchange = LocalExchange()
        #expect(try model.forward([], attention: &attention, exchange: &exchange).isEmpty)
    }

    @Test("held-out perplexity and agreement are within the promised bounds")
    func perplexity() throws {
        let golden = try SmallModel.golden().perplexity
        let tokens = try SmallModel.tokenizer().encode(golden.text)
        var scores: [Precision: TextScore] = [:]
        for precision in Precision.allCases {
            let model = try Self.load(precision)
            var attention = LocalAttention(model.configuration, precision)
            var exchange = LocalExchange()
            var score = TextScore(
                tokens, window: golden.window, vocabularySize: model.configuration.vocabularySize)
            while score.isRunning {
                let logits = try model.forward(score.nextBatch(), attention: &attention, exchange: &exchange)
                attention.release(request: try score.accept(logits))
            }
            scores[precision] = score
        }
        let exact = try #require(scores[.float32])
        #expect(exact.tokenCount == golden.tokens)
        #expect(abs(exact.perplexity - golden.value) < 5e-4 && abs(exact.top1 - golden.top1) < 5e-4)
        let (bfloat16, int8) = (try #require(scores[.bfloat16]), try #require(scores[.int8]))
        #expect(abs(bfloat16.perplexity / exact.perplexity - 1) < 0.01)
        #expect(abs(int8.perplexity / exact.perplexity - 1) < 0.02)
        let agreement = (bfloat16: bfloat16.agreement(with: exact), int8: int8.agreement(with: exact))
        #expect(agreement.bfloat16 >= 0.99 && agreement.int8 >= 0.98, "\(agreement)")
    }

    @Test("tokens, positions and cache positions that do not fit are refused")
    func badRows() throws {
        let model = try Self.load(.float32)
        var attention = LocalAttention(model.configuration, .float32)
        var exchange = LocalExchange()
        for row in [
            BatchRow(request: 0, position: 0, token: 2048), BatchRow(request: 0, position: 0, token: -1),
            BatchRow(request: 0, position: 2048, token: 1), BatchRow(request: 0, position: 3, token: 1),
        ] {
            let error = #expect(throws: ModelError.self) {
                try model.forward([row], attention: &attention, exchange: &exchange)
            }
            #expect(error?.code == .badRow)
        }
    }
}
