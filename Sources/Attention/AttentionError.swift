/// Why an attention request was refused before anything was computed.
public struct AttentionError: Error, Sendable, Equatable, CustomStringConvertible {
    /// What is wrong.
    public enum Code: String, Sendable {
        /// A count, width or range is outside what the algorithm is defined for.
        case invalidShape
        /// The cache has fewer free pages than the rows need.
        case outOfPages
    }

    /// What is wrong.
    public var code: Code
    /// The place and the rule.
    public var context: String

    init(_ code: Code, _ context: String) {
        self.code = code
        self.context = context
    }

    /// One sentence: what, where, which rule.
    public var description: String {
        switch code {
        case .invalidShape: "attention cannot have this shape: \(context)"
        case .outOfPages: "the latent cache is full: \(context)"
        }
    }
}
