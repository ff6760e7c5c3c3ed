import Model
import Testing

@Suite("Sampler")
struct SamplerTests {
    private static let logits: [Float] = [0, 2, 1, -1, 2]

    @Test("greedy takes the likeliest, the lowest on a tie")
    func greedy() { #expect(Sampler.greedy.choose(Self.logits.span, request: 3, position: 9) == 1) }

    @Test(
        "Logits that are not finite are an error with request and position, wherever they stand",
        arguments: [Float.nan, .infinity, -.infinity], 0..<5)
    func notFinite(value: Float, token: Int) throws {
        var logits = Self.logits
        logits[token] = value
        var generation = Generation(
            [GenerationRequest(number: 7, prompt: [1, 2, 3], maximumTokens: 4)], sampler: .greedy, vocabularySize: 5)
        _ = generation.nextBatch()
        let error = #expect(throws: ModelError.self) { try generation.accept(logits) }
        #expect(error?.code == .notFinite)
        #expect(error?.description.hasPrefix("request 7, position 2: the logit of token \(token) is ") == true)
        var score = TextScore([1, 2, 3], window: 2, vocabularySize: 5)
        let second = #expect(throws: ModelError.self) { try score.accept(Self.logits + logits) }
        #expect(second?.description.hasPrefix("request 0, position 1: the logit of token \(token) is ") == true)
        #expect(throws: Never.self) { try score.accept(Self.logits + Self.logits) }
    }

    @Test("samples follow the softmax of the logits over the temperature")
    func distribution() throws {
        let sampler = try Sampler(temperature: 2, seed: 11)
        var counts = [Int](repeating: 0, count: 5)
        let draws = 40_000
        for draw in 0..<draws {
            counts[sampler.choose(Self.logits.span, request: draw % 7, position: draw / 7)] += 1
        }
        // e^(logit / 2), normalised, by hand.
        let expected = [0.11024, 0.29968, 0.18176, 0.06687, 0.29968].map { $0 / 0.95823 }
        for (count, share) in zip(counts, expected) {
            // Five standard deviations of a binomial share.
            let deviation = (share * (1 - share) / Double(draws)).squareRoot()
            #expect(abs(Double(count) / Double(draws) - share) < 5 * deviation, "\(counts)")
        }
    }

    @Test("top-p keeps the likeliest tokens that reach it, and at least one")
    func topP() throws {
        let half = try Sampler(temperature: 1, topP: 0.5, seed: 1)
        let one = try Sampler(temperature: 1, topP: 1e-9, seed: 1)
        for position in 0..<500 {
            #expect([1, 4].contains(half.choose(Self.logits.span, request: 0, position: position)))
            #expect(one.choose(Self.logits.span, request: 0, position: position) == 1)
        }
    }

    @Test("a choice depends on seed, request and position, and on nothing else")
    func counterBased() throws {
        let sampler = try Sampler(temperature: 1, seed: 5)
        func text(_ sampler: Sampler, _ request: Int) -> [Int] {
            (0..<40).map { sampler.choose(Self.logits.span, request: request, position: $0) }
        }
        #expect(text(sampler, 0) == text(sampler, 0))
        #expect(text(sampler, 0) != text(sampler, 1))
        #expect(text(sampler, 0) != text(try Sampler(temperature: 1, seed: 6), 0))
    }

    @Test("extreme temperatures and logits give a token and no trap")
    func extremes() throws {
        for temperature in [1e-300, 1e-3, 100] {
            let sampler = try Sampler(temperature: temperature, topP: 0.3)
            for logits in [
                [Float.infinity, 0], [-Float.infinity, -.infinity], [.nan, 1], [.nan, .nan], [3e38, -3e38], [5],
            ] {
                #expect(logits.indices.contains(sampler.choose(logits.span, request: -1, position: Int.max)))
            }
        }
    }

    @Test("parameters out of range are refused")
    func badParameters() {
        for (temperature, topP) in [(-1, 1), (101, 1), (Double.nan, 1), (1, 0), (1, 1.5), (1, .nan)] {
            #expect(throws: ModelError.self) { try Sampler(temperature: temperature, topP: topP) }
        }
    }
}
