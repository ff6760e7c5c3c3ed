/// Softmax attention over latent rows in Float64, by the definition: what every attention variant is judged by.
///
/// All scores of a row are computed first, then their true maximum, then the weights, then the sums; nothing is online,
/// nothing is blocked. Sums are plain loops in ascending order.
public enum OracleAttention {
    /// Outputs of ``attend(queries:keys:heads:latentWidth:ropeWidth:visible:scale:)``.
    public struct Result: Sendable {
        /// `[queryCount, heads, latentWidth]`; zero for a query that sees no key.
        public var output: [Double]
        /// `[queryCount, heads]`, natural logarithm; `-inf` for a query that sees no key.
        public var logSumExp: [Double]
    }

    /// Attends.
    ///
    /// - Parameters:
    ///   - queries: `[visible.count, heads, latentWidth + ropeWidth]`.
    ///   - keys: `[tokens, latentWidth + ropeWidth]`; the value of a key is its first `latentWidth` columns.
    ///   - visible: for each query the tokens it sees; what lies past the end is ignored.
    ///   - scale: factor of the scores.
    /// - Complexity: `2 * queries * heads * tokens * (2 * latentWidth + ropeWidth)` flops.
    public static func attend(
        queries: [Float], keys: [Float], heads: Int, latentWidth: Int, ropeWidth: Int, visible: [Range<Int>],
        scale: Double
    ) -> Result {
        let width = latentWidth + ropeWidth, tokenCount = keys.count / width
        precondition(queries.count == visible.count * heads * width && keys.count == tokenCount * width)
        let wideKeys = keys.map(Double.init)
        var result = Result(
            output: Array(repeating: 0, count: visible.count * heads * latentWidth),
            logSumExp: Array(repeating: -.infinity, count: visible.count * heads))
        for row in 0..<visible.count * heads {
            let seen = visible[row / heads].clamped(to: 0..<tokenCount)
            if seen.isEmpty { continue }
            let query = queries[row * width..<(row + 1) * width].map(Double.init)
            let scores = scores(of: query, against: wideKeys, seen: seen, scale: scale)
            let maximum = scores.reduce(-.infinity, max)
            let weights = scores.map { OracleMath.exp($0 - maximum) }
            let sum = weights.reduce(0, +)
            let output = weighted(weights, of: wideKeys, seen: seen, width: width, latentWidth: latentWidth)
            for column in 0..<latentWidth { result.output[row * latentWidth + column] = output[column] / sum }
            result.logSumExp[row] = maximum + OracleMath.log(sum)
        }
        return result
    }

    private static func scores(
        of query: [Double], against keys: [Double], seen: Range<Int>, scale: Double
    ) -> [Double] {
        let width = query.count, keys = keys.span, query = query.span
        return seen.map { token in
            var sum = 0.0
            for column in 0..<width { sum += query[column] * keys[token * width + column] }
            return sum * scale
        }
    }

    private static func weighted(
        _ weights: [Double], of keys: [Double], seen: Range<Int>, width: Int, latentWidth: Int
    ) -> [Double] {
        var output = Array(repeating: 0.0, count: latentWidth)
        var sums = output.mutableSpan
        let keys = keys.span, weights = weights.span
        for token in seen {
            let weight = weights[token - seen.lowerBound]
            for column in 0..<latentWidth { sums[column] += weight * keys[token * width + column] }
        }
        return output
    }
}
