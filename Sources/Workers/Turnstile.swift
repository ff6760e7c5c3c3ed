internal import CLinux
internal import Synchronization

/// Lets one thread through for each time that another opens it: how threads that run one at a time hand over.
///
/// Opening releases what the opener has written; passing acquires it.
@safe
public final class Turnstile: @unchecked Sendable {
    private let state: UnsafeMutablePointer<Atomic<UInt32>>

    /// A turnstile that is closed.
    public init() {
        unsafe state = .allocate(capacity: 1)
        unsafe state.initialize(to: Atomic(0))
    }

    deinit {
        unsafe state.deinitialize(count: 1)
        unsafe state.deallocate()
    }

    /// Lets one thread through, now or when it comes.
    public func open() {
        unsafe state.pointee.store(1, ordering: .releasing)  // Acquired in `pass`.
        _ = unsafe softpod_futex_wake(state, 1)  // No sleeper is as good as one woken.
    }

    /// Waits until it is open, and closes it again.
    public func pass() {
        while unsafe state.pointee.exchange(0, ordering: .acquiring) == 0 {
            // A spurious return is harmless: the state is looked at again.
            _ = unsafe softpod_futex_wait(state, 0, -1)
        }
    }
}
