import Attention
import Model
import Testing

@Suite("Paged attention in the model")
struct PagedAttentionTests {
    static let names = AttentionCatalog.all.map(\.name)

    private static func core(
        _ name: String, _ model: Transformer, tokenCapacity: Int = 4096, pageSize: Int = 16, splitLength: Int = 512
    ) throws -> PagedAttention {
        try PagedAttention(
            model.configuration, model.precision, variant: #require(AttentionCatalog.variant(named: name)),
            tokenCapacity: tokenCapacity, pageSize: pageSize, splitLength: splitLength)
    }

    private static func load(_ precision: Precision) throws -> Transformer {
        try Transformer(
            Checkpoint(directory: SmallModel.directory), SmallModel.configuration(), precision: precision)
    }

    @Test("every variant continues the golden prompts with the golden tokens", arguments: names)
    func goldenText(name: String) throws {
        let (model, golden) = (try Self.load(.float32), try SmallModel.golden())
        // Short splits, so that texts of 70 tokens are merged from several.
        var attention = try Self.core(name, model, splitLength: 16)
        var exchange = LocalExchange()
        var generation = Generation(
            golden.prompts.enumerated().map {
                GenerationRequest(number: $0, prompt: $1.ids, maximumTokens: $1.greedy.count)
            }, sampler: .greedy, vocabularySize: model.configuration.vocabularySize, rowLimit: 17, textLimit: 4)
        var texts = [[Int]](repeating: [], count: golden.prompts.count)
        while generation.isRunning {
            let logits = try model.forward(generation.nextBatch(), attention: &attention, exchange: &exchange)
            for token in try generation.accept(logits) {
                texts[token.request].append(token.token)
                if token.isLast { attention.release(request: token.request) }
            }
        }
        for (text, prompt) in zip(texts, golden.prompts) { #expect(text == prompt.greedy, "\(prompt.prompt)") }
    }

    @Test(
        "logits are the same bits for whole, chunked and mixed batches and any page size", arguments: Precision.allCases
    )
    func batching(precision: Precision) throws {
        let (model, prompts) = (try Self.load(precision), try SmallModel.golden().prompts.map(\.ids))
        func rows(_ request: Int, _ range: Range<Int>) -> [BatchRow] {
            range.map { BatchRow(request: request, position: $0, token: prompts[request][$0]) }
        }
        func run(_ batches: [[BatchRow]], pageSize: Int) throws -> [BatchKey: [UInt32]] {
            var attention = try Self.core(Self.names[0], model, pageSize: pageSize, splitLength: 4)
            var exchange = LocalExchange()
            var result: [BatchKey: [UInt32]] = [:]
            for batch in batches {
                let logits = try model.forward(batch, attention: &attention, exchange: &exchange)
                let width = model.configuration.vocabularySize
                for (index, row) in batch.enumerated() {
                    result[BatchKey(request: row.request, position: row.position)] =
                        logits[index * width..<(index + 1) * width].map(\.bitPattern)
                }
            }
            return result
        }
        let (first, second) = (prompts[0].count, prompts[3].count)
        let whole = try run([rows(0, 0..<first), rows(3, 0..<second)], pageSize: 64)
        let mixed = try run(
            [
                rows(3, 0..<5), rows(0, 0..<first - 1) + rows(3, 5..<7),
                rows(3, 7..<second) + rows(0, first - 1..<first),
            ],
            pageSize: 1)
        #expect(whole == mixed)
    }

    private struct BatchKey: Hashable {
        var request: Int
        var position: Int
    }

    @Test("perplexity and agreement hold with AMLA's own rounding", arguments: [Precision.bfloat16, .int8])
    func perplexity(precision: Precision) throws {
        let golden = try SmallModel.golden().perplexity
        let tokens = try SmallModel.tokenizer().encode(golden.text)
        func score(_ precision: Precision, _ core: (Transformer) throws -> some AttentionCore) throws -> TextScore {
            let model = try Self.load(precision)
            var attention = try core(model)
            var exchange = LocalExchange()
            var score = TextScore(tokens, window: golden.window, vocabularySize: model.configuration.vocabularySize)
            while score.isRunning {
                let logits = try model.forward(score.nextBatch(), attention: &attention, exchange: &exchange)
                attention.release(request: try score.accept(logits))
            }
            return score
        }
        let exact = try score(.float32) { LocalAttention($0.configuration, $0.precision) }
        let rounded = try score(precision) { try Self.core("attention.amla", $0) }
        let agreement = rounded.agreement(with: exact)
        #expect(abs(rounded.perplexity / exact.perplexity - 1) < (precision == .bfloat16 ? 0.01 : 0.02))
        #expect(agreement >= (precision == .bfloat16 ? 0.99 : 0.98))
    }

    @Test("a cache that is full is an error with the layer, and a released request makes room")
    func outOfPages() throws {
        let model = try Self.load(.float32)
        var attention = try Self.core("attention.amla", model, tokenCapacity: 32)
        var exchange = LocalExchange()
        func rows(_ request: Int, _ count: Int) -> [BatchRow] {
            (0..<count).map { BatchRow(request: request, position: $0, token: 5, wantsLogits: false) }
        }
        _ = try model.forward(rows(0, 20), attention: &attention, exchange: &exchange)
        let error = #expect(throws: ModelError.self) {
            try model.forward(rows(1, 1), attention: &attention, exchange: &exchange)
        }
        #expect(error?.code == .attention && error?.description.contains("layer 0") == true)
        attention.release(request: 0)
        attention.release(request: 1)
        _ = try model.forward(rows(2, 32), attention: &attention, exchange: &exchange)
    }
}
