import Attention
import Kernels
import Tensors
import Testing

@Suite("Same bits, however the work is laid out")
struct DeterminismTests {
    static func fixture(_ tokens: Int = 150) throws -> Fixture {
        try Fixture(
            heads: 6, latent: 32, rope: 8, queryCount: 2, tokenCount: tokens, seed: 51, distribution: .wideNormal)
    }

    @Test("page size and page order", arguments: variantNames, AttentionPrecision.allCases)
    func pages(name: String, precision: AttentionPrecision) throws {
        let fixture = try Self.fixture()
        let plan = try fixture.plan(precision: precision, block: 32, split: 64)
        for element in PagedLatentCache.Element.allCases {
            let first = try fixture.decode(variant(name), plan, element: element, pageSize: 1)
            for pageSize in [2, 16, 53, 64, 128, 1000] {
                let other = try fixture.decode(variant(name), plan, element: element, pageSize: pageSize)
                #expect(other.bits == first.bits, "page size \(pageSize)")
            }
        }
        // The inputs are bfloat16 numbers, so both storages hold the same keys.
        #expect(
            try fixture.decode(variant(name), plan, element: .float32).bits
                == fixture.decode(variant(name), plan, element: .bfloat16).bits)
    }

    @Test("instruction set", arguments: variantNames, AttentionPrecision.allCases)
    func instructionSets(name: String, precision: AttentionPrecision) throws {
        let fixture = try Self.fixture()
        let portable = try fixture.decode(
            variant(name), fixture.plan(precision: precision, block: 32, split: 64, kernels: .portable))
        for kernels in AttentionKernels.available {
            let plan = try fixture.plan(precision: precision, block: 32, split: 64, kernels: kernels)
            #expect(try fixture.decode(variant(name), plan).bits == portable.bits, "\(kernels.name)")
        }
    }

    @Test("ranges of heads", arguments: variantNames, AttentionPrecision.allCases)
    func heads(name: String, precision: AttentionPrecision) throws {
        let fixture = try Self.fixture(), latent = fixture.shape.latentWidth
        let all = try fixture.decode(variant(name), fixture.plan(precision: precision, block: 32, split: 64))
        for range in [0..<1, 0..<3, 2..<6, 5..<6] {
            let plan = try fixture.plan(heads: range, precision: precision, block: 32, split: 64)
            let some = try fixture.decode(variant(name), plan)
            for query in 0..<2 {
                for (index, head) in range.enumerated() {
                    let row = query * range.count + index, whole = query * 6 + head
                    #expect(
                        some.values[row * latent..<(row + 1) * latent].map(\.bitPattern)
                            == all.values[whole * latent..<(whole + 1) * latent].map(\.bitPattern))
                    #expect(some.logSumExp[row].bitPattern == all.logSumExp[whole].bitPattern)
                }
            }
        }
    }

    @Test("queries alone or together", arguments: variantNames)
    func queries(name: String) throws {
        let fixture = try Self.fixture(), latent = fixture.shape.latentWidth
        let visible = [3..<90, 0..<150]
        let both = try fixture.decode(variant(name), fixture.plan(visible: visible, block: 32, split: 64))
        for query in 0..<2 {
            var one = fixture
            let row = 6 * fixture.shape.width
            one.queryCount = 1
            one.queries = Array(fixture.queries[query * row..<(query + 1) * row])
            let alone = try one.decode(variant(name), one.plan(visible: [visible[query]], block: 32, split: 64))
            #expect(alone.values == Array(both.values[query * 6 * latent..<(query + 1) * 6 * latent]))
        }
    }

    @Test("1, 2, 3, 5 or 8 owners of the splits, each holding only its own keys", arguments: variantNames)
    func owners(name: String) throws {
        let fixture = try Self.fixture(333), width = fixture.shape.width, variant = try variant(name)
        for (precision, split) in [(AttentionPrecision.float32, 40), (.bfloat16, 40), (.float32, 16)] {
            let visible = [5..<200, 0..<333]
            let plan = try fixture.plan(visible: visible, precision: precision, block: 16, split: split)
            let whole = try fixture.decode(variant, plan)
            let layout = plan.partialLayout, count = plan.splitCount(tokenCount: 333)
            for owners in [1, 2, 3, 5, 8] {
                var partials = [Float](repeating: .nan, count: count * layout.floatCount)
                // Owners run in descending order: arrival order must not matter.
                for owner in (0..<owners).reversed() {
                    let shards = KeyShards(splitLength: split, memberCount: owners)
                    var cache = try PagedLatentCache(element: .float32, width: width, pageSize: 16, pageCount: 40)
                    let sequence = cache.makeSequence()
                    for token in 0..<333 where shards.owner(of: token) == owner {
                        #expect(shards.localIndex(of: token) == cache.count(of: sequence))
                        try cache.append(
                            fixture.keys.span.extracting(token * width..<(token + 1) * width), to: sequence)
                    }
                    #expect(shards.localCount(of: owner, tokenCount: 333) == cache.count(of: sequence))
                    var workspace = AttentionWorkspace()
                    for index in stride(from: owner, to: count, by: owners) {
                        var all = partials.mutableSpan
                        var partial = all.slice(
                            index * layout.floatCount..<(index + 1) * layout.floatCount)
                        variant.decodeSplit(
                            shards.split(index, tokenCount: 333), of: sequence, in: cache,
                            queries: fixture.queries.span,
                            plan: plan, workspace: &workspace, into: &partial)
                    }
                }
                let merged = Self.merge(variant, partials, count, plan)
                #expect(merged.bits == whole.bits, "\(owners) owners, split \(split)")
            }
        }
    }

    static func merge(
        _ variant: any AttentionVariant, _ partials: [Float], _ count: Int, _ plan: DecodePlan
    ) -> Fixture.Output {
        let layout = plan.partialLayout
        var merged = [Float](repeating: 0, count: layout.floatCount)
        var values = [Float](repeating: 0, count: layout.rowCount * layout.latentWidth)
        var logSumExp = [Float](repeating: 0, count: layout.rowCount)
        var a = merged.mutableSpan, b = values.mutableSpan, c = logSumExp.mutableSpan
        variant.merge(partials.span, partialCount: count, layout: layout, merged: &a, output: &b, logSumExp: &c)
        return Fixture.Output(values: values, logSumExp: logSumExp)
    }
}
