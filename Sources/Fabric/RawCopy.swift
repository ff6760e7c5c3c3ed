/// The limit that puts and gets are measured against: one `memcpy` between private buffers.
public enum RawCopy {
    /// Copies the source into the destination, which is as long.
    @inline(never)
    public static func run(_ source: Span<UInt8>, _ destination: inout MutableSpan<UInt8>) {
        precondition(source.count == destination.count, "buffers of one length")
        unsafe source.withUnsafeBytes { from in
            unsafe destination.withUnsafeMutableBytes { to in
                guard let start = to.baseAddress, let other = from.baseAddress else { return }
                unsafe start.copyMemory(from: other, byteCount: from.count)
            }
        }
    }
}
