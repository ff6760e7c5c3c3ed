public import Fabric

/// Why a step of the model failed.
public struct ModelError: Error, CustomStringConvertible, Sendable {
    /// What failed; recovery switches on this.
    public enum Code: Sendable, Equatable {
        /// A row asks for a token or a position the model does not have.
        case badRow
        /// A sampling parameter is out of its range.
        case badSampling
        /// The attention core failed; ``ModelError/cause`` says why.
        case attention
        /// The expert exchange failed; ``ModelError/cause`` says why.
        case exchange
        /// Logits are not all finite, so there is no likeliest token: a weight that is none, or sums beyond float32.
        case notFinite
    }

    /// What failed.
    public var code: Code
    /// The error of the layer below, where there is one.
    public var cause: (any Error)?
    /// One sentence: what failed, where, and what would be right.
    public var description: String

    /// An error of the model itself, or of a core that has no error of its own.
    public init(_ code: Code, _ description: String) {
        self.code = code
        self.description = description
    }

    /// Logits of one row that are not finite; `logits` are the row's.
    static func notFinite(_ logits: Span<Float>, request: Int, position: Int) -> ModelError {
        let token = logits.indices.first { !logits[$0].isFinite } ?? 0
        return ModelError(
            .notFinite,
            """
            request \(request), position \(position): the logit of token \(token) is \(logits[token]); logits must be finite, so look at \
            the model's weights
            """)
    }

    /// Wraps the error of the layer below, once, with the phase it happened in.
    public init(_ code: Code, layer: Int, cause: any Error) {
        self.code = code
        self.cause = cause
        description = "layer \(layer), \(code == .attention ? "attention" : "expert exchange"): \(cause)"
    }
}

extension ModelError: FabricCaused {
    /// The fabric's error at the bottom of the causes, if there is one.
    public var fabricCause: FabricError? { (cause as? any FabricCaused)?.fabricCause }
}
