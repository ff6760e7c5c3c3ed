public import Tensors

/// How the numbers of a row cross the fabric.
public enum WireFormat: UInt8, Sendable, CaseIterable, CustomStringConvertible {
    /// Four bytes a number, the same bits.
    case float32
    /// Two bytes a number, rounded half to even.
    case bfloat16
    /// One byte a number and one float32 scale a row, `max / 127`.
    case int8

    /// Bytes a number takes on the wire.
    public var elementByteCount: Int {
        switch self {
        case .float32: 4
        case .bfloat16: 2
        case .int8: 1
        }
    }

    /// The element type of the payload.
    public var elementType: ElementType {
        switch self {
        case .float32: .float32
        case .bfloat16: .bfloat16
        case .int8: .int8
        }
    }

    /// The name used on the command line and in tables.
    public var description: String { elementType.description }
}
