internal import CZeroMQ

/// The library's state: its I/O thread and the list of its sockets. One a process.
///
/// Ends when the last reference goes; sockets keep a reference, and their linger bounds how long that takes.
@safe
public final class MessageContext: @unchecked Sendable {
    let handle: UnsafeMutableRawPointer

    /// Starts the library.
    public init() throws(MessagingError) {
        guard let handle = unsafe zmq_ctx_new() else { throw Socket.failure("context") }
        unsafe self.handle = handle
        // Room for one socket a process of the largest cluster, and some.
        unsafe zmq_ctx_set(handle, ZMQ_MAX_SOCKETS, 64)
        unsafe zmq_ctx_set(handle, ZMQ_THREAD_NAME_PREFIX, 0)
    }

    deinit { unsafe zmq_ctx_term(handle) }
}
