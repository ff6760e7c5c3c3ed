import Model
import Oracle
import Tensors
import TestKit
import Testing

@Suite("Models of other sizes")
struct RandomModelTests {
    private static let variants: [(String, RandomModel)] = [
        ("plain queries, odd widths", RandomModel()),
        ("compressed queries, halves rotated", RandomModel(queryRank: 14, interleaved: false)),
        ("one group, no shared expert, tied", RandomModel(groups: 1, groupsKept: 1, shared: 0, tied: true)),
        ("every layer dense", RandomModel(layers: 2, denseLayers: 2)),
        (
            "no dense layer, weights not normalised, float32 file",
            RandomModel(
                denseLayers: 0, normalises: false, type: .float32)
        ),
        ("one head of width one", RandomModel(heads: 1, latent: 1, nope: 1, rope: 2, value: 1)),
    ]

    @Test(
        "float32 logits are the oracle's within rounding, and other precisions stay near", arguments: variants.indices)
    func againstOracle(index: Int) throws {
        let (name, variant) = Self.variants[index]
        let directory = try TemporaryDirectory()
        let seed = UInt64(100 + index)
        let elements = try variant.write(to: directory, seed: seed)
        let configuration = try ModelConfiguration(file: directory.path + "/config.json")
        let checkpoint = try Checkpoint(directory: directory.path)
        var random = SeededGenerator(seed: seed)
        let tokens = (0..<20).map { _ in Int.random(in: 0..<variant.vocabulary, using: &random) }
        var oracle = OracleModel(variant.oracleSizes) { (elements[$0] ?? []).map(Double.init) }
        let exact = tokens.flatMap { oracle.step($0).logits }
        let norm = exact.reduce(0) { $0 + $1 * $1 }.squareRoot()
        for (precision, bound) in [(Precision.float32, 1e-5), (.bfloat16, 0.05), (.int8, 0.15)] {
            let model = try Transformer(checkpoint, configuration, precision: precision)
            var attention = LocalAttention(configuration, precision)
            var exchange = LocalExchange()
            let logits = try model.forward(
                tokens.enumerated().map { BatchRow(request: 5, position: $0, token: $1) }, attention: &attention,
                exchange: &exchange)
            let error = zip(logits, exact).reduce(0) { $0 + (Double($1.0) - $1.1) * (Double($1.0) - $1.1) }.squareRoot()
            #expect(error / norm < bound, "\(name), \(precision), seed \(seed)")
        }
    }

    @Test("a checkpoint that lacks a tensor, or has one of another shape, is refused by its name")
    func mismatch() throws {
        let directory = try TemporaryDirectory()
        _ = try RandomModel(experts: 9).write(to: directory, seed: 1)
        let checkpoint = try Checkpoint(directory: directory.path)
        let (more, wider) = (try TemporaryDirectory(), try TemporaryDirectory())
        _ = try RandomModel().write(to: more, seed: 1)
        _ = try RandomModel(hidden: 48, experts: 9).write(to: wider, seed: 1)
        for (other, place) in [(more, "model.layers.1.mlp.gate.weight"), (wider, "model.embed_tokens.weight")] {
            let configuration = try ModelConfiguration(file: other.path + "/config.json")
            let error = #expect(throws: ModelFileError.self) {
                try Transformer(checkpoint, configuration, precision: .float32)
            }
            #expect(error?.place == place)
        }
    }
}
