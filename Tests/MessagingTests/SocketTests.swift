import Foundation
import Messaging
import Testing

/// A 0700 folder that goes with the test.
struct SocketFolder: ~Copyable {
    let path: String

    init() throws {
        path = NSTemporaryDirectory() + "softpod-test-" + UUID().uuidString.prefix(12)
        try FileManager.default.createDirectory(
            atPath: path, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    }

    var address: String { "ipc://\(path)/s" }

    // The test's own folder; a failure to remove it cannot be helped here.
    deinit { try? FileManager.default.removeItem(atPath: path) }
}

@Suite("Sockets")
struct SocketTests {
    /// Looks for a message again and again, for at most twenty seconds; nothing waits for that when all is well.
    private func next(_ socket: Socket) throws -> [[UInt8]] {
        let end = ContinuousClock.now + .seconds(20)
        while ContinuousClock.now < end {
            if let frames = try socket.receive() { return frames }
        }
        throw MissingMessage()
    }

    struct MissingMessage: Error {}

    @Test("A router knows a dealer by its name and answers it; frames arrive whole")
    func roundTrip() throws {
        let folder = try SocketFolder()
        let context = try MessageContext()
        let router = try Socket(.router, in: context)
        try router.bind(folder.address)
        let dealer = try Socket(.dealer, in: context, routingID: Array("p7".utf8))
        try dealer.connect(folder.address)
        #expect(try dealer.send([[1, 2, 3], []]))
        #expect(try next(router) == [Array("p7".utf8), [1, 2, 3], []])
        #expect(try router.send([Array("p7".utf8), [9]]))
        #expect(try next(dealer) == [[9]])
        #expect(try dealer.receive() == nil)
    }

    @Test("Messages of one dealer arrive in order, whatever their size")
    func order() throws {
        let folder = try SocketFolder()
        let context = try MessageContext()
        let router = try Socket(.router, in: context)
        try router.bind(folder.address)
        let dealer = try Socket(.dealer, in: context, routingID: [65])
        try dealer.connect(folder.address)
        for index in 0..<200 {
            #expect(try dealer.send([Array(repeating: UInt8(index), count: index * 37), [UInt8(index)]]))
        }
        for index in 0..<200 {
            #expect(try next(router) == [[65], Array(repeating: UInt8(index), count: index * 37), [UInt8(index)]])
        }
    }

    @Test("A connection goes on working when the socket's file is gone")
    func fileGone() throws {
        let folder = try SocketFolder()
        let context = try MessageContext()
        let router = try Socket(.router, in: context)
        try router.bind(folder.address)
        let dealer = try Socket(.dealer, in: context, routingID: [65])
        try dealer.connect(folder.address)
        #expect(try dealer.send([[1]]))
        #expect(try next(router) == [[65], [1]])
        try FileManager.default.removeItem(atPath: folder.path + "/s")
        #expect(try router.send([[65], [2]]))
        #expect(try next(dealer) == [[2]])
    }

    @Test("A message to a peer nobody knows is refused, and the socket goes on")
    func unknownPeer() throws {
        let router = try Socket(.router, in: MessageContext())
        #expect(try !router.send([[7, 7, 7], [1]]))
        #expect(try !router.send([[7, 7, 7], [1]]))
    }

    @Test("A message of too many frames is dropped whole, and the next one is read")
    func tooManyFrames() throws {
        let folder = try SocketFolder()
        let context = try MessageContext()
        let router = try Socket(.router, in: context)
        try router.bind(folder.address)
        let dealer = try Socket(.dealer, in: context, routingID: [65])
        try dealer.connect(folder.address)
        #expect(try dealer.send(Array(repeating: [1], count: 100)))
        #expect(try dealer.send([[5], [6], [7]]))
        #expect(try next(router) == [[65], [5], [6], [7]])
        #expect(try router.receive() == nil)
    }

    @Test("A frame beyond the limit never gets through, and honest peers are heard")
    func tooLarge() throws {
        let folder = try SocketFolder()
        let context = try MessageContext()
        let router = try Socket(.router, in: context)
        try router.bind(folder.address)
        let hostile = try Socket(.dealer, in: context, routingID: [65], lingerMilliseconds: 0)
        try hostile.connect(folder.address)
        #expect(try hostile.send([Array(repeating: 1, count: Socket.largestFrameByteCount + 1)]))
        let honest = try Socket(.dealer, in: context, routingID: [66])
        try honest.connect(folder.address)
        #expect(try honest.send([[2]]))
        #expect(try next(router) == [[66], [2]])
        #expect(try router.receive() == nil)
    }

    @Test("A full queue says so instead of waiting")
    func fullQueue() throws {
        let folder = try SocketFolder()
        let dealer = try Socket(.dealer, in: MessageContext(), lingerMilliseconds: 0)
        try dealer.connect(folder.address)  // Nobody listens.
        var taken = 0
        while taken < 10_000, try dealer.send([[0]]) { taken += 1 }
        #expect(taken == 4096)
    }

    @Test(
        "Bad addresses are refused with the call and the reason",
        arguments: ["nonsense", "ipc:///nowhere/at/all", "ipc:///" + String(repeating: "x", count: 200), "xyz://a"])
    func addresses(address: String) throws {
        let socket = try Socket(.router, in: MessageContext())
        let error = #expect(throws: MessagingError.self) { try socket.bind(address) }
        #expect(error?.description.hasPrefix("bind \(address): ") == true)
        #expect(error?.errno != 0)
    }
}
