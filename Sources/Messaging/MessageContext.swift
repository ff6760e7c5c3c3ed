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
        // Room for a link to each host of the largest cluster, a monitor beside each, and some: a socket not opened costs eight bytes.
        unsafe zmq_ctx_set(handle, ZMQ_MAX_SOCKETS, 1024)
        unsafe zmq_ctx_set(handle, ZMQ_THREAD_NAME_PREFIX, 0)
    }

    deinit { unsafe zmq_ctx_term(handle) }
}
