/// The sizes of multi-head latent attention: heads, and the two parts of a cache row.
///
/// A cache row, and a query row of one head, is `[latent | rope]`; the value of a key is its latent part.
public struct LatentShape: Sendable, Equatable {
    /// Query heads; all share the one latent key head.
    public let heads: Int
    /// Columns of the latent part (kv_lora_rank): key and value at once.
    public let latentWidth: Int
    /// Columns of the rotary part; takes part in scores only. May be 0.
    public let ropeWidth: Int

    /// Columns of a whole row.
    public var width: Int { latentWidth + ropeWidth }

    /// A shape; widths that are multiples of 8 are fastest, any width is right.
    ///
    /// - Throws: ``AttentionError`` `.invalidShape` unless heads and latent width are positive and all are under 2^20.
    public init(heads: Int, latentWidth: Int, ropeWidth: Int) throws(AttentionError) {
        let limit = 1 << 20
        guard (1...limit).contains(heads) else {
            throw AttentionError(.invalidShape, "\(heads) heads; allowed are 1 to \(limit)")
        }
        guard (1...limit).contains(latentWidth), (0...limit).contains(ropeWidth) else {
            throw AttentionError(
                .invalidShape, "latent width \(latentWidth) and rope width \(ropeWidth); allowed are 1 (0) to \(limit)")
        }
        self.heads = heads
        self.latentWidth = latentWidth
        self.ropeWidth = ropeWidth
    }
}
