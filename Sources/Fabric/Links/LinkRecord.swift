/// What a record asks the switch of the target's host to do.
enum LinkOperation: UInt8, Sendable, CaseIterable {
    /// Copies the payload to the offset.
    case put = 1
    /// Copies the payload's elements to the offset and on, `stride` bytes apart.
    case putStrided
    /// Asks for bytes from the offset.
    case get
    /// Asks for elements from the offset, `stride` bytes apart.
    case getStrided
    /// Changes a 64-bit word, wakes its waiter, and asks for what it was, if its token says where that goes.
    case atomic64
    /// Changes a 32-bit word and asks for what it was.
    case atomic32
    /// Sets or adds to a 64-bit word and wakes its waiter.
    case signal
    /// Brings bytes that a get asked for, to the place its token names.
    case bytesReply
    /// Brings the old value of a word.
    case valueReply
    /// Tells that the membership has changed, and why.
    case verdict
    /// Asks which rank the target waits for.
    case awaited
}

/// One operation on its way: a descriptor in a die's ring, and, with a source, a record between hosts.
///
/// 64 bytes, little-endian, of fixed size; on the wire an inline payload follows, filled up to a multiple of 8:
///
/// ```
/// 0   operation u8, detail u8, place u8, check u8    detail: which atomic or signal; place: where the payload is; check: in rings, over
///                                                    the entry and its number; zero on the wire, where messages have a checksum
/// 4   byteCount u32      payload, or bytes asked for
/// 8   source u32, target u32                         ranks of the cluster
/// 16  offset u64         in the target's window
/// 24  operand u64, comparand u64                     of atomics and signals; the payload of a put of up to 16 bytes
/// 40  token u64          ring: where the payload lies or the answer goes; wire: where the answer goes (ReplyPlace)
/// 48  count u32, elementByteCount u32, stride u64    of strided copies
/// ```
struct LinkRecord: Equatable, Sendable {
    static let byteCount = 64

    /// Where a payload is.
    enum Place: UInt8, Sendable {
        /// There is none, or it follows the record.
        case inline = 0
        /// In the operand and comparand.
        case operands = 1
        /// In the die's staging, at the token's offset; only in rings.
        case staging = 2
        /// In the die's window, at the token's offset; only in rings.
        case window = 3
        /// In the message's attachment; only between hosts.
        case attachment = 4
    }

    var operation: UInt8
    var detail: UInt8 = 0
    var place: UInt8 = 0
    var check: UInt8 = 0
    var byteCount: UInt32 = 0
    var source: UInt32 = 0
    var target: UInt32
    var offset: UInt64 = 0
    var operand: UInt64 = 0
    var comparand: UInt64 = 0
    var token: UInt64 = 0
    var count: UInt32 = 0
    var elementByteCount: UInt32 = 0
    var stride: UInt64 = 0

    init(_ operation: LinkOperation, target: Int, offset: Int = 0, byteCount: Int = 0, place: Place = .inline) {
        self.operation = operation.rawValue
        self.target = UInt32(truncatingIfNeeded: target)
        self.offset = UInt64(truncatingIfNeeded: offset)
        self.byteCount = UInt32(truncatingIfNeeded: byteCount)
        self.place = place.rawValue
    }

