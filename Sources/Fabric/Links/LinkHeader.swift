/// The first 64 bytes of every message between hosts, little-endian:
///
/// ```
/// 0   magic u32          "SPL1"
/// 4   checksum u32       CRC-32C over header (with this word zero), records and attachment
/// 8   digest u64         of everything both ends must agree on: run, layout, hosts, ranks, window
/// 16  sequence u64       number of this message on the link, from 1; 0 for one that only acknowledges
/// 24  acknowledged u64   the next number expected from the receiver: all below have been carried out
/// 32  limit u64          the receiver may send numbers up to this one
/// 40  source u16, target u16     hosts
/// 44  flags u16          1: a number is missing, please send again; 2: I have not heard of you, please answer;
///                        4: I have given the link up; 8: another long one follows, no need to acknowledge this one yet
/// 46  records u16
/// 48  headByteCount u32, attachmentByteCount u32
/// 56  zero u64
/// ```
struct LinkHeader: Equatable {
    static let byteCount = 64
    static let magic: UInt32 = 0x314C_5053
    static let gapFlag: UInt16 = 1
    static let greetingFlag: UInt16 = 2
    static let farewellFlag: UInt16 = 4
    static let moreFlag: UInt16 = 8

    var checksum: UInt32 = 0
    var digest: UInt64
    var sequence: UInt64
    var acknowledged: UInt64
    var limit: UInt64
    var source: UInt16
    var target: UInt16
    var flags: UInt16 = 0
    var recordCount: UInt16 = 0
    var headByteCount: UInt32 = 0
    var attachmentByteCount: UInt32 = 0

    init(
        digest: UInt64, sequence: UInt64, acknowledged: UInt64, limit: UInt64, source: Int, target: Int
    ) {
        self.digest = digest
        self.sequence = sequence
        self.acknowledged = acknowledged
        self.limit = limit
        self.source = UInt16(truncatingIfNeeded: source)
        self.target = UInt16(truncatingIfNeeded: target)
    }

    /// Reads a header; nil if the head is too short, of another protocol, or of another length than it says.
    @unsafe
    init?(from head: UnsafeRawBufferPointer, attachmentByteCount found: Int) {
        guard head.count >= Self.byteCount, let bytes = head.baseAddress else { return nil }
        func word64(_ offset: Int) -> UInt64 {
            unsafe UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
        }
        func word32(_ offset: Int) -> UInt32 {
            unsafe UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt32.self))
        }
        guard word32(0) == Self.magic else { return nil }
        checksum = word32(4)
        digest = word64(8)
        sequence = word64(16)
        acknowledged = word64(24)
        limit = word64(32)
        source = UInt16(truncatingIfNeeded: word32(40))
        target = UInt16(truncatingIfNeeded: word32(40) >> 16)
        flags = UInt16(truncatingIfNeeded: word32(44))
        recordCount = UInt16(truncatingIfNeeded: word32(44) >> 16)
        headByteCount = word32(48)
        attachmentByteCount = word32(52)
        guard Int(headByteCount) == head.count, Int(attachmentByteCount) == found else { return nil }
    }

    /// Writes the header and the checksum of the whole message.
    @unsafe
    func write(to head: UnsafeMutableRawBufferPointer, attachment: UnsafeRawBufferPointer?) {
        guard let bytes = head.baseAddress else { return }
        func store64(_ value: UInt64, _ offset: Int) {
            unsafe bytes.storeBytes(of: value.littleEndian, toByteOffset: offset, as: UInt64.self)
        }
        func store32(_ value: UInt32, _ offset: Int) {
            unsafe bytes.storeBytes(of: value.littleEndian, toByteOffset: offset, as: UInt32.self)
        }
        store32(Self.magic, 0)
        store32(0, 4)
        store64(digest, 8)
        store64(sequence, 16)
        store64(acknowledged, 24)
        store64(limit, 32)
        store32(UInt32(source) | UInt32(target) << 16, 40)
        store32(UInt32(flags) | UInt32(recordCount) << 16, 44)
        store32(UInt32(truncatingIfNeeded: head.count), 48)
        store32(UInt32(truncatingIfNeeded: unsafe attachment?.count ?? 0), 52)
        store64(0, 56)
        store32(unsafe Self.checksum(head: UnsafeRawBufferPointer(head), attachment: attachment), 4)
    }

    /// The checksum of a message, whatever stands in the checksum's own place.
    @unsafe
    static func checksum(head: UnsafeRawBufferPointer, attachment: UnsafeRawBufferPointer?) -> UInt32 {
        let zero: UInt32 = 0
        var sum = unsafe Checksum.crc32c(0, UnsafeRawBufferPointer(rebasing: head[..<4]))
        sum = unsafe withUnsafeBytes(of: zero) { bytes in unsafe Checksum.crc32c(sum, bytes) }
        sum = unsafe Checksum.crc32c(sum, UnsafeRawBufferPointer(rebasing: head[8...]))
        if let attachment = unsafe attachment { sum = unsafe Checksum.crc32c(sum, attachment) }
        return sum
    }
}
