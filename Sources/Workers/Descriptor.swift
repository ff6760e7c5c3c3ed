internal import CLinux
internal import Glibc

/// Why the system refused something about processes, signals or descriptors.
public struct SystemError: Error, CustomStringConvertible, Sendable, Equatable {
    /// The system's error number; 0 if we refused before the system would.
    public var errno: Int32
    /// One sentence: what failed and why.
    public var description: String
    /// Whether what failed is that there is no host of a name.
    public var isUnknownHost = false

    /// What was refused by a rule of ours, in one sentence.
    public init(rule: String) {
        errno = 0
        description = rule
    }

    /// What failed, with the system's own words behind it.
    public init(_ what: String, _ errno: Int32) {
        self.errno = errno
        description = "\(what): \(unsafe String(cString: strerror(errno)))"
    }
}

/// An open descriptor, closed with the last reference.
public final class Descriptor: Sendable {
    /// The number.
    public let number: Int32

    /// Takes over an open descriptor.
    public init(_ number: Int32) { self.number = number }

    deinit { _ = close(number) }  // It is ours, and there is nothing to do about a failure.

    /// Takes what can be read, at most so many bytes; waits if there is nothing.
    ///
    /// - Returns: the bytes, none at the end; nil where a signal came between.
    public func read(atMost limit: Int) -> [UInt8]? {
        var count = 0
        let bytes = unsafe [UInt8](unsafeUninitializedCapacity: limit) { buffer, initialized in
            count = unsafe Glibc.read(number, buffer.baseAddress, limit)
            initialized = max(0, count)
        }
        return count < 0 && (errno == EINTR || errno == EAGAIN) ? nil : bytes
    }

    /// Waits until one of the descriptors is readable, a signal is pending, or the time is over.
    ///
    /// - Parameter milliseconds: the longest wait; negative for none.
    /// - Returns: for each descriptor whether it can be read (or its other end is gone).
    public static func poll(_ numbers: [Int32], milliseconds: Int) -> [Bool] {
        var set = numbers.map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
        let bounded = Int32(clamping: milliseconds)
        let ready = unsafe Glibc.poll(&set, nfds_t(set.count), bounded)
        // Interrupted is as good as nothing ready: callers look at their deadlines and come again.
        guard ready > 0 else { return [Bool](repeating: false, count: numbers.count) }
        return set.map { $0.revents != 0 }
    }
}

/// A counter that wakes a poll: how worker threads call their process's control thread.
public final class Event: Sendable {
    /// The descriptor to poll.
    public let descriptor: Descriptor

    /// Makes an event that is not raised.
    public init() throws(SystemError) {
        let number = softpod_event_descriptor()
        guard number >= 0 else { throw SystemError("cannot make an event", -number) }
        descriptor = Descriptor(number)
    }

    /// Makes the descriptor readable. From any thread.
    public func raise() { softpod_raise_event(descriptor.number) }
    /// Makes it unreadable again.
    public func clear() { softpod_clear_event(descriptor.number) }
}

/// SIGINT, SIGTERM, SIGHUP and SIGTSTP as something to poll, each unless the parent had this process ignore it.
public final class SignalQueue: Sendable {
    /// The descriptor to poll.
    public let descriptor: Descriptor

    /// Blocks the signals in this thread and those it starts. Make it before any other thread.
    ///
    /// - Parameters:
    ///   - withContinue: take SIGCONT too, for a process whose children are to go on with it.
    ///   - withChildren: take SIGCHLD too, for a process that wants to know at once that a child was stopped.
    public init(withContinue: Bool = false, withChildren: Bool = false) throws(SystemError) {
        let number = softpod_signal_descriptor(withContinue ? 1 : 0, withChildren ? 1 : 0)
        guard number >= 0 else { throw SystemError("cannot receive signals", -number) }
        descriptor = Descriptor(number)
    }

    /// The next pending signal, if there is one.
    public func next() -> Int32? {
        let signal = softpod_next_signal(descriptor.number)
        return signal > 0 ? signal : nil
    }
}
