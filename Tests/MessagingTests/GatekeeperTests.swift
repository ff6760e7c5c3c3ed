import Foundation
import Messaging
import TestKit
import Testing

/// Who comes in, who does not, and who is told what.
@Suite("CURVE")
struct GatekeeperTests {
    @Test("A client on the list comes in, both ends say so, and messages of any size pass")
    func rightKey() throws {
        let client = try KeyPair.generate()
        let server = try SecureServer(allow: [client], context: MessageContext())
        let (dealer, monitor) = try server.knock(.client(client, server: server.pair.publicKey))
        #expect(try monitor.verdict() == .handshakeSucceeded(address: server.address))
        #expect(try server.monitor.verdict() == .handshakeSucceeded(address: server.address))
        #expect(try server.exchange(dealer))
        for count in [0, 1, 63, 64, 255, 256, 8192, 3 << 20] {
            let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 7) }
            #expect(try dealer.send([bytes]))
            #expect(try eventually("\(count) bytes") { try server.socket.receive() } == [[65], bytes])
        }
        #expect(server.refusals.all == [])
    }

    @Test("Links carry packets under keys as they do without")
    func links() throws {
        let context = try MessageContext()
        let pairs = try (0..<2).map { _ in try KeyPair.generate() }
        let gatekeeper = try Gatekeeper(context: context, allow: [pairs[1].publicKey]) { _ in }
        let router = try LinkSocket(
            .router, in: context, security: .server(pairs[0]), largestFrameByteCount: 1 << 20)
        let monitor = try SocketMonitor(router)
        let address = try router.bind("tcp://127.0.0.1:*")
        let dealer = try LinkSocket(
            .dealer(name: 7), in: context, security: .client(pairs[1], server: pairs[0].publicKey),
            largestFrameByteCount: 1 << 20)
        try dealer.connect(address)
        #expect(try monitor.verdict() == .handshakeSucceeded(address: address))
        let packet = Packet(repeating: 9, byteCount: 1 << 19)
        #expect(try dealer.send(packet, Packet(repeating: 8, byteCount: 3), to: 0))
        let got = try eventually("a packet") { try router.receive() }
        #expect(got.name == 7 && got.head.byteCount == 1 << 19 && got.attachment?.byteCount == 3)
        #expect(unsafe got.head.withBytes { bytes in unsafe bytes.allSatisfy { $0 == 9 } })
        #expect(try router.send(Packet(repeating: 1, byteCount: 5), nil, to: 7))
        #expect(try eventually("a packet back") { try dealer.receive() }.head.byteCount == 5)
        gatekeeper.stop()
    }

    @Test("An unknown key is refused at both ends and logged in part; once on the list, it comes in")
    func unknownKey() throws {
        let client = try KeyPair.generate()
        let server = try SecureServer(allow: [KeyPair.generate()], context: MessageContext())
        let security = SocketSecurity.client(client, server: server.pair.publicKey)
        let (first, monitor) = try server.knock(security)
        #expect(try first.send([[1]]))
        #expect(try monitor.verdict() == .refused(status: 400, address: server.address))
        #expect(try server.monitor.verdict() == .refused(status: 400, address: server.address))
        let line = try #require(server.refusals.all.first)
        #expect(server.refusals.all.count == 1)
        #expect(line.contains("127.0.0.1") && line.contains("CURVE") && line.contains(client.publicKey.prefix(8)))
        #expect(!line.contains(client.publicKey.prefix(9)))
        #expect(try server.socket.receive() == nil)

        try server.gatekeeper.allow(client.publicKey)
        try first.reconnect(server.address)
        #expect(try monitor.verdict() == .handshakeSucceeded(address: server.address))
        #expect(server.refusals.all.count == 1)
        #expect(try server.exchange(first))
    }

    @Test("A client without keys is turned away, and both ends say it is the mechanism")
    func noKey() throws {
        let server = try SecureServer(context: MessageContext())
        let (dealer, monitor) = try server.knock(.plain)
        #expect(try dealer.send([[1]]))
        #expect(try monitor.verdict() == .handshakeFailed(.mechanism, address: server.address))
        #expect(try server.monitor.verdict() == .handshakeFailed(.mechanism, address: server.address))
        #expect(try server.socket.receive() == nil)
    }

    @Test("A client with keys does not talk to a server without")
    func plainServer() throws {
        let context = try MessageContext()
        let router = try Socket(.router, in: context)
        let monitor = try SocketMonitor(router)
        let address = try router.bind("tcp://127.0.0.1:*")
        let pair = try KeyPair.generate()
        let dealer = try Socket(
            .dealer, in: context, security: .client(pair, server: pair.publicKey), lingerMilliseconds: 0)
        let other = try SocketMonitor(dealer)
        try dealer.connect(address)
        #expect(try dealer.send([[1]]))
        #expect(try monitor.verdict() == .handshakeFailed(.mechanism, address: address))
        #expect(try other.verdict() == .handshakeFailed(.mechanism, address: address))
        #expect(try router.receive() == nil)
    }

    @Test(
        "A client with the wrong server key gets nowhere, and the server says why",
        arguments: [nil, String(repeating: "0", count: 40), "000010000000000000000000000000000000000000"])
    func wrongServerKey(key: String?) throws {
        let client = try KeyPair.generate()
        let server = try SecureServer(allow: [client], context: MessageContext())
        let wrong = try key.map { String($0.prefix(40)) } ?? KeyPair.generate().publicKey
        let (dealer, monitor) = try server.knock(.client(client, server: wrong))
        #expect(try dealer.send([[1]]))
        guard case .handshakeFailed = try monitor.verdict() else {
            Issue.record("the client believes a stranger")
            return
        }
        #expect(try server.socket.receive() == nil)
        guard key == nil else { return }  // Points of small order do not get as far as the server.
        #expect(try server.monitor.verdict() == .handshakeFailed(.cryptography, address: server.address))
        #expect(server.refusals.all == [])
    }

    @Test("A client that offers a name and a password is turned away")
    func password() throws {
        let server = try SecureServer(context: MessageContext())
        // A greeting of ZMTP 3.0 that names the mechanism PLAIN; this library's clients have none.
        var greeting: [UInt8] = [0xFF, 0, 0, 0, 0, 0, 0, 0, 1, 0x7F, 3, 0] + Array("PLAIN".utf8)
        greeting += [UInt8](repeating: 0, count: 64 - greeting.count)
        let caller = try RawCaller(address: server.address)
        try caller.send(greeting)
        #expect(try server.monitor.verdict() == .handshakeFailed(.mechanism, address: server.address))
        #expect(try server.socket.receive() == nil)
    }

    @Test("A server in a context without a gatekeeper lets nobody in")
    func nobodyAtTheDoor() throws {
        let context = try MessageContext()
        let pair = try KeyPair.generate()
        let router = try Socket(.router, in: context, security: .server(pair), lingerMilliseconds: 0)
        let monitor = try SocketMonitor(router)
        let address = try router.bind("tcp://127.0.0.1:*")
        let dealer = try Socket(
            .dealer, in: context, security: .client(pair, server: pair.publicKey), lingerMilliseconds: 0)
        try dealer.connect(address)
        #expect(try dealer.send([[1]]))
        #expect(try monitor.verdict() == .handshakeFailed(.cutOff, address: address))
        #expect(try router.receive() == nil)
        // The client goes on trying, so that it does not matter who of the two is first.
        let gatekeeper = try Gatekeeper(context: context, allow: [pair.publicKey]) { _ in }
        #expect(try eventually("the client") { try router.receive() }.last == [1])
        gatekeeper.stop()
    }

    @Test("A gatekeeper at whose door nobody knocked ends, twice over, and another takes its place")
    func stopping() throws {
        let context = try MessageContext()
        for _ in 0..<20 {
            let first = try Gatekeeper(context: context, allow: []) { _ in }
            let error = #expect(throws: MessagingError.self) {
                _ = try Gatekeeper(context: context, allow: []) { _ in }
            }
            #expect(error?.call == "the context's ZAP handler")
            first.stop()
            first.stop()
            _ = try Gatekeeper(context: context, allow: []) { _ in }  // Ends when it is dropped.
        }
        #expect(throws: MessagingError.self) { _ = try Gatekeeper(context: context, allow: ["short"]) { _ in } }
        let last = try Gatekeeper(context: context, allow: []) { _ in }
        #expect(throws: MessagingError.self) { try last.allow(String(repeating: "#", count: 40)) }
    }

    @Test("Questions that are none do not break the gatekeeper: an honest client comes in afterwards")
    func fuzz() throws {
        let seed = UInt64.random(in: .min ... .max)
        var random = SeededGenerator(seed: seed)
        let client = try KeyPair.generate()
        let server = try SecureServer(allow: [client], context: MessageContext())
        let asker = try Socket(.dealer, in: server.context, lingerMilliseconds: 0)
        try asker.connect("inproc://zeromq.zap.01")
        var answers = 0
        for _ in 0..<2000 {
            let frames = ZAPQuestion.random(&random)
            _ = try asker.send([[]] + frames)
            while try asker.receive() != nil { answers += 1 }
            // The same to the reader itself: it says no to all but a well-formed question with the right key.
            if let request = ZAPRequest(frames) {
                #expect(request.refusal(allowed: [client.publicKey]) != nil, "seed \(seed): \(frames)")
            }
        }
        let (dealer, _) = try server.knock(.client(client, server: server.pair.publicKey))
        #expect(try server.exchange(dealer), "seed \(seed)")
        #expect(
            server.refusals.all.allSatisfy { line in
                line.utf8.allSatisfy { (0x20...0x7E).contains($0) } && line.utf8.count < 200
            }, "seed \(seed)")
        #expect(answers == 0)  // They have more frames than this kind of socket takes; reading drops them.
    }

    @Test("A well-formed question is answered by the list; other mechanisms are refused with a reason")
    func questions() throws {
        let key = [UInt8](0..<32)
        func frames(_ mechanism: String, _ credentials: [[UInt8]]) -> [[UInt8]] {
            [Array("1.0".utf8), [1], Array("softpod".utf8), Array("10.0.0.9".utf8), [], Array(mechanism.utf8)]
                + credentials
        }
        let curve = try #require(ZAPRequest(frames("CURVE", [key])))
        let text = try #require(curve.key)
        #expect(KeyPair.isPublicKey(text))
        #expect(curve.refusal(allowed: [text]) == nil)
        #expect(curve.refusal(allowed: [])?.hasPrefix("10.0.0.9: refused, the CURVE key") == true)
        for (mechanism, credentials) in [("NULL", []), ("PLAIN", [[65], [66]])] as [(String, [[UInt8]])] {
            let request = try #require(ZAPRequest(frames(mechanism, credentials)))
            #expect(request.refusal(allowed: [text])?.contains(mechanism) == true)
        }
        #expect(ZAPRequest(frames("CURVE", [])) == nil)
        #expect(ZAPRequest(frames("CURVE", [Array(key.dropLast())])) == nil)
        #expect(ZAPRequest(frames("CURVE", [key, key])) == nil)
    }
}
