import Attention
import Oracle
import Testing

@Suite("Hard cases of decode")
struct HardCaseTests {
    // bfloat16 weights are off by up to 2^-9 each; the compensation of AMLA by up to half of |c - 1| <= 2^-8.
    static func bound(_ precision: AttentionPrecision) -> Double { precision == .float32 ? 2e-6 : 4e-3 }

    static func check(
        _ fixture: Fixture, _ plan: DecodePlan, visible: [Range<Int>]? = nil, _ what: String
    ) throws {
        for name in variantNames {
            let output = try fixture.decode(variant(name), plan)
            let truth = fixture.oracle(visible: visible)
            let error = relativeError(output.values, truth.output)
            #expect(error <= bound(plan.precision), "\(error): \(what), \(name), \(plan.precision)")
            for (lse, exact) in zip(output.logSumExp, truth.logSumExp) {
                let agrees = Double(lse) == exact || abs(Double(lse) - exact) <= bound(plan.precision)
                #expect(agrees, "\(lse) for \(exact): \(what), \(name), \(plan.precision)")
            }
        }
    }

    @Test("a value column that is zero in the first block is right afterwards", arguments: AttentionPrecision.allCases)
    func zeroHole(precision: AttentionPrecision) throws {
        var fixture = try Fixture(heads: 16, latent: 32, rope: 8, tokenCount: 256, seed: 41)
        for token in 0..<64 { fixture.keys[token * fixture.shape.width + 3] = token % 2 == 0 ? 0 : -0.0 }
        try Self.check(fixture, fixture.plan(precision: precision, block: 64), "zero hole")
        let output = try fixture.decode(variant("attention.amla"), fixture.plan(precision: precision, block: 64))
        let truth = fixture.oracle().output
        for row in 0..<16 {
            let value = Double(output.values[row * 32 + 3]), exact = truth[row * 32 + 3]
            #expect(abs(value - exact) <= 0.02 * abs(exact) + 2e-3, "row \(row), seed 41")
        }
    }

