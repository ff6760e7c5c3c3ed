internal import CZeroMQ

/// One end of the control plane. Belongs to one thread.
@safe
public final class Socket {
    /// Which end this is.
    public enum Kind: Sendable {
        /// Knows its peers by routing id: the agent's end.
        case router
        /// Talks to one router: a rank process's end.
        case dealer
    }

    /// The largest frame accepted from a peer.
    public static let largestFrameByteCount = 64 << 20
    /// The most frames accepted in one message.
    public static let largestFrameCount = 4

    let handle: UnsafeMutableRawPointer
    let context: MessageContext
    private let security: SocketSecurity

    /// Opens a socket.
    ///
    /// - Parameters:
    ///   - routingID: the name a router knows this dealer by; 1 to 255 bytes that do not start with zero.
    ///   - security: who is believed; a router binds as the server, a dealer connects as the client.
    ///   - lingerMilliseconds: how long unsent messages hold up the end of the context.
    ///   - probesPeer: whether the system is to find out that the other end's machine is gone: a connection over TCP ends when that has not
    ///     acknowledged anything for some 30 s. A process that is stopped is not gone: its system answers for it. (The library's own
    ///     heartbeats are answered, and missed, by the process, and close the connections of one that was stopped when it goes on.)
    public init(
        _ kind: Kind, in context: MessageContext, routingID: [UInt8]? = nil, security: SocketSecurity = .plain,
        lingerMilliseconds: Int32 = 200, probesPeer: Bool = false
    ) throws(MessagingError) {
        let type = kind == .router ? ZMQ_ROUTER : ZMQ_DEALER
        guard let handle = unsafe zmq_socket(context.handle, type) else { throw Self.failure("socket") }
        unsafe self.handle = handle
        self.context = context
        self.security = security
        try unsafe security.apply(to: handle)
        try set(ZMQ_LINGER, lingerMilliseconds)
        if probesPeer {
            try set(ZMQ_TCP_KEEPALIVE, 1)
            try set(ZMQ_TCP_KEEPALIVE_IDLE, 5)
            try set(ZMQ_TCP_KEEPALIVE_INTVL, 5)
            try set(ZMQ_TCP_KEEPALIVE_CNT, 5)
            // What was sent and is not acknowledged (TCP_USER_TIMEOUT), in milliseconds.
            try set(ZMQ_TCP_MAXRT, 30_000)
        }
        // The queue is bounded; a peer that does not read makes send refuse, never memory grow.
        try set(ZMQ_SNDHWM, 4096)
        try set(ZMQ_RCVHWM, 4096)
        var largest = Int64(Self.largestFrameByteCount)
        guard unsafe zmq_setsockopt(handle, ZMQ_MAXMSGSIZE, &largest, 8) == 0 else { throw Self.failure("option") }
        if kind == .router { try set(ZMQ_ROUTER_MANDATORY, 1) }
        if let routingID {
            let code = unsafe routingID.withUnsafeBytes { bytes in
                unsafe zmq_setsockopt(handle, ZMQ_ROUTING_ID, bytes.baseAddress, bytes.count)
            }
            guard code == 0 else { throw Self.failure("routing id") }
        }
    }

    deinit { unsafe zmq_close(handle) }

    private func set(_ option: Int32, _ value: Int32) throws(MessagingError) {
        var value = value
        guard unsafe zmq_setsockopt(handle, option, &value, 4) == 0 else { throw Self.failure("option") }
    }

    /// Takes an address for others to connect to, such as `ipc:///folder/agent` or `tcp://*:*`.
    ///
    /// - Returns: the address as it was taken, with the system's port for a `*`. `tcp://*` becomes `tcp://0.0.0.0`, which is
    ///   nothing to connect to: others put a name of this host there.
    @discardableResult
    public func bind(_ address: String) throws(MessagingError) -> String {
        try security.check("bind", address)
        guard unsafe zmq_bind(handle, address) == 0 else { throw Self.failure("bind \(address)") }
        return try unsafe LinkSocket.boundAddress(handle)
    }

    /// Connects to an address; the library keeps trying until it is there.
    ///
    /// One exception: an end that refuses this one's key, or speaks another mechanism, is not tried again; ``SocketMonitor`` tells,
    /// and ``reconnect(_:)`` starts anew.
    public func connect(_ address: String) throws(MessagingError) {
        try security.check("connect", address)
        guard unsafe zmq_connect(handle, address) == 0 else { throw Self.failure("connect \(address)") }
    }

    /// Connects anew to an address given to ``connect(_:)`` before, dropping what is connected and what was not sent yet. What to do after a
    /// refusal, where the library does not try again and takes a second `connect` for the first.
    public func reconnect(_ address: String) throws(MessagingError) {
        guard unsafe zmq_disconnect(handle, address) == 0 || zmq_errno() == ENOENT else {
            throw Self.failure("disconnect \(address)")
        }
        try connect(address)
    }

    /// A descriptor that becomes readable when the socket's state changes (edge-triggered: after it fires, and after each send,
    /// receive until nothing is left).
    public var descriptor: Int32 {
        var value: Int32 = -1
        var size = 4
        _ = unsafe zmq_getsockopt(handle, ZMQ_FD, &value, &size)  // Cannot fail on an open socket.
        return value
    }

    /// Whether a message can be received now: ask before sleeping on the descriptor.
    public var isReadable: Bool {
        var value: Int32 = 0
        var size = 4
        _ = unsafe zmq_getsockopt(handle, ZMQ_EVENTS, &value, &size)  // Cannot fail on an open socket.
        return value & Int32(ZMQ_POLLIN) != 0
    }

    /// Sends the frames as one message, without waiting.
    ///
    /// - Returns: false if the queue is full or the router does not know the peer.
    public func send(_ frames: [[UInt8]]) throws(MessagingError) -> Bool {
        HandOver.give()
        for (index, frame) in frames.enumerated() {
            let flags = ZMQ_DONTWAIT | (index + 1 < frames.count ? ZMQ_SNDMORE : 0)
            var code: Int32 = -1
            repeat {
                code = unsafe frame.withUnsafeBytes { bytes in
                    unsafe zmq_send(handle, bytes.baseAddress, bytes.count, flags)
                }
            } while code < 0 && zmq_errno() == EINTR
            guard code >= 0 else {
                let code = zmq_errno()
                if index == 0, code == EAGAIN || code == EHOSTUNREACH { return false }
                throw Self.failure("send")
            }
        }
        return true
    }

    /// The next message, or nil if there is none now. Messages of too many frames are dropped.
    public func receive() throws(MessagingError) -> [[UInt8]]? {
        while true {
            var frames: [[UInt8]] = []
            var more = true
            while more {
                var frame = try Frame()
                guard try unsafe frame.receive(from: handle) else { return nil }
                if frames.count <= Self.largestFrameCount { frames.append(frame.copy()) }
                more = frame.hasMore
            }
            if frames.count <= Self.largestFrameCount { return frames }
        }
    }

    static func failure(_ call: String) -> MessagingError {
        let code = zmq_errno()
        return MessagingError(call, code, unsafe String(cString: zmq_strerror(code)))
    }
}
