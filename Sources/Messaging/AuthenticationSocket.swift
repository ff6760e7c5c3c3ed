internal import CZeroMQ

/// The socket at which the library asks who may come in: `inproc://zeromq.zap.01` of a context.
///
/// Made on one thread and then handed to another, which alone uses and releases it.
@safe
final class AuthenticationSocket: @unchecked Sendable {
    private static let address = "inproc://zeromq.zap.01"
    private let handle: UnsafeMutableRawPointer
    private let context: MessageContext

    init(in context: MessageContext) throws(MessagingError) {
        guard let handle = unsafe zmq_socket(context.handle, ZMQ_REP) else { throw Socket.failure("ZAP socket") }
        var none: Int32 = 0
        guard unsafe zmq_setsockopt(handle, ZMQ_LINGER, &none, 4) == 0,
            unsafe zmq_bind(handle, Self.address) == 0
        else {
            let error = Socket.failure("the context's ZAP handler")
            _ = unsafe zmq_close(handle)
            throw error
        }
        unsafe self.handle = handle
        self.context = context
    }

    deinit {
        // Closing gives the name back some time later; the next handler may want it at once.
        _ = unsafe zmq_unbind(handle, Self.address)
        _ = unsafe zmq_close(handle)
    }

    /// Answers until the bell's descriptor becomes readable; asleep without a deadline in between, since the bell is one.
    func answer(until bell: Int32, _ isAllowed: (ZAPRequest) -> Bool) throws(MessagingError) {
        while true {
            var items = unsafe [zmq_pollitem_t(), zmq_pollitem_t()]
            unsafe items[0].socket = handle
            unsafe items[0].events = Int16(ZMQ_POLLIN)
            unsafe items[1].fd = bell
            unsafe items[1].events = Int16(ZMQ_POLLIN)
            let count = unsafe zmq_poll(&items, 2, -1)
            guard count >= 0 || zmq_errno() == EINTR else { throw Socket.failure("ZAP poll") }
            if unsafe items[1].revents != 0 { return }
            // One at a time: a crowd at the door must not drown the bell.
            if let frames = try receive() { try answer(frames, isAllowed) }
        }
    }

    /// All frames of a question, or nil if there is none now. Of too long a one, only as many as show that it is.
    private func receive() throws(MessagingError) -> [[UInt8]]? {
        var frames: [[UInt8]] = []
        var more = true
        while more {
            var frame = try Frame()
            guard try unsafe frame.receive(from: handle) else { return nil }
            if frames.count <= ZAPRequest.largestFrameCount { frames.append(frame.copy()) }
            more = frame.hasMore
        }
        return frames
    }

    /// What cannot be read is refused under the name it came with, since the library waits for an answer.
    private func answer(_ frames: [[UInt8]], _ isAllowed: (ZAPRequest) -> Bool) throws(MessagingError) {
        let request = ZAPRequest(frames)
        let id = frames.count > 1 && frames[1].count <= 255 ? frames[1] : []
        let answer = ZAPRequest.answer(id, isAllowed: request.map(isAllowed) ?? false)
        HandOver.give()
        for (index, frame) in answer.enumerated() {
            let flags = ZMQ_DONTWAIT | (index + 1 < answer.count ? ZMQ_SNDMORE : 0)
            var code: Int32 = -1
            repeat {
                code = unsafe frame.withUnsafeBytes { bytes in
                    unsafe zmq_send(handle, bytes.baseAddress, bytes.count, flags)
                }
            } while code < 0 && zmq_errno() == EINTR
            guard code >= 0 else { throw Socket.failure("ZAP answer") }
        }
    }
}
