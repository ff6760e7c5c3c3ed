internal import CLinux
internal import Glibc
internal import SharedMemory
internal import Synchronization

/// Output that never holds up its writer: a supervisor whose reader has stopped reading still sees its ranks die.
///
/// What the reader takes at once is written at once, by the caller. The rest is kept, and a thread writes it as the reader takes it. Where
/// more than `limit` bytes wait, the writer waits for room as long as the reader goes on reading; what does not fit then is
/// dropped, whole writes at a time, and counted. The flags of the descriptor are left alone: other processes share them.
public final class BoundedOutput: Sendable {
    /// Why nothing more is written.
    public enum Fault: Sendable, Equatable {
        /// The reader closed its end.
        case closed
        /// The system refused a write, with this error number.
        case refused(Int32)
    }

    private struct State {
        /// What the reader has not taken yet, from ``written`` on. While there is any, only the thread writes.
        var waiting: [UInt8] = []
        var written = 0
        /// Bytes the reader has taken in all.
        var taken: UInt64 = 0
        var dropped = 0
        var fault: Fault?
        var hasThread = false
        /// Set by a drop, taken back when the reader goes on: until then there is no waiting for room.
        var isStuck = false

        var waitingByteCount: Int { waiting.count - written }

        mutating func drop(_ count: Int) {
            dropped += count
            isStuck = true
        }

        mutating func take(_ count: Int) {
            written += count
            taken += UInt64(count)
            isStuck = false
            // Moved once at most: when what is gone is more than what stays.
            if written * 2 >= waiting.count {
                waiting.removeFirst(written)
                written = 0
            }
        }

        mutating func fail(_ code: Int32) {
            fault = code == EPIPE ? .closed : .refused(code)
            dropped += waitingByteCount
            waiting = []
            written = 0
        }
    }

    private let descriptor: Int32
    private let reopened: Int32
    private let limit: Int
    /// Raised when the reader has taken something, or never will.
    private let progress: Event?
    private let state = Mutex(State())

    /// Output to a descriptor, which stays the caller's and must stay open.
    ///
    /// - Parameter limit: bytes kept for a reader that is late; one write alone may be longer.
    public init(_ descriptor: Int32, limit: Int) {
        self.descriptor = descriptor
        self.limit = limit
        reopened = softpod_reopen_nonblocking(descriptor)
        progress = try? Event()  // Without one there is no waiting for room.
    }

    deinit {
        if reopened >= 0 { _ = close(reopened) }  // A second way to the same reader, and this object's alone.
    }

    /// Bytes that were dropped so far.
    public var droppedByteCount: Int { state.withLock { $0.dropped } }

    /// Why nothing more is written, if that is so.
    public var fault: Fault? { state.withLock { $0.fault } }

    /// Bytes that are kept for the reader.
    public var waitingByteCount: Int { state.withLock { $0.waitingByteCount } }

    /// Whether there are bytes that the reader has not taken.
    public var isWaiting: Bool { waitingByteCount > 0 }

    /// Writes bytes, in order; all of them, or none where they do not fit.
    ///
    /// - Parameter patience: the longest wait for room while the reader takes nothing.
    public func write(_ bytes: [UInt8], patience: Duration = .seconds(1)) {
        var taken: UInt64?
        var deadline = Deadline(after: patience)
        while true {
            let isDone = state.withLock { state -> Bool in
                if state.fault != nil { return true }
                if state.waitingByteCount == 0 || state.waitingByteCount + bytes.count <= limit {
                    accept(bytes, &state)
                    return true
                }
                if state.taken != taken { (taken, deadline) = (state.taken, Deadline(after: patience)) }
                guard state.isStuck || progress == nil || deadline.remaining == 0 else { return false }
                state.drop(bytes.count)
                return true
            }
            if isDone { return }
            awaitProgress(deadline)
        }
    }

