internal import CZeroMQ
public import Workers

/// The library's state: its I/O thread and the list of its sockets. One a process.
///
/// Ends when the last reference goes; sockets keep a reference, and their linger bounds how long that takes.
@safe
public final class MessageContext: @unchecked Sendable {
    let handle: UnsafeMutableRawPointer

    /// Starts the library.
    ///
    /// - Throws: ``SystemError`` if the system refuses what the library needs.
    public init() throws(SystemError) {
        try Self.tryNeeds()
        guard let handle = unsafe zmq_ctx_new() else {
            throw SystemError("cannot start the messaging library", zmq_errno())
        }
        unsafe self.handle = handle
        // Room for a link to each host of the largest cluster, a monitor beside each, and some: a socket not opened costs eight bytes.
        unsafe zmq_ctx_set(handle, ZMQ_MAX_SOCKETS, 1024)
        unsafe zmq_ctx_set(handle, ZMQ_THREAD_NAME_PREFIX, 0)
    }

    deinit { unsafe zmq_ctx_term(handle) }

    /// Takes what the library takes without asking, an event, a set of descriptors to poll and two threads, and gives it back: the
    /// library aborts the process where it gets none.
    private static func tryNeeds() throws(SystemError) {
        let stop = try Event()
        try ProcessControl.tryPollSet()
        var threads: [Worker] = []
        defer {
            stop.raise()
            for thread in threads { thread.join() }
        }
        do {
            for _ in 0..<2 {
                // With the stack that the library's have.
                threads.append(
                    try Worker.start(name: "trial", stackByteCount: 0) {
                        _ = Descriptor.poll([stop.descriptor.number], milliseconds: -1)
                    })
            }
        } catch {
            throw SystemError(
                "the system refuses a thread; look at ulimit -u, ulimit -v and the container's pids.max", error.errno)
        }
    }
}
