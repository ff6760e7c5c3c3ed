extension MutableSpan {
    /// The elements of a range, to write; the whole span is lent out until the slice is gone.
    @inlinable
    @_lifetime(&self)
    public mutating func slice(_ range: Range<Int>) -> MutableSpan<Element> {
        _mutatingExtracting(range)
    }
}
