import Messaging
import Synchronization

/// Looks again and again, for at most twenty seconds; nothing waits for that when all is well.
func eventually<Value>(_ what: String, _ look: () throws -> Value?) throws -> Value {
    let end = ContinuousClock.now + .seconds(20)
    while ContinuousClock.now < end {
        if let value = try look() { return value }
    }
    throw NeverHappened(what: what)
}

struct NeverHappened: Error { var what: String }

/// Lines of refusals, as a gatekeeper's thread writes them.
final class Refusals: Sendable {
    private let lines = Mutex<[String]>([])
    func add(_ line: String) { lines.withLock { $0.append(line) } }
    var all: [String] { lines.withLock { $0 } }
}

/// A CURVE server on a port of its own, with its gatekeeper and monitor, and what a client needs to find it.
struct SecureServer {
    let context: MessageContext
    let pair: KeyPair
    let socket: Socket
    let monitor: SocketMonitor
    let gatekeeper: Gatekeeper
    let refusals = Refusals()
    let address: String

    init(allow: [KeyPair] = [], context: MessageContext) throws {
        self.context = context
        pair = try KeyPair.generate()
        gatekeeper = try Gatekeeper(context: context, allow: Set(allow.map(\.publicKey)), onRefusal: refusals.add)
        socket = try Socket(.router, in: context, security: .server(pair), lingerMilliseconds: 0)
        monitor = try SocketMonitor(socket)
        address = try socket.bind("tcp://127.0.0.1:*")
    }

    /// A dealer that has connected, or tries to.
    func knock(_ security: SocketSecurity) throws -> (socket: Socket, monitor: SocketMonitor) {
        let socket = try Socket(.dealer, in: context, routingID: [65], security: security, lingerMilliseconds: 0)
        let monitor = try SocketMonitor(socket)
        try socket.connect(address)
        return (socket, monitor)
    }

    /// Sends there and back.
    func exchange(_ dealer: Socket) throws -> Bool {
        guard try eventually("a dealer's send", { try dealer.send([[1, 2]]) ? true : nil }) else { return false }
        let question = try eventually("a question") { try socket.receive() }
        guard try socket.send([[65], [3]]) else { return false }
        return try question == [[65], [1, 2]] && eventually("an answer") { try dealer.receive() } == [[3]]
    }
}

extension SocketMonitor {
    /// The next event that ends a handshake, in whichever way.
    func verdict() throws -> Event {
        try eventually("the end of a handshake") {
            while let event = try next() {
                switch event {
                case .handshakeSucceeded, .refused, .handshakeFailed: return event
                default: continue
                }
            }
            return nil
        }
    }
}
