/// A piece of the symmetric heap: the same offset and length in every window.
///
/// Offsets travel between processes; addresses never do.
public struct Region: Sendable, Equatable, BitwiseCopyable {
    /// Bytes from the start of the window.
    public var offset: Int
    /// Bytes in the region.
    public var byteCount: Int

    /// A region at an offset.
    @inlinable
    public init(offset: Int, byteCount: Int) {
        self.offset = offset
        self.byteCount = byteCount
    }

    /// The part that starts `offset` bytes in and has `byteCount` bytes; must lie inside.
    @inlinable
    public func slice(_ offset: Int, _ byteCount: Int) -> Region {
        precondition(
            offset >= 0 && byteCount >= 0 && offset <= self.byteCount - byteCount, "a slice outside its region")
        return Region(offset: self.offset + offset, byteCount: byteCount)
    }

    /// Offset behind the last byte.
    @inlinable
    public var end: Int { offset + byteCount }

    /// Whether two regions share a byte.
    @inlinable
    public func overlaps(_ other: Region) -> Bool { offset < other.end && other.offset < end }
}
