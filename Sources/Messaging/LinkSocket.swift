internal import CZeroMQ

/// One end of a host's links to others: whole packets, nothing copied that need not be. Belongs to one thread.
@safe
public final class LinkSocket {
    /// Which end this is.
    public enum Kind: Sendable {
        /// Accepts links; knows its peers by their names.
        case router
        /// Holds one link to a router, under a name.
        case dealer(name: UInt16)
    }

    let handle: UnsafeMutableRawPointer
    let context: MessageContext
    private let security: SocketSecurity
    private let isRouter: Bool
    /// Whether a message may be here though ``descriptor`` is silent: since the last look that found none, something was sent, which may
    /// have taken the library's note of one that came. Asking costs two system calls, so it is done only then and when the descriptor says so.
    public var mayHoldMessage = true

    /// Opens a socket. Frames above `largestFrameByteCount` end the connection they came by.
    ///
    /// - Parameter security: who is believed; a router binds as the server, a dealer connects as the client.
    public init(
        _ kind: Kind, in context: MessageContext, security: SocketSecurity = .plain, largestFrameByteCount: Int
    ) throws(MessagingError) {
        if case .router = kind { isRouter = true } else { isRouter = false }
        guard let handle = unsafe zmq_socket(context.handle, isRouter ? ZMQ_ROUTER : ZMQ_DEALER) else {
            throw Socket.failure("socket")
        }
        unsafe self.handle = handle
        self.context = context
        self.security = security
        try unsafe security.apply(to: handle)
        try set(ZMQ_LINGER, 0)
        // The window of the link is the bound that counts; these are above it.
        try set(ZMQ_SNDHWM, 1024)
        try set(ZMQ_RCVHWM, 1024)
        try set(ZMQ_RECONNECT_IVL, 20)
        try set(ZMQ_RECONNECT_IVL_MAX, 200)
        // What the library counts is what comes by the wire: CURVE adds nonce, authenticator and a command's name.
        var largest = Int64(largestFrameByteCount + SocketSecurity.overheadByteCount)
        guard unsafe zmq_setsockopt(handle, ZMQ_MAXMSGSIZE, &largest, 8) == 0 else { throw Socket.failure("option") }
        switch kind {
        case .router:
            try set(ZMQ_ROUTER_MANDATORY, 1)
            // A dealer that connects again is the same one, also if the old connection has not been found dead yet.
            try set(ZMQ_ROUTER_HANDOVER, 1)
        case .dealer(let name):
            // A connection is tried again soon: the system itself asks again only after 1, 3 and 7 s.
            try set(ZMQ_CONNECT_TIMEOUT, 400)
            let code = unsafe withUnsafeBytes(of: Self.identity(name)) { bytes in
                unsafe zmq_setsockopt(handle, ZMQ_ROUTING_ID, bytes.baseAddress, bytes.count)
            }
            guard code == 0 else { throw Socket.failure("routing id") }
        }
    }

    deinit { unsafe zmq_close(handle) }

    /// A routing id that does not start with zero: "h" and the name.
    private static func identity(_ name: UInt16) -> (UInt8, UInt8, UInt8) {
        (0x68, UInt8(truncatingIfNeeded: name >> 8), UInt8(truncatingIfNeeded: name))
    }

    private func set(_ option: Int32, _ value: Int32) throws(MessagingError) {
        var value = value
        guard unsafe zmq_setsockopt(handle, option, &value, 4) == 0 else { throw Socket.failure("option") }
    }

    /// Takes an address, such as `tcp://127.0.0.1:*`, and returns it as others are to write it.
    public func bind(_ address: String) throws(MessagingError) -> String {
        try security.check("bind", address)
        guard unsafe zmq_bind(handle, address) == 0 else { throw Socket.failure("bind \(address)") }
        return try unsafe Self.boundAddress(handle)
    }

