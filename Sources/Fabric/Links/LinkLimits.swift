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
