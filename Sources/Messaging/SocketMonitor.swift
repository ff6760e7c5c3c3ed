internal import CZeroMQ

/// What becomes of a socket's connections: who got through, and why others did not.
///
/// Belongs to the thread of its socket, which it keeps open. Make it before `bind` or `connect`, or the first events are missed; one a socket.
/// Events that are not read stay in memory: read until there is none whenever the descriptor says so.
@safe
public final class SocketMonitor {
    /// One change of a connection. The address is the socket's own of that connection: where it listens, or what it connects to.
    public enum Event: Sendable, Equatable {
        /// The transport is there; the handshake begins.
        case connected(address: String)
        /// Both ends have accepted each other.
        case handshakeSucceeded(address: String)
        /// The accepting end's gatekeeper said no, with this ZAP status; both ends see it, and the connecting one gives up.
        case refused(status: Int, address: String)
        /// The handshake broke.
        case handshakeFailed(Failure, address: String)
        /// The connection is gone.
        case disconnected(address: String)
        /// The connecting end will try again soon.
        case retrying(address: String)
    }

    /// How a handshake broke.
    public enum Failure: Sendable, Equatable {
        /// The other end has no CURVE, or has it and this one has not. The connecting end gives up.
        case mechanism
        /// Boxes that do not open: at the accepting end, a client that holds the wrong server key.
        case cryptography
        /// Other breaches of the protocol.
        case protocolBreach
        /// Cut off: the time ran out, or the other end closed without a word. What a client with the wrong server key sees, and a server
        /// without a gatekeeper.
        case cutOff
    }

    private let handle: UnsafeMutableRawPointer
    private let watched: UnsafeMutableRawPointer
    private let socket: AnyObject
    private let context: MessageContext

    /// Watches a socket.
    public convenience init(_ socket: Socket) throws(MessagingError) {
        try unsafe self.init(watched: socket.handle, socket: socket, context: socket.context)
    }

    /// Watches a link's socket.
    public convenience init(_ socket: LinkSocket) throws(MessagingError) {
        try unsafe self.init(watched: socket.handle, socket: socket, context: socket.context)
    }

    @unsafe
    private init(
        watched: UnsafeMutableRawPointer, socket: AnyObject, context: MessageContext
    ) throws(MessagingError) {
        let events =
            ZMQ_EVENT_CONNECTED | ZMQ_EVENT_CONNECT_RETRIED | ZMQ_EVENT_DISCONNECTED | ZMQ_EVENT_HANDSHAKE_SUCCEEDED
            | ZMQ_EVENT_HANDSHAKE_FAILED_AUTH | ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL
            | ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL
        // A socket's address in memory is a name that no other open socket has.
        let name = "inproc://monitor-\(UInt(bitPattern: watched))"
        guard let handle = unsafe zmq_socket(context.handle, ZMQ_PAIR) else { throw Socket.failure("monitor socket") }
        do throws(MessagingError) {
            // No bound: the library's I/O thread waits for room in a full queue, and all connections with it.
            var none: Int32 = 0
            guard unsafe zmq_setsockopt(handle, ZMQ_RCVHWM, &none, 4) == 0,
                unsafe zmq_setsockopt(handle, ZMQ_LINGER, &none, 4) == 0
            else { throw Socket.failure("monitor option") }
            guard unsafe zmq_socket_monitor(watched, name, events) == 0 else { throw Socket.failure("monitor") }
            guard unsafe zmq_connect(handle, name) == 0 else {
                let error = Socket.failure("monitor")
                _ = unsafe zmq_socket_monitor(watched, nil, 0)
                throw error
            }
        } catch {
            _ = unsafe zmq_close(handle)
            throw error
        }
        unsafe self.handle = handle
        unsafe self.watched = watched
        self.socket = socket
        self.context = context
    }

    deinit {
        // First the sender: without a receiver it would wait.
        _ = unsafe zmq_socket_monitor(watched, nil, 0)
        _ = unsafe zmq_close(handle)
    }

    /// A descriptor that becomes readable when there may be events (edge-triggered: call ``next()`` until it returns nil).
    public var descriptor: Int32 {
        var value: Int32 = -1
        var size = 4
        _ = unsafe zmq_getsockopt(handle, ZMQ_FD, &value, &size)  // Cannot fail on an open socket.
        return value
    }

    /// The next event, or nil if there is none now. Does not wait.
    public func next() throws(MessagingError) -> Event? {
        while true {
            var frame = try Frame()
            guard try unsafe frame.receive(from: handle) else { return nil }
            let head = frame.copy()
            var address = ""
            var more = frame.hasMore
            while more {
                guard try unsafe frame.receive(from: handle) else { break }
                address = String(decoding: frame.copy(), as: UTF8.self)
                more = frame.hasMore
            }
            if let event = Self.event(head, address) { return event }
        }
    }

    /// Two bytes of event and four of value, in the order of the machines this runs on: the lowest first.
    private static func event(_ head: [UInt8], _ address: String) -> Event? {
        guard head.count == 6 else { return nil }
        let kind = Int32(head[0]) | Int32(head[1]) << 8
        let value = UInt32(head[2]) | UInt32(head[3]) << 8 | UInt32(head[4]) << 16 | UInt32(head[5]) << 24
        switch kind {
        case ZMQ_EVENT_CONNECTED: return .connected(address: address)
        case ZMQ_EVENT_CONNECT_RETRIED: return .retrying(address: address)
        case ZMQ_EVENT_DISCONNECTED: return .disconnected(address: address)
        case ZMQ_EVENT_HANDSHAKE_SUCCEEDED: return .handshakeSucceeded(address: address)
        case ZMQ_EVENT_HANDSHAKE_FAILED_AUTH: return .refused(status: Int(value), address: address)
        case ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL: return .handshakeFailed(.cutOff, address: address)
        case ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL:
            let failure: Failure =
                switch Int32(bitPattern: value) {
                case ZMQ_PROTOCOL_ERROR_ZMTP_MECHANISM_MISMATCH: .mechanism
                case ZMQ_PROTOCOL_ERROR_ZMTP_CRYPTOGRAPHIC: .cryptography
                default: .protocolBreach
                }
            return .handshakeFailed(failure, address: address)
        default: return nil
        }
    }
}
