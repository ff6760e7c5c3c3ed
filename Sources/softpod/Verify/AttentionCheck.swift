internal import Attention
internal import Fabric
internal import Oracle

/// One attention variant in one precision: decode on one die against Float64 softmax, and decode over the team, by keys and by
/// heads, bit for bit against the one die.
struct AttentionCheck: Check {
    let variant: any AttentionVariant
    let precision: AttentionPrecision

    var name: String { "\(variant.name).\(precision.rawValue)" }
    var judge: String { "error <= \(bound) of Float64; distributed bit for bit" }

    /// Relative Frobenius error. Float32: 4 heads, at most 200 keys, sums of rounded products of O(1). BF16: the worst cell
    /// of the error table for AMLA is 1.9e-3 (arXiv 2509.25224), with 20 % for the draw and headroom for short sequences.
    private var bound: Double { precision == .float32 ? 1e-5 : 4e-3 }

    static var all: [any Check] {
        AttentionCatalog.all.flatMap { variant in
            AttentionPrecision.allCases.map { AttentionCheck(variant: variant, precision: $0) }
        }
    }

    private static let heads = 4
    private static let latent = 32
    private static let rope = 16
    private static let split = 32
    private static let queries = 2

    func heapByteCount(dies: Int, isProtected: Bool) -> Int {
        DistributedDecode.byteCount(
            memberCount: dies, rowCapacity: Self.queries * Self.heads, latentWidth: Self.latent, splitCapacity: 8,
            isProtected: isProtected)
    }

    func run(on bench: CheckBench, seed: UInt64) throws -> Finding {
        try bench.withMemory(heapByteCount(dies: bench.world.size, isProtected: bench.world.endpoint.isProtected)) {
            region in
            let decoder = DistributedDecode(
                team: bench.world, region: region, variant: variant, rowCapacity: Self.queries * Self.heads,
                latentWidth: Self.latent, splitCapacity: 8)
            var finding = Finding(error: 0)
            for (index, tokens) in [1, 31, 32, 33, 97, 200].enumerated() {
                try judge(decoder, tokens: tokens, seed: CheckRandom.mixed(seed, UInt64(index)), &finding)
            }
            return finding
        }
    }

    private func judge(
        _ decoder: DistributedDecode, tokens: Int, seed: UInt64, _ finding: inout Finding
    ) throws {
        var random = CheckRandom(seed: seed)
        let shape = try LatentShape(heads: Self.heads, latentWidth: Self.latent, ropeWidth: Self.rope)
        let width = Self.latent + Self.rope
        let round = { (values: [Float]) in
            precision == .bfloat16 ? values.map { Float(bitPattern: $0.bitPattern & 0xFFFF_0000) } : values
        }
        let keys = round(random.floats(tokens * width).map { $0 * 2 })
        let queries = round(random.floats(Self.queries * Self.heads * width))
        let visible = (0..<Self.queries).map { 0..<max(1, tokens - Self.queries + 1 + $0) }
        let plan = try DecodePlan(
            shape: shape, visible: visible, scale: 0.25, precision: precision, blockLength: Self.split,
            splitLength: Self.split)
        let local = try decodeLocally(keys, queries, plan, width)
        let oracle = OracleAttention.attend(
            queries: queries, keys: keys, heads: Self.heads, latentWidth: Self.latent, ropeWidth: Self.rope,
            visible: visible, scale: 0.25)
        let error = Self.relativeError(local, oracle.output)
        finding.error = max(finding.error ?? 0, error)
        let me = decoder.team.rank
        finding.compare(error <= bound, "rank \(me): error \(error) at \(tokens) keys")
        let shared = try decodeByKeys(decoder, keys, queries, plan, width, tokens)
        finding.digest.add(shared)
        finding.compare(Self.same(shared, local), "rank \(me): by keys differs at \(tokens) keys")
        let divided = try decodeByHeads(decoder, keys, queries, plan, width)
        finding.digest.add(divided)
        finding.compare(Self.same(divided, local), "rank \(me): by heads differs at \(tokens) keys")
    }

    private func cache(_ rows: [Float], _ width: Int) throws -> (PagedLatentCache, CachedSequence) {
        var cache = try PagedLatentCache(
            element: precision == .bfloat16 ? .bfloat16 : .float32, width: width, pageSize: 16, pageCount: 16)
        let sequence = cache.makeSequence()
        try cache.append(rows.span, to: sequence)
        return (cache, sequence)
    }

    private func decodeLocally(
        _ keys: [Float], _ queries: [Float], _ plan: DecodePlan, _ width: Int
    ) throws -> [Float] {
        let (cache, sequence) = try cache(keys, width)
        var workspace = AttentionWorkspace()
        var output = [Float](repeating: 0, count: plan.rowCount * Self.latent)
        var sums = [Float](repeating: 0, count: plan.rowCount)
        var outputs = output.mutableSpan
        var sumSpan = sums.mutableSpan
        variant.decode(
            sequence, in: cache, queries: queries.span, plan: plan, workspace: &workspace, output: &outputs,
            logSumExp: &sumSpan)
        return output
    }

    private func decodeByKeys(
        _ decoder: DistributedDecode, _ keys: [Float], _ queries: [Float], _ plan: DecodePlan, _ width: Int,
        _ tokens: Int
    ) throws -> [Float] {
        let shards = KeyShards(splitLength: Self.split, memberCount: decoder.team.size)
        let mine = (0..<tokens).filter { shards.owner(of: $0) == decoder.team.rank }
        let (cache, sequence) = try cache(mine.flatMap { keys[$0 * width..<($0 + 1) * width] }, width)
        var output = [Float](repeating: 0, count: plan.rowCount * Self.latent)
        var sums = [Float](repeating: 0, count: plan.rowCount)
        var outputs = output.mutableSpan
        var sumSpan = sums.mutableSpan
        try decoder.decodeByKeys(
            sequence, in: cache, tokenCount: tokens, queries: queries.span, plan: plan, output: &outputs,
            logSumExp: &sumSpan)
        return output
    }

    private func decodeByHeads(
        _ decoder: DistributedDecode, _ keys: [Float], _ queries: [Float], _ plan: DecodePlan, _ width: Int
    ) throws -> [Float] {
        let (cache, sequence) = try cache(keys, width)
        var output = [Float](repeating: 0, count: plan.rowCount * Self.latent)
        var sums = [Float](repeating: 0, count: plan.rowCount)
        var outputs = output.mutableSpan
        var sumSpan = sums.mutableSpan
        try decoder.decodeByHeads(
            sequence, in: cache, queries: queries.span, plan: plan, output: &outputs, logSumExp: &sumSpan)
        return output
    }

    private static func same(_ left: [Float], _ right: [Float]) -> Bool {
        left.map(\.bitPattern) == right.map(\.bitPattern)
    }

    private static func relativeError(_ values: [Float], _ reference: [Double]) -> Double {
        var difference = 0.0
        var size = 0.0
        for (value, right) in zip(values, reference) {
            difference += (Double(value) - right) * (Double(value) - right)
            size += right * right
        }
        return size > 0 ? (difference / size).squareRoot() : difference.squareRoot()
    }
}
