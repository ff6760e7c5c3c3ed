internal import Mutants

/// What the library asks the ZAP handler when a client connects (ZeroMQ RFC 27, version 1.0), and what is answered.
package struct ZAPRequest: Sendable, Equatable {
    /// Names the question in the answer.
    var id: [UInt8]
    /// Where the knock came from, fit for one line.
    package var address: String
    /// NULL, PLAIN, CURVE or GSSAPI, fit for one line.
    package var mechanism: String
    /// The public key of a CURVE client as Z85; nil for other mechanisms.
    package var key: String?

    /// The most frames read of one request: six, and the credentials of any known mechanism.
    static let largestFrameCount = 9

    /// Reads the frames of a request. Nil if they are none: a wrong version, too few, another domain, or a key of a wrong length.
    package init?(_ frames: [[UInt8]]) {
        guard (6...Self.largestFrameCount).contains(frames.count), frames[0] == Array("1.0".utf8),
            frames[1].count <= 255, frames[2] == Array(SocketSecurity.domain.utf8)
        else { return nil }
        id = frames[1]
        address = Self.printable(frames[3], limit: 64)
        mechanism = Self.printable(frames[5], limit: 16)
        guard frames[5] == Array("CURVE".utf8) else { return }
        guard frames.count == 7, frames[6].count == 32 else { return nil }
        key = KeyPair.encode(frames[6])
    }

    /// ASCII that a terminal shows as it is.
    private static func printable(_ bytes: [UInt8], limit: Int) -> String {
        String(decoding: bytes.prefix(limit).map { (0x21...0x7E).contains($0) ? $0 : 0x3F }, as: UTF8.self)
    }

    /// Why this one does not come in; nil if it does.
    package func refusal(allowed: Set<String>) -> String? {
        guard let key else { return "\(address): refused, the mechanism \(mechanism) proves nothing" }
        if allowed.contains(key) || Mutated.keyList { return nil }
        return "\(address): refused, the CURVE key \(key.prefix(8))... is not on the list"
    }

    /// The six frames of an answer: version, id, status, its text, user, metadata.
    static func answer(_ id: [UInt8], isAllowed: Bool) -> [[UInt8]] {
        [
            Array("1.0".utf8), id, Array((isAllowed ? "200" : "400").utf8),
            Array((isAllowed ? "OK" : "not on the list").utf8), [], [],
        ]
    }
}
