internal import SharedMemory

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

#if _endian(big)
    #error("records and headers between hosts are the memory of little-endian machines")
#endif

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
struct LinkRecord: BitwiseCopyable, Sendable {
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

    init(_ operation: LinkOperation, target: Rank, offset: Int = 0, byteCount: Int = 0, place: Place = .inline) {
        self.operation = operation.rawValue
        self.target = UInt32(truncatingIfNeeded: target.index)
        self.offset = UInt64(truncatingIfNeeded: offset)
        self.byteCount = UInt32(truncatingIfNeeded: byteCount)
        self.place = place.rawValue
    }

    /// Reads 64 bytes, wherever they lie.
    @unsafe
    init(from bytes: UnsafeRawPointer) { unsafe self = bytes.loadUnaligned(as: LinkRecord.self) }

    /// Writes 64 bytes.
    @unsafe
    func write(to bytes: UnsafeMutableRawPointer) { unsafe bytes.storeBytes(of: self, as: LinkRecord.self) }

    var sourceRank: Rank { Rank(Int(source)) }
    var targetRank: Rank { Rank(Int(target)) }

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

// What must be true of a request before it is sent or carried out. The switch that takes it from a ring and the one that carries it
// out use the same rules, so that a die that posts nonsense does not look like a host that breaks the protocol.

extension LinkRecord {
    /// Why a request on a window of this size cannot be; nil if it can.
    func fault(windowByteCount window: Int) -> String? {
        let length = Int(byteCount)
        switch LinkOperation(rawValue: operation) {
        case .put:
            let limit = place == Place.operands.rawValue ? 16 : LinkLimits.attachmentByteCount
            guard length <= limit else { return "a put of \(length) bytes" }
            return lies(length, in: window) ? nil : outside(length)
        case .get:
            guard length <= LinkLimits.attachmentByteCount else { return "a get of \(length) bytes" }
            return lies(length, in: window) ? nil : outside(length)
        case .putStrided where place == Place.operands.rawValue: return "a strided put without a payload"
        case .putStrided, .getStrided: return strideFault(window)
        case .signal:
            guard SignalOperation(rawValue: detail) != nil else { return "an unknown signal" }
            return lies(8, in: window, alignment: 8) ? nil : outside(8)
        case .atomic64, .atomic32:
            guard AtomicOperation(rawValue: detail) != nil else { return "an unknown atomic" }
            let width = operation == LinkOperation.atomic64.rawValue ? 8 : 4
            guard hasPlaceForValue(windowByteCount: window) || width == 8 && token == ReplyPlace.nowhere else {
                return "an atomic whose answer fits nowhere"
            }
            return lies(width, in: window, alignment: UInt64(width)) ? nil : outside(width)
        case .awaited: return token == 0 ? nil : "a question whose answer fits nowhere"
        case .bytesReply, .valueReply, .verdict, nil: return "no request"
        }
    }

    /// Elements lie in the window, do not overlap, and fit one message. Written so that nothing overflows.
    private func strideFault(_ window: Int) -> String? {
        let count = Int(count)
        let element = Int(elementByteCount)
        guard element > 0, count > 0, stride >= UInt64(element), stride <= UInt64(window),
            element <= LinkLimits.inlineByteCount, count <= LinkLimits.inlineByteCount / element,
            Int(byteCount) == count * element, count - 1 <= window / Int(stride)
        else { return "strided elements that cannot be" }
        let extent = (count - 1) * Int(stride) + element
        return lies(extent, in: window) ? nil : outside(extent)
    }

    private func lies(_ length: Int, in window: Int, alignment: UInt64 = 1) -> Bool {
        length <= window && offset <= UInt64(window - length) && offset % alignment == 0
    }

    private func outside(_ length: Int) -> String { "an operation outside the window: \(length) bytes at \(offset)" }

    /// Whether the place that the token names holds an old value: the switch's line, or a whole word of the window.
    func hasPlaceForValue(windowByteCount: Int) -> Bool {
        let offset = token & ~ReplyPlace.word
        return token == 0
            || token & ReplyPlace.word != 0 && offset % 8 == 0 && offset <= UInt64(windowByteCount - 8)
    }

    /// Whether the place that the token names holds so many bytes of an answer.
    func hasPlaceForReply(_ length: Int, windowByteCount: Int) -> Bool {
        let room = token & ReplyPlace.staging != 0 ? PortLayout.stagingByteCount : windowByteCount
        return length <= room && token & ~ReplyPlace.staging <= UInt64(room - length)
    }
}
