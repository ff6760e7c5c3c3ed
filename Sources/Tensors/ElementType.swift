/// The element types that cross the fabric, with their sizes and names.
///
/// The raw value is the wire code: changing one is a layout version bump.
public enum ElementType: UInt8, CaseIterable, Sendable, CustomStringConvertible {
    case int8 = 1
    case int32 = 2
    case int64 = 3
    case float16 = 4
    case bfloat16 = 5
    case float32 = 6
    case float64 = 7

    /// Bytes one element occupies.
    @inlinable
    public var byteCount: Int {
        switch self {
        case .int8: 1
        case .float16, .bfloat16: 2
        case .int32, .float32: 4
        case .int64, .float64: 8
        }
    }

    /// The name used on the command line, in tables and in traces.
    public var description: String {
        switch self {
        case .int8: "int8"
        case .int32: "int32"
        case .int64: "int64"
        case .float16: "float16"
        case .bfloat16: "bfloat16"
        case .float32: "float32"
        case .float64: "float64"
        }
    }

    /// The type with this command-line name, if there is one.
    public init?(name: String) {
        guard let match = Self.allCases.first(where: { $0.description == name }) else { return nil }
        self = match
    }
}
