import Messaging
import Testing

@Suite("Keys and addresses")
struct KeyPairTests {
    @Test("A generated pair is one that can be written down and read again")
    func generated() throws {
        let pair = try KeyPair.generate()
        #expect(KeyPair.isPublicKey(pair.publicKey))
        #expect(try KeyPair(publicKey: pair.publicKey, secretKey: pair.secretKey) == pair)
        #expect(try KeyPair.generate() != pair)
        // In C this would be a key with nothing behind it.
        #expect(!KeyPair.isPublicKey(String(pair.publicKey.dropLast()) + "\u{0}"))
    }

    @Test("No way to print a pair, or a socket's security, shows the secret")
    func printing() throws {
        let pair = try KeyPair.generate()
        var dumped = ""
        dump((pair, SocketSecurity.server(pair)), to: &dumped)
        let texts = [
            "\(pair)", String(reflecting: pair), "\(SocketSecurity.server(pair))", dumped,
            String(reflecting: SocketSecurity.client(pair, server: pair.publicKey)),
        ]
        for text in texts { #expect(!text.contains(pair.secretKey.prefix(9)), "\(text)") }
    }

    @Test("Halves that are none, or of two pairs, are refused without being repeated")
    func wrongHalves() throws {
        let (pair, other) = (try KeyPair.generate(), try KeyPair.generate())
        let cases = [
            (pair.publicKey, other.secretKey, "does not belong"), (pair.secretKey, pair.secretKey, "does not belong"),
            ("short", pair.secretKey, "public key"), (pair.publicKey, pair.secretKey + "0", "secret key is not"),
            (pair.publicKey, "", "secret key is not"),
            (pair.publicKey, String(pair.secretKey.dropLast()) + "\"", "secret key is not"),
        ]
        for (key, secret, rule) in cases {
            let error = #expect(throws: MessagingError.self) { try KeyPair(publicKey: key, secretKey: secret) }
            #expect(error?.description.contains(rule) == true, "\(String(describing: error))")
            #expect(error?.description.contains(pair.secretKey.prefix(9)) == false)
            #expect(error?.description.contains(other.secretKey.prefix(9)) == false)
        }
    }

    @Test(
        "What is no key is seen",
        arguments: [
            "", String(repeating: "a", count: 39), String(repeating: "a", count: 41),
            String(repeating: "a", count: 39) + "\"",
            String(repeating: "a", count: 39) + " ", String(repeating: "#", count: 40),
            String(repeating: "ä", count: 20),
        ])
    func noKey(text: String) throws {
        #expect(!KeyPair.isPublicKey(text))
        let pair = try KeyPair.generate()
        #expect(throws: MessagingError.self) {
            _ = try Socket(.dealer, in: MessageContext(), security: .client(pair, server: text))
        }
    }

    @Test(
        "TCP without keys goes over loopback only",
        arguments: [
            ("127.0.0.1:*", true), ("127.1.2.3:*", true), ("lo:*", true), ("*:*", false),
            ("0.0.0.0:*", false), ("10.0.0.1:1", false), ("127.0.0.1.example.org:1", false), ("eth0:1", false),
            ("127.0.0.256:1", false), ("[::]:1", false), ("127.0.0.1;10.0.0.1:1", false), ("", false), (":", false),
            ("128.0.0.1:1", false), ("127.0.0.+1:1", false), ("localhost", false),
        ])
    func loopback(place: String, isAllowed: Bool) throws {
        let socket = try Socket(.router, in: MessageContext())
        if isAllowed {
            #expect(try socket.bind("tcp://" + place).hasPrefix("tcp://127."))
        } else {
            let error = #expect(throws: MessagingError.self) { try socket.bind("tcp://" + place) }
            #expect(error?.reason.contains("loopback") == true)
            let link = try LinkSocket(.dealer(name: 1), in: MessageContext(), largestFrameByteCount: 1)
            #expect(throws: MessagingError.self) { try link.connect("tcp://" + place) }
        }
    }

    @Test("A loopback address may be connected to by its names", arguments: ["localhost:9", "127.0.0.1:9"])
    func loopbackNames(place: String) throws {
        let socket = try Socket(.dealer, in: MessageContext(), lingerMilliseconds: 0)
        try socket.connect("tcp://" + place)  // Nobody need be there.
    }

    @Test("With keys any address of this host is taken, and inproc refused, since it knows none")
    func securedAddresses() throws {
        let socket = try Socket(.router, in: MessageContext(), security: .server(KeyPair.generate()))
        #expect(try socket.bind("tcp://*:*").hasPrefix("tcp://0.0.0.0:"))
        for address in ["inproc://a", "tipc://a", "ws://127.0.0.1:*", "tcp//127.0.0.1:*"] {
            #expect(throws: MessagingError.self) { try socket.bind(address) }
        }
    }
}