    /// Waits until the reader has taken everything, as long as it goes on reading.
    ///
    /// - Parameters:
    ///   - patience: the longest wait while the reader takes nothing.
    ///   - interruption: a descriptor that ends the wait when it can be read, if there is one.
    /// - Returns: whether nothing waits any more. What waits is lost when the process ends.
    public func flush(patience: Duration, interruption: Int32? = nil) -> Bool {
        var taken: UInt64?
        var deadline = Deadline(after: patience)
        while true {
            let (isDone, now) = state.withLock { ($0.waitingByteCount == 0, $0.taken) }
            if isDone { return true }
            if now != taken { (taken, deadline) = (now, Deadline(after: patience)) }
            if deadline.remaining == 0 { return false }
            if awaitProgress(deadline, interruption) { return false }
        }
    }

    /// Whether the interruption came first.
    @discardableResult
    private func awaitProgress(_ deadline: Deadline, _ interruption: Int32? = nil) -> Bool {
        let numbers = (progress.map { [$0.descriptor.number] } ?? []) + (interruption.map { [$0] } ?? [])
        // Without an event progress is looked for every 10 ms.
        let longest = progress == nil ? 10 : 1000
        let ready = Descriptor.poll(numbers, milliseconds: min(longest, Int(deadline.remaining / 1_000_000) + 1))
        progress?.clear()
        return interruption != nil && ready.last == true
    }

    /// Writes what can be written now, and leaves the rest to the thread.
    private func accept(_ bytes: [UInt8], _ state: inout State) {
        var count = 0
        if state.waitingByteCount == 0 {
            (state.waiting, state.written) = ([], 0)
            while count < bytes.count {
                let code = writeNow(bytes[count...])
                if code == -Int(EAGAIN) { break }
                guard code >= 0 else {
                    state.dropped += bytes.count - count
                    return state.fail(Int32(-code))
                }
                count += code
                state.taken += UInt64(code)
            }
        }
        guard count < bytes.count else { return }
        state.waiting += bytes[count...]
        guard !state.hasThread else { return }
        do {
            _ = try Worker.start(name: "output", stackByteCount: 1 << 17) { self.writeWaiting() }
            state.hasThread = true
        } catch {
            // No thread to be had: as if the reader did not read.
            state.drop(state.waitingByteCount)
            (state.waiting, state.written) = ([], 0)
        }
    }

    private func writeNow(_ bytes: ArraySlice<UInt8>) -> Int {
        unsafe bytes.withUnsafeBytes {
            unsafe softpod_write_now(descriptor, reopened, $0.baseAddress, $0.count)
        }
    }

    /// The thread: writes what waits as the reader takes it, and ends when nothing waits.
    private func writeWaiting() {
        var failures = 0
        while true {
            let part = state.withLock { state -> [UInt8] in
                // A copy: a slice would make every write of the owner's copy all that waits.
                let part = Array(state.waiting[state.written...].prefix(1 << 16))
                if part.isEmpty { state.hasThread = false }
                return part
            }
            if part.isEmpty { break }
            let code = writeNow(part[...])
            if code == -Int(EAGAIN) {
                failures += 1
                // Ready and yet not taken: no reason to turn round and round.
                if failures > 1 { _ = Descriptor.poll([], milliseconds: 10) }
                softpod_await_room(reopened >= 0 ? reopened : descriptor, -1)
                continue
            }
            failures = 0
            state.withLock { if code < 0 { $0.fail(Int32(-code)) } else { $0.take(code) } }
            progress?.raise()
        }
        progress?.raise()
    }

    /// Writes a line to a descriptor: what its reader takes within the time, for a process that is about to end. The rest is lost; there
    /// is no reader to be told of it.
    static func write(_ bytes: [UInt8], to descriptor: Int32, within time: Duration) {
        let reopened = softpod_reopen_nonblocking(descriptor)
        defer { if reopened >= 0 { _ = close(reopened) } }  // As above.
        let deadline = Deadline(after: time)
        var count = 0
        while count < bytes.count {
            let code = unsafe bytes[count...].withUnsafeBytes {
                unsafe softpod_write_now(descriptor, reopened, $0.baseAddress, $0.count)
            }
            guard code >= 0 || code == -Int(EAGAIN) else { return }
            count += max(code, 0)
            guard code < 0 else { continue }
            guard deadline.remaining > 0 else { return }
            softpod_await_room(reopened >= 0 ? reopened : descriptor, Int32(deadline.remaining / 1_000_000) + 1)
        }
    }
}
