public import Kernels
public import SharedMemory
public import Tensors

/// A tensor that lies in a mapped file, with the mapping it keeps alive.
public struct MappedTensor: Sendable {
    /// The file.
    public let mapping: FileMapping
    /// Its bytes in the file.
    public let range: Range<Int>
    /// `.bfloat16` or `.float32`.
    public let type: ElementType
    /// Elements along each dimension, the innermost last.
    public let shape: [Int]

    /// The bytes, at any alignment.
    public var bytes: RawSpan {
        @_lifetime(borrow self) get { mapping.bytes.extracting(range) }
    }

    /// The tensor as a matrix; traps unless it has two dimensions.
    public var matrix: MatrixView {
        @_lifetime(borrow self) get {
            precondition(shape.count == 2, "a matrix has two dimensions")
            return MatrixView(bytes, type: type, rowCount: shape[0], width: shape[1])
        }
    }

    /// The elements in order, widened exactly.
    public var floats: [Float] {
        let count = shape.reduce(1, *)
        var result = [Float](repeating: 0, count: count)
        var output = result.mutableSpan
        if type == .bfloat16 {
            NumberFormats.decodeBFloat16(bytes, into: &output)
        } else {
            NumberFormats.decodeFloat32(bytes, into: &output)
        }
        return result
    }
}
