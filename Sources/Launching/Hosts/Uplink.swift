package import Messaging
internal import SharedMemory
package import Workers

/// An agent's end of the line to the coordinator. Belongs to the agent's thread.
///
/// The line is lost when the coordinator's process is gone (the connection closes and is not there again within ``patience``), when
/// the process that started the agent closes its standard input, or when the coordinator dismisses it.
package final class Uplink {
    /// Why the line is no more.
    package enum Loss: Error, Equatable {
        /// The session is over, as it should be.
        case dismissed
        /// The coordinator does not want this agent.
        case refused(String)
        /// There will be no run, for a reason that the coordinator has told the user and that is not this agent.
        case cancelled(String)
        /// The coordinator has ended before this agent reached it, and has told the user why.
        case withdrawn(String)
        /// The coordinator is gone or cannot be reached.
        case lost(String)

        /// The reason in words.
        var text: String {
            switch self {
            case .lost(let reason), .refused(let reason), .cancelled(let reason), .withdrawn(let reason): reason
            case .dismissed: "the coordinator has ended"
            }
        }
    }

    private let invitation: Invitation
    private let socket: Socket
    private let monitor: SocketMonitor
    private let input: LineReader?
    /// What could not be sent yet: `waiting[sentCount...]`, in order.
    private var waiting: [[UInt8]] = []
    private var sentCount = 0
    private var waitingByteCount = 0
    private var isConnected = false
    private var brokenSince: UInt64?
    private var lastSaid = Monotonic.now()
    private let reachBy: Deadline
    /// Sees by the clock that this process was stopped: then the time does not count.
    private var clockWatch = ClockWatch(at: Monotonic.now())

    /// The most bytes kept for a coordinator that takes nothing: it is stopped, or what it prints is not read.
    private static let mostWaitingBytes = 256 << 20
    /// How long a line that was there may be broken.
    private static let patience: UInt64 = 8_000_000_000
    /// How often an agent says that it lives.
    static let heartbeat: UInt64 = 1_000_000_000

    /// Connects; the coordinator need not be there yet.
    ///
    /// - Parameter input: standard input, if its end means that the coordinator is gone.
    package init(_ invitation: Invitation, in context: MessageContext, input: LineReader?) throws {
        self.invitation = invitation
        self.input = input
        socket = try Socket(
            .dealer, in: context, security: try invitation.security(), probesPeer: true)
        monitor = try SocketMonitor(socket)
        reachBy = Deadline(after: .milliseconds(invitation.patienceMilliseconds))
        try socket.connect(invitation.address)
    }

    /// What to poll.
    package var descriptors: [Int32] { [socket.descriptor, monitor.descriptor] + (watchedInput.map { [$0] } ?? []) }

    private var watchedInput: Int32? { input.flatMap { $0.isAtEnd ? nil : $0.descriptor } }

    /// Milliseconds after which ``next(ready:)`` is to be called whatever happens.
    var pollMilliseconds: Int { socket.isReadable ? 0 : waiting.isEmpty ? 500 : 10 }

    /// Sends a message, or keeps it until it can be sent. In order.
    package func send(_ message: HostMessage) {
        let frame = message.encoded
        waiting.append(frame)
        waitingByteCount += frame.count
        flush()
    }

    private func flush() {
        while sentCount < waiting.count {
            guard (try? socket.send([waiting[sentCount]])) ?? false else { break }  // the monitor tells of it
            waitingByteCount -= waiting[sentCount].count
            waiting[sentCount] = []
            sentCount += 1
            lastSaid = Monotonic.now()
        }
        // What was sent goes when it is more than what waits, so that each is moved once at most.
        if sentCount * 2 >= waiting.count {
            waiting.removeFirst(sentCount)
            sentCount = 0
        }
    }

    /// The next message, or nil if there is none now; says in between that the agent lives.
    package func next() throws -> HostMessage? {
        lookForStop()
        flush()
        if Monotonic.now() - lastSaid > Self.heartbeat, isConnected { send(.alive) }
        while let frames = try socket.receive() {
            guard let frame = frames.last else { continue }
            guard let message = HostMessage(decoding: frame) else {
                if let version = HostMessage.version(of: frame), version != HostMessage.version {
                    throw Loss.refused(
                        "the coordinator speaks version \(version) of the protocol, this build \(HostMessage.version)")
                }
                continue  // Not a message of the coordinator's: nothing it says is believed.
            }
            switch message {
            case .refused(let text): throw Loss.refused(text)
            case .cancelled(let text): throw Loss.cancelled(text)
            case .dismissed: throw Loss.dismissed
            default: return message
            }
        }
        try watch()
        return nil
    }

    private func lookForStop() {
        let now = Monotonic.now()
        if let lost = clockWatch.look(now) {
            LostTime.note(from: now - lost, to: now)
            if brokenSince != nil { brokenSince = now }
        }
        clockWatch.willSleep(Self.heartbeat)
    }

    /// Looks at the connection itself.
    private func watch() throws {
        while let event = try monitor.next() {
            switch event {
            case .handshakeSucceeded:
                // The coordinator knows its agents by their connections, and what was under way on the old one is lost with it.
                guard brokenSince == nil else {
                    throw Loss.lost(
                        "the connection to the coordinator at \(invitation.address) broke, and with it the run")
                }
                isConnected = true
            case .refused(let status, _):
                throw Loss.refused(
                    "the coordinator at \(invitation.address) does not accept this host's key (status \(status))")
            case .handshakeFailed(.mechanism, _):
                throw Loss.refused("the coordinator at \(invitation.address) and this host do not agree on using keys")
            case .handshakeFailed(let failure, _):
                if !isConnected { lastFailure = "the handshake failed (\(failure)): \(causes)" }
                broke()
            case .disconnected: broke()
            case .connected, .retrying: break
            }
        }
        if let input, let watchedInput, Descriptor.poll([watchedInput], milliseconds: 0)[0] {
            input.fill()
            if !isConnected, let line = input.next(), line == Array(Invitation.withdrawal.utf8) {
                throw Loss.withdrawn(
                    "the coordinator gave up; it was not reached at \(invitation.address)" + hint)
            }
            if input.isAtEnd {
                throw Loss.lost(
                    isConnected
                        ? "the coordinator that started this agent is gone"
                        : "the coordinator is gone; it was not reached at \(invitation.address)" + hint)
            }
        }
        guard waitingByteCount <= Self.mostWaitingBytes else {
            throw Loss.lost("the coordinator has not taken \(waitingByteCount >> 20) MiB of what the ranks said")
        }
        let now = Monotonic.now()
        if let brokenSince, now > brokenSince, now - brokenSince > Self.patience {
            throw Loss.lost(
                "the coordinator at \(invitation.address) is gone or stopped: the connection to it broke, and was not there again "
                    + "within \(Self.patience / 1_000_000_000) s")
        }
        if !isConnected, reachBy.remaining == 0 {
            throw Loss.lost(
                "the coordinator at \(invitation.address) could not be reached within \(invitation.patienceMilliseconds) ms"
                    + hint)
        }
    }

    private var lastFailure: String?
    private var hint: String { lastFailure.map { "; \($0)" } ?? "" }

    /// What may have cut a handshake off. The coordinator may close the line before this end has read
    /// that it asks for keys.
    private var causes: String {
        invitation.serverKey == nil
            ? "this host has no keys, and where the coordinator has some they do not agree on using keys"
            : "a wrong key for the coordinator, or not a coordinator, or one that is stopped"
    }

    private func broke() { if isConnected { brokenSince = brokenSince ?? Monotonic.now() } }

    /// Sends what waits before the agent goes, for at most this long.
    func drain(_ time: Duration) {
        let deadline = Deadline(after: time)
        flush()
        while !waiting.isEmpty, deadline.remaining > 0 {
            _ = Descriptor.poll([socket.descriptor], milliseconds: 10)  // Looked at again however it ended.
            flush()
        }
    }
}