    /// Reads 64 bytes, wherever they lie.
    @unsafe
    init(from bytes: UnsafeRawPointer) {
        func word64(_ offset: Int) -> UInt64 {
            unsafe UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
        }
        func word32(_ offset: Int) -> UInt32 {
            unsafe UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt32.self))
        }
        unsafe operation = bytes.load(as: UInt8.self)
        unsafe detail = bytes.load(fromByteOffset: 1, as: UInt8.self)
        unsafe place = bytes.load(fromByteOffset: 2, as: UInt8.self)
        unsafe check = bytes.load(fromByteOffset: 3, as: UInt8.self)
        byteCount = word32(4)
        source = word32(8)
        target = word32(12)
        offset = word64(16)
        operand = word64(24)
        comparand = word64(32)
        token = word64(40)
        count = word32(48)
        elementByteCount = word32(52)
        stride = word64(56)
    }

    /// Writes 64 bytes.
    @unsafe
    func write(to bytes: UnsafeMutableRawPointer) {
        func store64(_ value: UInt64, _ offset: Int) {
            unsafe bytes.storeBytes(of: value.littleEndian, toByteOffset: offset, as: UInt64.self)
        }
        func store32(_ value: UInt32, _ offset: Int) {
            unsafe bytes.storeBytes(of: value.littleEndian, toByteOffset: offset, as: UInt32.self)
        }
        store32(UInt32(operation) | UInt32(detail) << 8 | UInt32(place) << 16 | UInt32(check) << 24, 0)
        store32(byteCount, 4)
        store32(source, 8)
        store32(target, 12)
        store64(offset, 16)
        store64(operand, 24)
        store64(comparand, 32)
        store64(token, 40)
        store32(count, 48)
        store32(elementByteCount, 52)
        store64(stride, 56)
    }

    /// What the die writes into the n-th entry's check: an entry of an earlier lap, or one that was overwritten, has another, but for one
    /// in 256.
    func ringCheck(_ number: UInt64) -> UInt8 {
        var sum = UInt64(operation) | UInt64(detail) << 8 | UInt64(place) << 16 | UInt64(byteCount) << 32
        sum ^= UInt64(source) ^ UInt64(target) << 32 ^ offset ^ operand ^ comparand ^ token
        sum ^= UInt64(count) ^ UInt64(elementByteCount) << 32 ^ stride ^ number &* 0xBF58_476D_1CE4_E5B9
        return UInt8(truncatingIfNeeded: ((sum ^ (sum >> 32)) &* 0x9E37_79B9_7F4A_7C15) >> 56)
    }

    /// Whether something comes back for it.
    var asks: Bool {
        switch LinkOperation(rawValue: operation) {
        case .get, .getStrided, .atomic32, .awaited: true
        case .atomic64: token != ReplyPlace.nowhere
        default: false
        }
    }

    /// Bytes of the payload that follows the record on the wire.
    var inlineByteCount: Int {
        guard place == Place.inline.rawValue else { return 0 }
        switch LinkOperation(rawValue: operation) {
        case .put, .putStrided, .bytesReply, .verdict: return Int(byteCount)
        default: return 0
        }
    }
}

/// Where the answer to a request goes, on the host that asked.
///
/// - Bytes: in the asking die's window, or its staging.
/// - The old value of a word: 0 for the switch's own line of words, where the die waits for it; or a word of the asking die's window; or
///   nowhere, and then there is no answer.
enum ReplyPlace {
    static let staging: UInt64 = 1 << 63
    /// With an offset in the window, where an old value goes; without this bit it goes to the switch's line.
    static let word: UInt64 = 1 << 62
    static let nowhere: UInt64 = 1 << 61

    static func word(_ offset: Int) -> UInt64 { word | UInt64(truncatingIfNeeded: offset) }

    static func window(_ offset: Int) -> UInt64 { UInt64(truncatingIfNeeded: offset) }
    static func staging(_ offset: Int) -> UInt64 { staging | UInt64(truncatingIfNeeded: offset) }
}

/// Sizes of what travels.
enum LinkLimits {
    /// The longest payload copied into a message of several records.
    static let inlineByteCount = 16 << 10
    /// The longest payload that has a message to itself.
    static let attachmentByteCount = 512 << 10
    /// Bytes of a head: header, records and their payloads.
    static let headByteCount = 48 << 10
    /// Requests a die may have under way; more from a peer is a breach of the protocol.
    static let requestsPerDie = 8
    /// Long messages in a row that are acknowledged with the one after them; well below what fills the window.
    static let deferredAcknowledgements = 3
    /// Messages under way on a link without being acknowledged.
    static let windowMessageCount = 128
    /// Bytes under way on a link without being acknowledged.
    static let windowByteCount = 8 << 20
}
