import Attention
import Tensors
import TestKit
import Testing

@Suite("The paged latent cache")
struct PagedLatentCacheTests {
    static func append(
        _ rows: [Float], to sequence: CachedSequence, of cache: inout PagedLatentCache
    ) -> AttentionError? {
        do throws(AttentionError) {
            try cache.append(rows.span, to: sequence)
            return nil
        } catch {
            return error
        }
    }

    @Test("gives back every row after any history of appends, truncations and releases")
    func history() throws {
        for element in PagedLatentCache.Element.allCases {
            var random = SeededGenerator(seed: 71)
            var cache = try PagedLatentCache(element: element, width: 3, pageSize: 4, pageCount: 24)
            var model: [CachedSequence: [[Float]]] = [:]
            for _ in 0..<2000 {
                switch Int.random(in: 0..<10, using: &random) {
                case 0 where model.count < 6: model[cache.makeSequence()] = []
                case 1:
                    guard let victim = model.keys.randomElement(using: &random) else { continue }
                    cache.release(victim)
                    model[victim] = nil
                case 2:
                    guard let (victim, rows) = model.randomElement(using: &random) else { continue }
                    let count = Int.random(in: 0...rows.count, using: &random)
                    cache.truncate(victim, to: count)
                    model[victim] = Array(rows.prefix(count))
                default:
                    guard let (sequence, rows) = model.randomElement(using: &random) else { continue }
                    let new = (0..<Int.random(in: 0..<6, using: &random)).map { _ in
                        (0..<3).map { _ in Float.random(in: -1...1, using: &random).roundedToBFloat16 }
                    }
                    let pages = (rows.count + new.count + 3) / 4 - (rows.count + 3) / 4
                    let fits = pages <= cache.freePageCount
                    let refusal = Self.append(new.flatMap { $0 }, to: sequence, of: &cache)
                    #expect(refusal?.code == (fits ? nil : .outOfPages), "seed 71")
                    if fits { model[sequence] = rows + new }
                }
            }
            var pages: [Int32] = []
            for (sequence, rows) in model {
                #expect((0..<cache.count(of: sequence)).map { cache.row($0, of: sequence) } == rows, "seed 71")
                pages += cache.blockTable(of: sequence)
            }
            #expect(Set(pages).count == pages.count && pages.count + cache.freePageCount == 24)
        }
    }

    @Test("refuses sizes it cannot have, and rows that do not fit, in one line")
    func refusals() throws {
        for (width, pageSize, pageCount) in [(0, 1, 1), (1, 0, 1), (1, 1, -1), (1, 1 << 40, 1 << 40), (1, 2, 1 << 30)] {
            #expect(throws: AttentionError.self) {
                try PagedLatentCache(element: .float32, width: width, pageSize: pageSize, pageCount: pageCount)
            }
        }
        var cache = try PagedLatentCache(element: .float32, width: 2, pageSize: 2, pageCount: 1)
        let sequence = cache.makeSequence(), rows: [Float] = [1, 2, 3, 4, 5, 6]
        #expect(Self.append(rows, to: sequence, of: &cache)?.code == .outOfPages)
        #expect(cache.count(of: sequence) == 0 && cache.freePageCount == 1)
    }

    @Test("stale pages of released sequences do not reach a new one", arguments: variantNames)
    func staleness(name: String) throws {
        let fixture = try Fixture(heads: 2, latent: 8, rope: 8, tokenCount: 37, seed: 72)
        let plan = try fixture.plan(visible: [0..<1000], block: 16, split: 32)
        let clean = try fixture.decode(variant(name), plan, pageSize: 8)
        var cache = try PagedLatentCache(element: .float32, width: 16, pageSize: 8, pageCount: 6)
        let poison = cache.makeSequence(), nan = [Float](repeating: .nan, count: 6 * 8 * 16)
        try cache.append(nan.span, to: poison)
        cache.release(poison)
        let sequence = cache.makeSequence()
        try cache.append(fixture.keys.span, to: sequence)
        #expect(try fixture.decode(variant(name), plan, cache, sequence).bits == clean.bits)
    }
}
