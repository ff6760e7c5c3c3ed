internal import CZeroMQ

/// A CURVE key pair (Curve25519, as CurveZMQ uses it): who one end of a connection is.
///
/// The secret is in no description, mirror or error of this type; it leaves only by ``secretKey``.
public struct KeyPair: Sendable, Equatable {
    /// Characters of a key: 32 bytes as Z85 (ZeroMQ RFC 32).
    public static let keyLength = 40

    /// The public half, 40 characters of Z85: what others know this end by.
    public let publicKey: String
    /// The secret half, 40 characters of Z85.
    public let secretKey: String

    private init(checkedPublic: String, secret: String) {
        publicKey = checkedPublic
        secretKey = secret
    }

    /// A new pair from the system's random numbers.
    ///
    /// - Throws: if the library was built without CURVE.
    public static func generate() throws(MessagingError) -> KeyPair {
        try requireCurve()
        var halves = (public: emptyKey, secret: emptyKey)
        guard unsafe zmq_curve_keypair(&halves.public, &halves.secret) == 0 else {
            throw Socket.failure("generate keys")
        }
        return KeyPair(checkedPublic: text(halves.public), secret: text(halves.secret))
    }

    /// A pair that was written down.
    ///
    /// - Throws: if one is not a key, or the two do not belong together. The error names the half, never its text.
    public init(publicKey: String, secretKey: String) throws(MessagingError) {
        try Self.requireCurve()
        guard Self.isKey(publicKey) else { throw Self.refusal("the public key is not \(Self.shape)") }
        guard Self.isKey(secretKey) else { throw Self.refusal("the secret key is not \(Self.shape)") }
        var derived = Self.emptyKey
        guard unsafe zmq_curve_public(&derived, secretKey) == 0 else { throw Socket.failure("derive the public key") }
        guard Self.text(derived) == publicKey else {
            throw Self.refusal("the secret key does not belong to the public key")
        }
        self.init(checkedPublic: publicKey, secret: secretKey)
    }

    /// Whether a text has the form of a public key: 40 characters of Z85 that stand for 32 bytes.
    public static func isPublicKey(_ text: String) -> Bool { isKey(text) }

    /// What a key looks like, for messages.
    static let shape = "\(keyLength) characters of Z85"

    /// Digits of Z85, in the order of RFC 32.
    private static let digits = Set(
        "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#".utf8)

    private static func isKey(_ text: String) -> Bool {
        guard text.utf8.count == keyLength, text.utf8.allSatisfy(digits.contains) else { return false }
        // Five digits can say more than four bytes hold: the library's decoder refuses those.
        var bytes = [UInt8](repeating: 0, count: 32)
        return unsafe zmq_z85_decode(&bytes, text) != nil
    }

    /// The 32 bytes of a public key as text.
    static func encode(_ bytes: [UInt8]) -> String {
        precondition(bytes.count == 32, "a public key has 32 bytes")
        var encoded = emptyKey
        let written = unsafe zmq_z85_encode(&encoded, bytes, 32)
        precondition(unsafe written != nil, "32 bytes are a multiple of four")
        return text(encoded)
    }

    private static var emptyKey: [CChar] { [CChar](repeating: 0, count: keyLength + 1) }

    private static func text(_ key: [CChar]) -> String {
        String(decoding: key.prefix(keyLength).map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    static func refusal(_ text: String) -> MessagingError { MessagingError("keys", EINVAL, text) }

    /// Refuses a library that cannot encrypt, before a socket would have to.
    static func requireCurve() throws(MessagingError) {
        guard unsafe zmq_has("curve") == 1 else {
            throw MessagingError(
                "keys", ENOTSUP, "this libzmq was built without CURVE (libsodium); connections cannot be secured")
        }
    }
}

extension KeyPair: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// The public half's first characters; nothing of the secret.
    public var description: String { "key pair \(publicKey.prefix(8))..." }
    /// The same.
    public var debugDescription: String { description }
    /// The public half alone.
    public var customMirror: Mirror { Mirror(self, children: ["publicKey": publicKey]) }
}
