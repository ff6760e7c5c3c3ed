/// How a model's numbers are held and multiplied. Sums are float32 (INT8: exact int32) in every case.
public enum Precision: String, CaseIterable, Sendable, CustomStringConvertible {
    /// BF16 weights widened exactly; activations, cache and wire in float32.
    case float32
    /// Activations rounded to BF16 before each matrix product; latent cache and expert rows on the wire in BF16.
    case bfloat16
    /// Projections and experts in INT8, weights with a scale per output channel, activations with one per token, taken from
    /// its largest magnitude. Embedding, norms, gate, latent expansion and output layer as in ``bfloat16``; expert rows go
    /// out in INT8 with their scale and come back in BF16. Activations inside a block have a second INT8 term for what the
    /// first leaves out. After CloudMatrix384, arXiv 2506.12708, section 4.5.
    case int8

    /// The name used on the command line and in tables.
    public var description: String { rawValue }

    /// Whether a row is rounded to BF16 before a product with BF16 weights.
    public var roundsActivations: Bool { self != .float32 }
}