    @unsafe
    static func boundAddress(_ handle: UnsafeMutableRawPointer) throws(MessagingError) -> String {
        var text = [CChar](repeating: 0, count: 256)
        var size = text.count
        guard unsafe zmq_getsockopt(handle, ZMQ_LAST_ENDPOINT, &text, &size) == 0 else {
            throw Socket.failure("address")
        }
        return String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// Connects to a router's address; the library keeps trying until it is there.
    /// One exception: see ``Socket/connect(_:)``.
    public func connect(_ address: String) throws(MessagingError) {
        try security.check("connect", address)
        guard unsafe zmq_connect(handle, address) == 0 else { throw Socket.failure("connect \(address)") }
    }

    /// Connects anew to an address given to ``connect(_:)`` before, dropping what is connected and what was not sent yet. What to do after a
    /// refusal, where the library does not try again and takes a second `connect` for the first.
    public func reconnect(_ address: String) throws(MessagingError) {
        guard unsafe zmq_disconnect(handle, address) == 0 || zmq_errno() == ENOENT else {
            throw Socket.failure("disconnect \(address)")
        }
        try connect(address)
    }

    /// A descriptor that becomes readable when the socket's state changes: do not sleep on it while ``mayHoldMessage``.
    public var descriptor: Int32 {
        var value: Int32 = -1
        var size = 4
        _ = unsafe zmq_getsockopt(handle, ZMQ_FD, &value, &size)  // Cannot fail on an open socket.
        return value
    }

    /// Sends a head and perhaps an attachment as one message, without waiting. The packets stay the caller's.
    ///
    /// - Parameter name: to whom, from a router.
    /// - Returns: false if it cannot be sent now: the peer is not connected, or the queue is full.
    public func send(_ head: Packet, _ attachment: Packet?, to name: UInt16) throws(MessagingError) -> Bool {
        mayHoldMessage = true
        HandOver.give()
        if isRouter {
            let code = unsafe withUnsafeBytes(of: Self.identity(name)) { bytes in
                unsafe zmq_send(handle, bytes.baseAddress, bytes.count, ZMQ_DONTWAIT | ZMQ_SNDMORE)
            }
            guard code >= 0 else { return try refused() }
        }
        guard try part(head, more: attachment != nil) else { return false }
        if let attachment { return try part(attachment, more: false) }
        return true
    }

    private func part(_ packet: Packet, more: Bool) throws(MessagingError) -> Bool {
        var copy = zmq_msg_t()
        unsafe zmq_msg_init(&copy)
        guard unsafe zmq_msg_copy(&copy, packet.message) == 0 else { throw Socket.failure("copy") }
        guard unsafe zmq_msg_send(&copy, handle, ZMQ_DONTWAIT | (more ? ZMQ_SNDMORE : 0)) < 0 else { return true }
        let result = Result { () throws(MessagingError) in try refused() }
        unsafe zmq_msg_close(&copy)
        return try result.get()
    }

    private func refused() throws(MessagingError) -> Bool {
        let code = zmq_errno()
        if code == EAGAIN || code == EHOSTUNREACH || code == EINTR { return false }
        throw Socket.failure("send")
    }

    /// The next message, or nil if there is none now: from whom (to a router), head, attachment. Messages of another shape are dropped.
    public func receive() throws(MessagingError) -> (name: UInt16?, head: Packet, attachment: Packet?)? {
        while true {
            guard let first = try receivePart() else {
                mayHoldMessage = false
                return nil
            }
            var parts = [first.packet]
            var more = first.more
            while more {
                guard let next = try receivePart() else { break }
                if parts.count < 4 { parts.append(next.packet) }
                more = next.more
            }
            var name: UInt16?
            if isRouter {
                name = unsafe parts[0].withBytes { bytes in
                    unsafe bytes.count == 3 ? UInt16(bytes[1]) << 8 | UInt16(unsafe bytes[2]) : nil
                }
                parts.removeFirst()
                if name == nil { continue }
            }
            if parts.count == 1 || parts.count == 2 { return (name, parts[0], parts.count == 2 ? parts[1] : nil) }
        }
    }

    private func receivePart() throws(MessagingError) -> (packet: Packet, more: Bool)? {
        let packet = Packet.empty()
        while unsafe zmq_msg_recv(packet.message, handle, ZMQ_DONTWAIT) < 0 {
            let code = zmq_errno()
            if code == EAGAIN { return nil }
            guard code == EINTR else {
                mayHoldMessage = false
                throw Socket.failure("receive")
            }
        }
        HandOver.take()
        return (packet, unsafe zmq_msg_more(packet.message) != 0)
    }
}
