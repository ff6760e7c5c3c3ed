internal import Synchronization
internal import Workers

/// Messages from a process's die threads to its control thread, which alone owns the socket.
final class Outbox: Sendable {
    /// Raised while messages wait.
    let event: Event
    private let messages = Mutex<[ControlMessage]>([])
    private let busy: Mutex<Int>

    /// For a process with this many dies.
    init(dies: Int) throws(SystemError) {
        event = try Event()
        busy = Mutex(dies)
    }

    /// Adds a message and calls the control thread.
    func post(_ message: ControlMessage) {
        messages.withLock { $0.append(message) }
        event.raise()
    }

    /// A die is done, for better or worse; its messages are before this.
    func dieEnded() {
        busy.withLock { $0 -= 1 }
        event.raise()
    }

    /// Whether every die has ended.
    var allEnded: Bool { busy.withLock { $0 == 0 } }

    /// Takes what waits, in order.
    func take() -> [ControlMessage] {
        event.clear()
        return messages.withLock { waiting in
            defer { waiting = [] }
            return waiting
        }
    }
}
