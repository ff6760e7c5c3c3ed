/// Why PMIx could not be used.
public struct PMIxError: Error, CustomStringConvertible, Sendable, Equatable {
    /// What kind of failure, for callers that have another way.
    public enum Kind: Sendable, Equatable {
        /// No usable client library on this host: the launcher's own variables may do.
        case missingLibrary
        /// No server answers, or it has forgotten this process.
        case noServer
        /// A wait did not end in time. The client can no longer be used.
        case deadline
        /// The library or the server refused a call.
        case refused
        /// The server told something that contradicts itself.
        case wrong
    }

    /// What kind of failure.
    public var kind: Kind
    /// One sentence: what failed, why, and what to do about it.
    public var description: String

    init(_ kind: Kind, _ text: String) {
        self.kind = kind
        description = "PMIx: " + text
    }
}
