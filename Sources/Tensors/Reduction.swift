/// How the elements of several ranks become one.
///
/// The result of an element is a fold over the members in rank order, 0 to n - 1, and nothing else: not the form of the
/// transfer, not the fraction pushed, not how a block was cut. So the bits are always the same.
///
/// - Integers: sums and products wrap.
/// - `float32`, `float64`: folded in their own type.
/// - `float16`, `bfloat16`: widened to `Float`, folded there, rounded once at the end, halves to even.
/// - Maximum and minimum are those of IEEE 754-2019: any NaN gives NaN, and -0 is less than +0.
/// - Any NaN that a reduction gives is the canonical one (positive, quiet, no payload), also in a team of one.
///
/// The raw value travels in messages: changing one is a layout version bump.
public enum Reduction: UInt8, CaseIterable, Sendable, CustomStringConvertible {
    case sum = 0
    case max = 1
    case min = 2
    case product = 3

    /// The name used on the command line, in tables and in traces.
    public var description: String {
        switch self {
        case .sum: "sum"
        case .max: "max"
        case .min: "min"
        case .product: "product"
        }
    }

    /// The reduction with this command-line name, if there is one.
    public init?(name: String) {
        guard let match = Self.allCases.first(where: { $0.description == name }) else { return nil }
        self = match
    }
}
