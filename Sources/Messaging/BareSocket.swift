internal import CZeroMQ

/// A socket with nothing around it: the limit that links between hosts are measured against. Blocks, at most ten seconds a call.
@safe
public final class BareSocket {
    /// The library's own patterns.
    public enum Kind: Sendable {
        case push, pull, dealer, router
    }

    private let handle: UnsafeMutableRawPointer
    private let context: MessageContext

    /// Opens a socket.
    public init(_ kind: Kind, in context: MessageContext) throws(MessagingError) {
        let type =
            switch kind {
            case .push: ZMQ_PUSH
            case .pull: ZMQ_PULL
            case .dealer: ZMQ_DEALER
            case .router: ZMQ_ROUTER
            }
        guard let handle = unsafe zmq_socket(context.handle, type) else { throw Socket.failure("socket") }
        unsafe self.handle = handle
        self.context = context
        for (option, value) in [(ZMQ_LINGER, 0), (ZMQ_RCVTIMEO, 10_000), (ZMQ_SNDTIMEO, 10_000)] as [(Int32, Int32)] {
            var value = value
            guard unsafe zmq_setsockopt(handle, option, &value, 4) == 0 else { throw Socket.failure("option") }
        }
    }

    deinit { unsafe zmq_close(handle) }

    /// Takes an address, such as `tcp://127.0.0.1:*`, and returns it as others are to write it.
    public func bind(_ address: String) throws(MessagingError) -> String {
        guard unsafe zmq_bind(handle, address) == 0 else { throw Socket.failure("bind \(address)") }
        return try unsafe LinkSocket.boundAddress(handle)
    }

    /// Connects to an address.
    public func connect(_ address: String) throws(MessagingError) {
        guard unsafe zmq_connect(handle, address) == 0 else { throw Socket.failure("connect \(address)") }
    }

    /// Sends a packet, which stays the caller's.
    public func send(_ packet: Packet, more: Bool = false) throws(MessagingError) {
        HandOver.give()
        var copy = zmq_msg_t()
        unsafe zmq_msg_init(&copy)
        guard unsafe zmq_msg_copy(&copy, packet.message) == 0 else { throw Socket.failure("copy") }
        guard unsafe zmq_msg_send(&copy, handle, more ? ZMQ_SNDMORE : 0) >= 0 else {
            let failure = Socket.failure("send")
            unsafe zmq_msg_close(&copy)
            throw failure
        }
    }

    /// Receives a part of a message.
    public func receive() throws(MessagingError) -> Packet {
        let packet = Packet.empty()
        guard unsafe zmq_msg_recv(packet.message, handle, 0) >= 0 else { throw Socket.failure("receive") }
        HandOver.take()
        return packet
    }
}
