internal import CZeroMQ

/// How a socket knows who is at the other end, and what others on the wire can read.
public enum SocketSecurity: Sendable, Equatable {
    /// Every peer that reaches it is believed, and nothing is encrypted: ipc, inproc, and TCP on loopback. Other addresses are refused.
    case plain
    /// CURVE, the end that accepts. Admits the clients that the context's ``Gatekeeper`` knows; none while there is no gatekeeper.
    case server(KeyPair)
    /// CURVE, the end that connects; talks only to the holder of this public key.
    case client(KeyPair, server: String)

    /// The ZAP domain of all our sockets.
    static let domain = "softpod"
    /// How long a handshake may take: a client that says nothing, or waits for a server that will not answer, is cut off then.
    static let handshakeMilliseconds: Int32 = 5_000

    /// ZMQ_ZAP_ENFORCE_DOMAIN: the library has had it since 4.3, but its header shows it to drafts only. Without it a CURVE server
    /// that finds no ZAP handler admits every client.
    private static let enforceDomain: Int32 = 93

    /// Bytes CURVE adds to a frame: "\u{7}MESSAGE", a short nonce, an authenticator, a byte of flags (33, RFC 26), and some.
    static let overheadByteCount = 64

    /// Sets the options of a new socket.
    @unsafe
    func apply(to handle: UnsafeMutableRawPointer) throws(MessagingError) {
        switch self {
        case .plain: return
        case .server(let pair):
            try KeyPair.requireCurve()
            try unsafe Self.set(handle, ZMQ_CURVE_SERVER, 1)
            try unsafe Self.set(handle, ZMQ_CURVE_SECRETKEY, pair.secretKey)
            try unsafe Self.set(handle, ZMQ_ZAP_DOMAIN, Self.domain)
            try unsafe Self.set(handle, Self.enforceDomain, 1)
        case .client(let pair, let server):
            try KeyPair.requireCurve()
            guard KeyPair.isPublicKey(server) else {
                throw KeyPair.refusal("the server's public key is not \(KeyPair.shape)")
            }
            try unsafe Self.set(handle, ZMQ_CURVE_SERVERKEY, server)
            try unsafe Self.set(handle, ZMQ_CURVE_PUBLICKEY, pair.publicKey)
            try unsafe Self.set(handle, ZMQ_CURVE_SECRETKEY, pair.secretKey)
        }
        try unsafe Self.set(handle, ZMQ_HANDSHAKE_IVL, Self.handshakeMilliseconds)
    }

    @unsafe
    private static func set(
        _ handle: UnsafeMutableRawPointer, _ option: Int32, _ value: Int32
    ) throws(MessagingError) {
        var value = value
        guard unsafe zmq_setsockopt(handle, option, &value, 4) == 0 else { throw Socket.failure("security option") }
    }

    /// The text without its terminating zero; a key of 40 characters is taken as Z85.
    @unsafe
    private static func set(
        _ handle: UnsafeMutableRawPointer, _ option: Int32, _ text: String
    ) throws(MessagingError) {
        let bytes = Array(text.utf8)
        guard unsafe zmq_setsockopt(handle, option, bytes, bytes.count) == 0 else {
            throw Socket.failure("security option")
        }
    }

    /// Refuses addresses at which this security would be none.
    func check(_ call: String, _ address: String) throws(MessagingError) {
        func refuse(_ rule: String) -> MessagingError { MessagingError("\(call) \(address)", EPERM, rule) }
        if address.hasPrefix("ipc://") { return }
        if address.hasPrefix("inproc://") {
            // Pipes within a context know neither keys nor handlers.
            guard self == .plain else { throw refuse("inproc cannot be secured") }
            return
        }
        guard address.hasPrefix("tcp://") else {
            throw MessagingError("\(call) \(address)", EPROTONOSUPPORT, "is neither tcp, ipc nor inproc")
        }
        guard self != .plain || Self.isLoopback(address.dropFirst("tcp://".count)) else {
            throw refuse("TCP without keys goes over loopback only")
        }
    }

    /// Whether `host:port` can only be this machine: 127.a.b.c, `[::1]`, `localhost`, or the interface `lo`.
    private static func isLoopback(_ place: Substring) -> Bool {
        // A semicolon parts a source from the address it goes to.
        guard let colon = place.lastIndex(of: ":"), !place.contains(";") else { return false }
        let host = place[..<colon]
        if ["localhost", "[::1]", "lo"].contains(host) { return true }
        let parts = host.split(separator: ".", omittingEmptySubsequences: false)
        return parts.count == 4 && parts[0] == "127"
            && parts.allSatisfy { UInt8($0) != nil && $0.utf8.allSatisfy { (0x30...0x39).contains($0) } }
    }
}
