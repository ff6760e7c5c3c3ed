/// Where the rows of a matrix lie in a span: `count` rows, the first at `offset`, `stride` elements from one to the next.
///
/// One head of a `[rows, heads, width]` tensor is `Rows(count: rows, offset: head * width, stride: heads * width)`.
public struct Rows: Sendable, Equatable {
    /// How many rows.
    public var count: Int
    /// The index of the first row's first element.
    public var offset: Int
    /// Elements from one row's start to the next row's.
    public var stride: Int

    /// Rows at a fixed stride from `offset` on.
    @inlinable
    public init(count: Int, offset: Int = 0, stride: Int) {
        self.count = count
        self.offset = offset
        self.stride = stride
    }

    /// The rows `range` of these, counted from the first.
    @inlinable
    public func part(_ range: Range<Int>) -> Rows {
        precondition(range.lowerBound >= 0 && range.upperBound <= count, "rows outside the matrix")
        return Rows(count: range.count, offset: offset + range.lowerBound * stride, stride: stride)
    }

    /// Traps unless rows of `width` elements lie inside `available` elements.
    @inlinable
    func check(width: Int, available: Int) {
        precondition(count >= 0 && offset >= 0 && stride >= 0 && width >= 0, "negative layout")
        guard count > 0 else { return }
        precondition(count == 1 || stride >= width, "rows overlap")
        let (last, overflow) = (count - 1).multipliedReportingOverflow(by: stride)
        precondition(!overflow && last <= available && offset <= available - last, "rows outside the span")
        precondition(width <= available - last - offset, "rows outside the span")
    }
}
