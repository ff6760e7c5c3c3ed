internal import Synchronization
internal import Workers

/// Says who may come in at the CURVE servers of a context: the clients whose public keys are on its list, and no others.
///
/// The ZAP handler (ZeroMQ RFC 27) of its context, on a thread of its own; one a context. Servers of a context without one admit no client.
/// A client that is refused is told so and gives up: one whose key comes onto the list later has to connect again. Those who come with another
/// mechanism than CURVE, or with the wrong server key, are turned away by the library before it asks here; ``SocketMonitor`` tells of them.
@safe
public final class Gatekeeper: Sendable {
    private let list: AllowList
    private let worker: Mutex<Worker?>
    /// Rings when the thread is to end.
    private let bell: Event

    /// Starts the handler.
    ///
    /// - Parameters:
    ///   - allow: public keys.
    ///   - onRefusal: called on the handler's thread with one line: address, mechanism and the first 8 characters of the key. While it
    ///     runs all other clients wait. It must not hold the gatekeeper, nor stop it.
    /// - Throws: if a key is none, or the context has a gatekeeper already.
    public init(
        context: MessageContext, allow: Set<String>, onRefusal: @escaping @Sendable (String) -> Void
    ) throws(MessagingError) {
        try KeyPair.requireCurve()
        guard allow.allSatisfy(KeyPair.isPublicKey) else { throw Self.badKey }
        let list = AllowList(allow)
        let bell = try Self.makeBell()
        let door = try AuthenticationSocket(in: context)
        self.bell = bell
        self.list = list
        // Handed over: from here on the socket is the thread's.
        let started = try Self.start {
            do throws(MessagingError) {
                try door.answer(until: bell.descriptor.number) { request in
                    guard let refusal = list.refusal(of: request) else { return true }
                    onRefusal(refusal)
                    return false
                }
            } catch {
                onRefusal("no further client is admitted, the gatekeeper failed: \(error)")
            }
        }
        worker = Mutex(started)
    }

    deinit { stop() }

    private static func makeBell() throws(MessagingError) -> Event {
        do { return try Event() } catch {
            throw MessagingError("gatekeeper's bell", error.errno, error.description)
        }
    }

    private static func start(_ body: @escaping @Sendable () -> Void) throws(MessagingError) -> Worker {
        do { return try Worker.start(name: "gatekeeper", body) } catch {
            throw MessagingError(
                "gatekeeper's thread", error.errno,
                "the system refuses it; look at ulimit -u, ulimit -v and the container's pids.max")
        }
    }

    private static var badKey: MessagingError {
        KeyPair.refusal("a key on the list is not \(KeyPair.shape)")
    }

    /// Puts a public key on the list, from any thread. Holds for all who knock from now on.
    public func allow(_ key: String) throws(MessagingError) {
        guard KeyPair.isPublicKey(key) else { throw Self.badKey }
        list.insert(key)
    }

    /// Ends the handler's thread and waits for that, which takes no longer than an `onRefusal` under way. No further client is admitted then;
    /// connections that stand go on. Calls after the first do nothing.
    public func stop() {
        worker.withLock { worker in
            guard let running = worker else { return }
            bell.raise()
            running.join()
            worker = nil
        }
    }
}

/// The list, shared by the gatekeeper and its thread.
private final class AllowList: Sendable {
    private let keys: Mutex<Set<String>>

    init(_ keys: Set<String>) { self.keys = Mutex(keys) }

    func insert(_ key: String) { keys.withLock { _ = $0.insert(key) } }

    func refusal(of request: ZAPRequest) -> String? { keys.withLock { request.refusal(allowed: $0) } }
}
