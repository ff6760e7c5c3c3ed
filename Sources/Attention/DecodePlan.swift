public import Kernels

/// In which precision queries, keys and softmax weights enter the products. Sums are always float32.
public enum AttentionPrecision: String, Sendable, CaseIterable {
    /// Values as they are: c = 1, no compensation, exact powers of two.
    case float32
    /// Queries and keys rounded to bfloat16 (halves to even), weights to bfloat16 (halves away from zero), as the
    /// published kernel does.
    case bfloat16
}

/// Everything about a decode step that is neither a tensor nor a place: shapes, who sees what, and the numerics.
///
/// Two plans that are equal (whatever their kernels) give the same bits on every machine, for every distribution of the
/// splits. ``splitLength`` and ``blockLength`` are part of the numerics and must never follow from a worker count.
public struct DecodePlan: Sendable {
    /// Heads and widths of the whole attention.
    public let shape: LatentShape
    /// The heads to compute; all by default. Each head's result is the same whichever others are computed with it.
    public private(set) var heads: Range<Int>
    /// For each query, the token positions it may attend to, in the whole sequence; may be empty or reach past its end.
    public let visible: [Range<Int>]
    /// Factor of the scores. For DeepSeek models (nope + rope head width)^-1/2, times the square of YaRN's mscale.
    public let scale: Float
    /// Precision of what enters the products.
    public let precision: AttentionPrecision
    /// Tokens absorbed at once; between blocks the running maximum may move.
    public let blockLength: Int
    /// Tokens in a split; each split is attended to on its own and merged in ascending order.
    public let splitLength: Int
    /// The inner loops; all tables give the same bits.
    public let kernels: AttentionKernels

    /// Checks and keeps a plan.
    ///
    /// - Throws: ``AttentionError`` `.invalidShape` for heads outside the shape, negative positions, lengths that are not
    ///   positive, or a scale that is not finite.
    public init(
        shape: LatentShape, heads: Range<Int>? = nil, visible: [Range<Int>], scale: Float,
        precision: AttentionPrecision = .float32, blockLength: Int = 512, splitLength: Int = 512,
        kernels: AttentionKernels = .best
    ) throws(AttentionError) {
        let heads = heads ?? 0..<shape.heads
        guard heads.lowerBound >= 0, heads.upperBound <= shape.heads, !heads.isEmpty else {
            throw AttentionError(.invalidShape, "heads \(heads) of \(shape.heads)")
        }
        guard visible.allSatisfy({ $0.lowerBound >= 0 }) else {
            throw AttentionError(.invalidShape, "a query sees a negative position")
        }
        guard blockLength > 0, splitLength > 0, blockLength <= 1 << 20, splitLength <= 1 << 30 else {
            throw AttentionError(
                .invalidShape, "blocks of \(blockLength) and splits of \(splitLength) tokens; both are positive")
        }
        guard scale.isFinite else { throw AttentionError(.invalidShape, "a softmax scale of \(scale)") }
        self.shape = shape
        self.heads = heads
        self.visible = visible
        self.scale = scale
        self.precision = precision
        self.blockLength = blockLength
        self.splitLength = splitLength
        self.kernels = kernels
    }

    /// The visible ranges of `count` consecutive queries that follow (and each see) `past` tokens, each seeing itself and
    /// all before it.
    public static func causal(past: Int, count: Int) -> [Range<Int>] {
        (0..<count).map { 0..<(past + $0 + 1) }
    }

    /// Queries in the batch.
    public var queryCount: Int { visible.count }
    /// Rows of the result: `[query][head]` over the heads to compute.
    public var rowCount: Int { visible.count * heads.count }
    /// How partial states of this plan lie in memory.
    public var partialLayout: PartialLayout { PartialLayout(rowCount: rowCount, latentWidth: shape.latentWidth) }

    /// How many splits `tokenCount` tokens make; the last may be shorter.
    public func splitCount(tokenCount: Int) -> Int { (tokenCount + splitLength - 1) / splitLength }

    /// Split number `index` of a sequence that is whole in one cache.
    public func split(_ index: Int, tokenCount: Int) -> KeySplit {
        let first = index * splitLength
        return KeySplit(tokens: first..<min(first + splitLength, tokenCount), firstPosition: first)
    }

    /// The same plan for other heads of the shape.
    public func with(heads: Range<Int>) -> DecodePlan {
        precondition(
            heads.lowerBound >= 0 && heads.upperBound <= shape.heads && !heads.isEmpty, "The shape has no such heads.")
        var plan = self
        plan.heads = heads
        return plan
    }
}

/// A run of consecutive keys: where a cache holds them, and which positions they have in the whole sequence.
public struct KeySplit: Sendable, Equatable {
    /// Token indices in the cache's sequence.
    public var tokens: Range<Int>
    /// Position of the first of them in the whole sequence; differs from the index where a cache holds only a shard.
    public var firstPosition: Int

    /// A split.
    public init(tokens: Range<Int>, firstPosition: Int) {
        self.tokens = tokens
        self.firstPosition = firstPosition
    }
}
