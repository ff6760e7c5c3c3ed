import Attention
import Oracle
import TestKit
import Testing

@Suite("Merging partial results")
struct MergeTests {
    /// Partial states of consecutive runs of keys, each a split of its own.
    static func partials(_ fixture: Fixture, _ variant: any AttentionVariant, _ plan: DecodePlan) throws -> [[Float]] {
        let (cache, sequence) = try fixture.cache()
        var workspace = AttentionWorkspace()
        return (0..<plan.splitCount(tokenCount: fixture.tokenCount)).map { index in
            var partial = [Float](repeating: .nan, count: plan.partialLayout.floatCount)
            var span = partial.mutableSpan
            variant.decodeSplit(
                plan.split(index, tokenCount: fixture.tokenCount), of: sequence, in: cache,
                queries: fixture.queries.span,
                plan: plan, workspace: &workspace, into: &span)
            return partial
        }
    }

    @Test("is exact in order, and off by rounding only in any other order or grouping", arguments: variantNames)
    func orders(name: String) throws {
        let fixture = try Fixture(
            heads: 4, latent: 32, rope: 8, tokenCount: 128, seed: 61, distribution: .wideNormal)
        let variant = try variant(name), truth = fixture.oracle().output
        for precision in AttentionPrecision.allCases {
            let plan = try fixture.plan(precision: precision, block: 16, split: 16)
            let parts = try Self.partials(fixture, variant, plan)
            let ordered = DeterminismTests.merge(variant, parts.flatMap { $0 }, parts.count, plan)
            var random = SeededGenerator(seed: 62)
            for _ in 0..<5 {
                let shuffled = parts.shuffled(using: &random)
                let other = DeterminismTests.merge(variant, shuffled.flatMap { $0 }, parts.count, plan)
                #expect(relativeError(other.values, ordered.values.map(Double.init)) <= 1e-6, "seed 62")
            }
            // ((0 1) (2 3)) ((4 5) (6 7)): states of states.
            var level = parts
            while level.count > 1 {
                level = stride(from: 0, to: level.count, by: 2).map { index in
                    var held = level[index]
                    let next = level[index + 1]
                    var span = held.mutableSpan
                    variant.combine(next.span, into: &span, layout: plan.partialLayout, kernels: plan.kernels)
                    return held
                }
            }
            let tree = DeterminismTests.merge(variant, level[0], 1, plan)
            #expect(relativeError(tree.values, ordered.values.map(Double.init)) <= 1e-6)
            let error = relativeError(ordered.values, truth)
            #expect(error <= HardCaseTests.bound(precision), "\(error), \(precision)")
        }
    }

    @Test("of states of no keys changes nothing, and gives nothing when there is nothing else", arguments: variantNames)
    func identity(name: String) throws {
        let fixture = try Fixture(heads: 3, latent: 16, rope: 0, tokenCount: 20, seed: 63)
        let variant = try variant(name), plan = try fixture.plan(split: 20)
        let part = try Self.partials(fixture, variant, plan)[0]
        let empty = [Float](repeating: 0, count: plan.partialLayout.floatCount)
        let alone = DeterminismTests.merge(variant, part, 1, plan)
        let among = DeterminismTests.merge(variant, empty + part + empty, 3, plan)
        #expect(among.bits == alone.bits)
        let nothing = DeterminismTests.merge(variant, empty + empty, 2, plan)
        #expect(nothing.values.allSatisfy { $0 == 0 } && nothing.logSumExp.allSatisfy { $0 == -.infinity })
    }

    @Test("by output and log-sum-exp agrees with merging states", arguments: variantNames)
    func logSumExp(name: String) throws {
        let fixture = try Fixture(
            heads: 4, latent: 24, rope: 8, tokenCount: 90, seed: 64, distribution: .wideNormal)
        let variant = try variant(name), plan = try fixture.plan(block: 16, split: 16)
        let whole = try fixture.decode(variant, plan)
        var values = [Float](repeating: 0, count: whole.values.count)
        var logSumExp = [Float](repeating: -.infinity, count: whole.logSumExp.count)
        let empty = [Float](repeating: 0, count: whole.values.count)
        let nothing = [Float](repeating: -.infinity, count: whole.logSumExp.count)
        for part in try Self.partials(fixture, variant, plan) {
            let one = DeterminismTests.merge(variant, part, 1, plan)
            var a = values.mutableSpan, b = logSumExp.mutableSpan
            LogSumExpMerge.combine(one.values.span, one.logSumExp.span, into: &a, &b, width: 24)
            LogSumExpMerge.combine(empty.span, nothing.span, into: &a, &b, width: 24)
        }
        #expect(relativeError(values, whole.values.map(Double.init)) <= 2e-6)
        for (a, b) in zip(logSumExp, whole.logSumExp) { #expect(abs(a - b) <= 2e-6 + 4e-7 * abs(b)) }
    }

    @Test("does its part of a state of keys in the documented number of bytes")
    func layout() {
        let layout = PartialLayout(rowCount: 128, latentWidth: 512)
        #expect(layout.stride == 516 && layout.byteCount == 128 * 2064)
    }
}
