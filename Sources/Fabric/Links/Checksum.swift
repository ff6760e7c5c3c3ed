internal import CKernels

/// CRC-32C, the checksum of what travels between hosts (RFC 3720, appendix B.4).
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
}
