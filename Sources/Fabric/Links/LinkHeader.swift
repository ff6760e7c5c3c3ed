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
struct LinkHeader: BitwiseCopyable {
    static let byteCount = 64
    static let magic: UInt32 = 0x314C_5053
    static let gapFlag: UInt16 = 1
    static let greetingFlag: UInt16 = 2
    static let farewellFlag: UInt16 = 4
    static let moreFlag: UInt16 = 8

    private var magic = Self.magic
    private(set) var checksum: UInt32 = 0
    private(set) var digest: UInt64
    private(set) var sequence: UInt64
    var acknowledged: UInt64
    private(set) var limit: UInt64
    private(set) var source: UInt16
    private(set) var target: UInt16
    var flags: UInt16 = 0
    var recordCount: UInt16 = 0
    private var headByteCount: UInt32 = 0
    private var attachmentByteCount: UInt32 = 0
    private var spare: UInt64 = 0

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
        guard head.count >= Self.byteCount else { return nil }
        unsafe self = head.loadUnaligned(as: LinkHeader.self)
        guard magic == Self.magic, Int(headByteCount) == head.count, Int(attachmentByteCount) == found else {
            return nil
        }
    }

    /// Writes the header and the checksum of the whole message.
    @unsafe
    mutating func write(to head: UnsafeMutableRawBufferPointer, attachment: UnsafeRawBufferPointer?) {
        headByteCount = UInt32(truncatingIfNeeded: head.count)
        attachmentByteCount = UInt32(truncatingIfNeeded: unsafe attachment?.count ?? 0)
        unsafe head.storeBytes(of: self, as: LinkHeader.self)
        checksum = unsafe Self.checksum(head: UnsafeRawBufferPointer(head), attachment: attachment)
        unsafe head.storeBytes(of: checksum, toByteOffset: 4, as: UInt32.self)
    }

    /// The checksum of a message, whatever stands in the checksum's own place.
    @unsafe
    static func checksum(head: UnsafeRawBufferPointer, attachment: UnsafeRawBufferPointer?) -> UInt32 {
        var sum = unsafe Checksum.crc32c(0, UnsafeRawBufferPointer(rebasing: head[..<4]))
        sum = unsafe withUnsafeBytes(of: UInt32(0)) { bytes in unsafe Checksum.crc32c(sum, bytes) }
        sum = unsafe Checksum.crc32c(sum, UnsafeRawBufferPointer(rebasing: head[8...]))
        if let attachment = unsafe attachment { sum = unsafe Checksum.crc32c(sum, attachment) }
        return sum
    }
}
