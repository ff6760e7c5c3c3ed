/// Why a socket refused.
public struct MessagingError: Error, CustomStringConvertible, Sendable, Equatable {
    /// The call that failed, such as `bind`.
    public var call: String
    /// The library's error number.
    public var errno: Int32
    /// What was wrong, without the call.
    public var reason: String
    /// One sentence.
    public var description: String { "\(call): \(reason)" }

    init(_ call: String, _ errno: Int32, _ text: String) {
        self.call = call
        self.errno = errno
        reason = text
    }
}
