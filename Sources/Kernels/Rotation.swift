/// Rotation of positions into queries and keys.
public enum Rotation {
    /// Rotates pairs of one vector: `(a, b) -> (a cos − b sin, b cos + a sin)`, each product and sum rounded by itself.
    ///
    /// Pairs are `(2i, 2i + 1)` of the input if `isInterleaved`, else `(i, i + n)`, n the number of pairs. In the output the
    /// first elements of all pairs come first, then the second ones, as in the public implementation, whose bits these are.
    ///
    /// ## Shapes
    /// - `input`, `output`: `[2n]`; `cosines`, `sines`: `[n]`.
    public static func rotate(
        _ input: Span<Float>, cosines: Span<Float>, sines: Span<Float>, isInterleaved: Bool,
        into output: inout MutableSpan<Float>, at offset: Int
    ) {
        let pairs = cosines.count
        precondition(sines.count == pairs && input.count == 2 * pairs, "a cosine and a sine for each pair")
        precondition(offset >= 0 && output.count >= offset + 2 * pairs, "room for the pairs")
        for pair in 0..<pairs {
            let first = input[isInterleaved ? 2 * pair : pair]
            let second = input[isInterleaved ? 2 * pair + 1 : pair + pairs]
            output[offset + pair] = first * cosines[pair] - second * sines[pair]
            output[offset + pairs + pair] = second * cosines[pair] + first * sines[pair]
        }
    }
}
