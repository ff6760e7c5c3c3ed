public import Tensors

/// A borrowed row-major matrix of BF16 or float32 weights, checked once so that the kernels need not look again.
public struct MatrixView: ~Escapable {
    let bytes: RawSpan
    /// The element type: `.bfloat16` or `.float32`.
    public let type: ElementType
    /// How many rows.
    public let rowCount: Int
    /// Elements a row.
    public let width: Int
    /// Elements from one row's start to the next row's.
    public let stride: Int

    /// Views `rowCount` rows of `width` elements at `stride` from the start of `bytes`.
    ///
    /// Any alignment will do. Traps if the type is another, or if the rows do not fit the bytes.
    @_lifetime(copy bytes)
    public init(_ bytes: RawSpan, type: ElementType, rowCount: Int, width: Int, stride: Int? = nil) {
        precondition(type == .bfloat16 || type == .float32, "weights are bfloat16 or float32")
        self.bytes = bytes
        self.type = type
        self.rowCount = rowCount
        self.width = width
        self.stride = stride ?? width
        Rows(count: rowCount, stride: self.stride).check(width: width, available: bytes.byteCount / type.byteCount)
    }

    /// Views float32 numbers, such as a cache, as a matrix.
    @_lifetime(copy values)
    public init(_ values: Span<Float>, rowCount: Int, width: Int, stride: Int? = nil) {
        // SAFETY: the elements have no padding.
        unsafe self.init(values.bytes, type: .float32, rowCount: rowCount, width: width, stride: stride)
    }

    /// Views BF16 numbers, such as a cache, as a matrix.
    @_lifetime(copy values)
    public init(_ values: Span<BFloat16>, rowCount: Int, width: Int, stride: Int? = nil) {
        // SAFETY: the elements have no padding.
        unsafe self.init(values.bytes, type: .bfloat16, rowCount: rowCount, width: width, stride: stride)
    }

    /// The rows `range` of this matrix.
    @_lifetime(copy self)
    public func rows(_ range: Range<Int>) -> MatrixView {
        precondition(range.lowerBound >= 0 && range.upperBound <= rowCount, "rows outside the matrix")
        let start = range.lowerBound * stride * type.byteCount
        let end = range.isEmpty ? start : start + ((range.count - 1) * stride + width) * type.byteCount
        return MatrixView(
            bytes.extracting(start..<end), type: type, rowCount: range.count, width: width, stride: stride)
    }

    var kind: Int32 { type == .float32 ? 1 : 0 }
}
