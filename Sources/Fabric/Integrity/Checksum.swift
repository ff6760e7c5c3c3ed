internal import CKernels

/// CRC-32C (RFC 3720, appendix B.4): the checksum of what travels between hosts, and where integrity is asked for of what lies in windows.
public enum Checksum {
    /// Continues a checksum over more bytes; start with 0.
    @unsafe
    static func crc32c(_ checksum: UInt32, _ bytes: UnsafeRawBufferPointer) -> UInt32 {
        unsafe softpod_crc32c(checksum, bytes.baseAddress, UInt64(bytes.count))
    }

    /// The checksum of a span, by the fast form or by the portable one that defines it.
    public static func crc32c(_ bytes: Span<UInt8>, continuing checksum: UInt32 = 0, portable: Bool = false) -> UInt32 {
        unsafe bytes.withUnsafeBytes { bytes in
            unsafe portable
                ? softpod_crc32c_portable(checksum, bytes.baseAddress, UInt64(bytes.count))
                : softpod_crc32c(checksum, bytes.baseAddress, UInt64(bytes.count))
        }
    }

    /// The checksum of bytes as they lie in a window.
    public static func crc32c(_ bytes: RawSpan, continuing checksum: UInt32 = 0) -> UInt32 {
        unsafe bytes.withUnsafeBytes { bytes in unsafe crc32c(checksum, bytes) }
    }

    /// The checksum of values as they lie in memory.
    public static func crc32c<Value: BitwiseCopyable>(_ values: Span<Value>, continuing checksum: UInt32 = 0) -> UInt32
    {
        // SAFETY: the fabric carries plain values without gaps.
        unsafe crc32c(values.bytes, continuing: checksum)
    }
}
