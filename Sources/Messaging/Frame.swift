internal import CZeroMQ

/// One received frame: the library's own buffer, given back when the value ends.
@safe
struct Frame: ~Copyable {
    private var message = zmq_msg_t()

    init() throws(MessagingError) {
        guard unsafe zmq_msg_init(&message) == 0 else { throw Socket.failure("frame") }
    }

    deinit {
        var message = message
        HandOver.give()
        HandOver.take()
        _ = unsafe zmq_msg_close(&message)  // Fails only for a message that was never made.
    }

    /// Takes the next frame of a socket. False if there is none now.
    mutating func receive(from socket: UnsafeMutableRawPointer) throws(MessagingError) -> Bool {
        while unsafe zmq_msg_recv(&message, socket, ZMQ_DONTWAIT) < 0 {
            let code = zmq_errno()
            if code == EAGAIN { return false }
            guard code == EINTR else { throw Socket.failure("receive") }
        }
        HandOver.take()
        return true
    }

    /// Whether the message goes on.
    var hasMore: Bool {
        mutating get { unsafe zmq_msg_more(&message) != 0 }
    }

    /// The bytes.
    mutating func copy() -> [UInt8] {
        let count = unsafe zmq_msg_size(&message)
        guard count > 0, let start = unsafe zmq_msg_data(&message) else { return [] }
        return unsafe Array(UnsafeRawBufferPointer(start: start, count: count))
    }
}