    @Test("a column that is always zero gives exact zero, whatever the maximum does")
    func alwaysZero() throws {
        var fixture = try Fixture(heads: 4, latent: 16, rope: 0, tokenCount: 100, seed: 42, distribution: .wideNormal)
        for token in 0..<100 { fixture.keys[token * 16 + 5] = 0 }
        for name in variantNames {
            let output = try fixture.decode(variant(name), fixture.plan(precision: .bfloat16, block: 10, split: 30))
            for row in 0..<4 { #expect(output.values[row * 16 + 5] == 0) }
        }
    }

    @Test("blocks that a query does not see leave no trace, first, last or all", arguments: AttentionPrecision.allCases)
    func maskedBlocks(precision: AttentionPrecision) throws {
        let fixture = try Fixture(heads: 3, latent: 24, rope: 8, queryCount: 5, tokenCount: 100, seed: 43)
        let visible = [32..<100, 40..<41, 0..<7, 0..<0, 33..<1000]
        for (block, split) in [(16, 1 << 20), (32, 32), (10, 30)] {
            let plan = try fixture.plan(visible: visible, precision: precision, block: block, split: split)
            try Self.check(fixture, plan, visible: visible, "masked blocks")
            let output = try fixture.decode(variant("attention.amla"), plan)
            let empty = 3 * 3 * 24..<4 * 3 * 24
            #expect(output.values[empty].allSatisfy { $0 == 0 })
            #expect(output.logSumExp[9..<12].allSatisfy { $0 == -.infinity })
        }
    }

    @Test("an empty sequence gives zeros and the log-sum-exp of nothing", arguments: variantNames)
    func emptySequence(name: String) throws {
        let fixture = try Fixture(heads: 2, latent: 8, rope: 4, tokenCount: 0, seed: 44)
        let output = try fixture.decode(variant(name), fixture.plan(visible: [0..<10]))
        #expect(output.values.allSatisfy { $0 == 0 })
        #expect(output.logSumExp.allSatisfy { $0 == -.infinity })
    }

    @Test("one key gives back its value exactly, in both precisions", arguments: variantNames)
    func singleToken(name: String) throws {
        let fixture = try Fixture(heads: 7, latent: 40, rope: 8, tokenCount: 1, seed: 45)
        for precision in AttentionPrecision.allCases {
            let output = try fixture.decode(variant(name), fixture.plan(precision: precision))
            for row in 0..<7 {
                // In bfloat16 the weight and the divisor are both s16; in float32 both s: their quotient is one rounding off.
                for column in 0..<40 {
                    let value = output.values[row * 40 + column], key = fixture.keys[column]
                    #expect(abs(value - key) <= key.ulp, "seed 45")
                }
            }
        }
    }

    @Test(
        "the row maximum may jump between blocks, by as much as it likes", arguments: [5, 25, 200, 1000],
        AttentionPrecision.allCases)
    func jumps(nats: Int, precision: AttentionPrecision) throws {
        // Column 0 of the rope part adds to the score: -a, 0, +a, 0 by blocks of eight; and a staircase that rises always.
        for rising in [false, true] {
            var fixture = try Fixture(heads: 4, latent: 16, rope: 8, tokenCount: 64, seed: 46, scale: 1)
            let width = fixture.shape.width
            for row in 0..<4 {
                for column in 0..<width { fixture.queries[row * width + column] /= 8 }
                fixture.queries[row * width + 16] = 1
            }
            for token in 0..<64 {
                let block = token / 8
                let height = rising ? nats * block : [-nats, 0, nats, 0][block % 4]
                fixture.keys[token * width + 16] = Float(height)
            }
            for split in [1 << 20, 16, 8] {
                let plan = try fixture.plan(precision: precision, block: 8, split: split)
                // Scores of thousands are rounded to some 1e-4 nats, in the kernel as in any float32 softmax.
                let truth = fixture.oracle().output
                for name in variantNames {
                    let error = relativeError(try fixture.decode(variant(name), plan).values, truth)
                    let rounding = 1e-7 * Double(nats * 8)
                    #expect(error <= Self.bound(precision) + rounding, "\(error) \(name) split \(split), seed 46")
                }
            }
        }
    }

    @Test("NaN or infinity in a visible key reaches the rows that see it, and only those", arguments: variantNames)
    func poisonedKey(name: String) throws {
        var fixture = try Fixture(heads: 2, latent: 8, rope: 8, queryCount: 4, tokenCount: 40, seed: 47)
        let clean = try fixture.decode(
            variant(name), fixture.plan(visible: DecodePlan.causal(past: 18, count: 4), block: 8, split: 16))
        fixture.keys[20 * 16 + 2] = .nan
        let visible = DecodePlan.causal(past: 18, count: 4)
        let output = try fixture.decode(variant(name), fixture.plan(visible: visible, block: 8, split: 16))
        for query in 0..<4 {
            let row = output.values[query * 16..<(query + 1) * 16]
            if query < 2 {
                #expect(Array(row) == Array(clean.values[query * 16..<(query + 1) * 16]))
            } else {
                #expect(row.allSatisfy { $0.isNaN })
            }
        }
    }

    @Test("a refused plan says which rule it broke")
    func refusals() throws {
        let shape = try LatentShape(heads: 4, latentWidth: 8, ropeWidth: 0)
        #expect(throws: AttentionError.self) { try LatentShape(heads: 0, latentWidth: 8, ropeWidth: 0) }
        #expect(throws: AttentionError.self) { try LatentShape(heads: 1, latentWidth: Int.max, ropeWidth: 0) }
        #expect(throws: AttentionError.self) { try DecodePlan(shape: shape, heads: 3..<5, visible: [], scale: 1) }
        #expect(throws: AttentionError.self) { try DecodePlan(shape: shape, visible: [-1..<3], scale: 1) }
        #expect(throws: AttentionError.self) { try DecodePlan(shape: shape, visible: [], scale: .nan) }
        #expect(throws: AttentionError.self) { try DecodePlan(shape: shape, visible: [], scale: 1, blockLength: 0) }
        #expect(throws: AttentionError.self) { try DecodePlan(shape: shape, visible: [], scale: 1, splitLength: -1) }
    }
}
