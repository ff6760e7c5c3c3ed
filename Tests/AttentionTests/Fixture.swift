import Attention
import Kernels
import Oracle
import Tensors
import TestKit

/// Inputs of one attention problem, and the ways to run it.
struct Fixture {
    var shape: LatentShape
    var queryCount: Int
    /// `[queryCount, heads, width]`.
    var queries: [Float]
    /// `[tokens, width]`.
    var keys: [Float]
    var scale: Float

    var tokenCount: Int { keys.count / shape.width }

    /// The distributions of the error table of AMLA (arXiv 2509.25224).
    enum Distribution: String, CaseIterable {
        case narrowNormal, normal, wideNormal, uniform, flashMLA

        func sample(_ random: inout SeededGenerator) -> Float {
            switch self {
            case .narrowNormal: Float(0.5 * random.normal())
            case .normal: Float(random.normal())
            case .wideNormal: Float(3 * random.normal())
            case .uniform: Float.random(in: -4...4, using: &random)
            case .flashMLA: max(-1, min(Float(random.normal() / 10), 1))
            }
        }
    }

    /// Random inputs rounded to bfloat16, so that both precisions see the same numbers.
    init(
        heads: Int, latent: Int, rope: Int, queryCount: Int = 1, tokenCount: Int, seed: UInt64,
        distribution: Distribution = .normal, scale: Float? = nil
    ) throws {
        shape = try LatentShape(heads: heads, latentWidth: latent, ropeWidth: rope)
        self.queryCount = queryCount
        var random = SeededGenerator(seed: seed)
        let width = latent + rope
        queries = (0..<queryCount * heads * width).map { _ in distribution.sample(&random).roundedToBFloat16 }
        keys = (0..<tokenCount * width).map { _ in distribution.sample(&random).roundedToBFloat16 }
        self.scale = scale ?? 1 / Float(width).squareRoot()
    }

    /// All queries see all keys, unless said otherwise.
    func plan(
        heads: Range<Int>? = nil, visible: [Range<Int>]? = nil, precision: AttentionPrecision = .float32,
        block: Int = 512, split: Int = 1 << 30, kernels: AttentionKernels = .best
    ) throws -> DecodePlan {
        try DecodePlan(
            shape: shape, heads: heads, visible: visible ?? Array(repeating: 0..<tokenCount, count: queryCount),
            scale: scale, precision: precision, blockLength: block, splitLength: split, kernels: kernels)
    }

    /// A cache that holds the keys, its pages scattered among those of another sequence.
    func cache(
        element: PagedLatentCache.Element = .float32, pageSize: Int = 16
    ) throws -> (PagedLatentCache, CachedSequence) {
        let pages = tokenCount / pageSize + 2
        var cache = try PagedLatentCache(
            element: element, width: shape.width, pageSize: pageSize, pageCount: 2 * pages)
        let other = cache.makeSequence(), sequence = cache.makeSequence()
        let filler = [Float](repeating: .nan, count: shape.width)
        for token in 0..<tokenCount {
            if token % pageSize == 0 && token % 3 != 0 { try cache.append(filler.span, to: other) }
            try cache.append(
                keys.span.extracting(token * shape.width..<(token + 1) * shape.width), to: sequence)
        }
        return (cache, sequence)
    }

    struct Output: Equatable {
        var values: [Float]
        var logSumExp: [Float]
        /// NaN compares by its bits here.
        var bits: [UInt32] { (values + logSumExp).map(\.bitPattern) }
    }

    func decode(
        _ variant: any AttentionVariant, _ plan: DecodePlan, element: PagedLatentCache.Element = .float32,
        pageSize: Int = 16
    ) throws -> Output {
        let (cache, sequence) = try cache(element: element, pageSize: pageSize)
        return decode(variant, plan, cache, sequence)
    }

    func decode(
        _ variant: any AttentionVariant, _ plan: DecodePlan, _ cache: PagedLatentCache, _ sequence: CachedSequence
    ) -> Output {
        var workspace = AttentionWorkspace()
        var values = [Float](repeating: 7, count: plan.rowCount * shape.latentWidth)
        var logSumExp = [Float](repeating: 7, count: plan.rowCount)
        var valueSpan = values.mutableSpan, lseSpan = logSumExp.mutableSpan
        variant.decode(
            sequence, in: cache, queries: queries.span, plan: plan, workspace: &workspace, output: &valueSpan,
            logSumExp: &lseSpan)
        return Output(values: values, logSumExp: logSumExp)
    }

    func oracle(visible: [Range<Int>]? = nil) -> OracleAttention.Result {
        OracleAttention.attend(
            queries: queries, keys: keys, heads: shape.heads, latentWidth: shape.latentWidth,
            ropeWidth: shape.ropeWidth, visible: visible ?? Array(repeating: 0..<tokenCount, count: queryCount),
            scale: Double(scale))
    }
}

/// |a - b| / |b| in the Frobenius norm.
func relativeError(_ values: [Float], _ truth: [Double]) -> Double {
    var difference = 0.0, norm = 0.0
    for (value, exact) in zip(values, truth) {
        difference += (Double(value) - exact) * (Double(value) - exact)
        norm += exact * exact
    }
    return norm == 0 ? difference.squareRoot() : (difference / norm).squareRoot()
}

/// The catalog by names, so that a test's arguments print well.
let variantNames = AttentionCatalog.all.map(\.name)

func variant(_ name: String) throws -> any AttentionVariant {
    guard let found = AttentionCatalog.variant(named: name) else { throw UnknownVariant() }
    return found
}

struct UnknownVariant: Error {}

/// Whether the tests were built in release mode.
let isOptimized: Bool = {
    #if DEBUG
        false
    #else
        true
    #endif
}()
