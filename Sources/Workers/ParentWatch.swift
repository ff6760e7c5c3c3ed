internal import CLinux
internal import Glibc

/// Tells a process that the one that started it has ended.
public final class ParentWatch: Sendable {
    private let parent: Int32
    private let watch: Descriptor
    /// Whether ``descriptor`` is a queue of SIGCONT and not a pidfd.
    private let isSignal: Bool

    /// Watches the parent. Call it before the first thread is started.
    ///
    /// A process that is stopped when its parent ends goes on then: the system sends SIGCONT. (Left to itself, the system does that
    /// only for a whole process group that loses its last parent outside it, and only for members that have stopped by then.)
    ///
    /// - Parameter id: what the parent is known to be; nil comes back if it has ended, or the parent is another process.
    public init?(_ id: Int32) throws(SystemError) {
        // Where a sandbox denies the call, the system's own rule is left.
        _ = softpod_wake_at_parent_death()
        var number = softpod_pidfd_open(id)
        isSignal = number < 0 && ProcessControl.lacksPidfds(-number)
        if isSignal { number = softpod_parent_death_descriptor() }
        guard number != -ESRCH else { return nil }
        guard number >= 0 else { throw SystemError("cannot watch the parent, process \(id)", -number) }
        watch = Descriptor(number)
        parent = id
        // It may have ended before the system was asked to tell.
        guard ProcessControl.parent == id else { return nil }
    }

    /// Becomes readable when the parent ends; then ask ``hasEnded``.
    public var descriptor: Int32 { watch.number }

    /// Whether the parent has ended, once ``descriptor`` is readable.
    public var hasEnded: Bool {
        guard isSignal else { return true }
        // Any SIGCONT makes it readable: the agent's too, after Ctrl-Z.
        while softpod_next_signal(watch.number) > 0 {}
        return ProcessControl.parent != parent
    }
}
