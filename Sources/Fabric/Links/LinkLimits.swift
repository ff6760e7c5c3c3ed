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

/// Words of a die's own window through which the switch of its host answers it. All are written by the switch alone, and only rise,
/// except `value`; the die waits on the first three.
///
/// ```
/// 0    consumed       u64   descriptors that the switch has taken from the ring: their entries and staged bytes are free
/// 64   acknowledged   u64   descriptors whose effects are in the far window, acknowledged by its switch
/// 128  replies        u64   replies that have come; value u64, what the last atomic found
/// ```
enum LinkWords {
    static let consumed = 0
    static let acknowledged = 64
    static let replies = 128
    static let value = 136
    static let byteCount = 256
    /// What the switch stores into all three when the die's ring makes no sense: more than a die ever posts.
    static let ruined: UInt64 = 1 << 62
}
