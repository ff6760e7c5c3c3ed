internal import Synchronization

/// What the system refuses on purpose: the n-th call of a kind in this process fails as if there were no more to have. Each kind of call is made in one
/// place of the program, which asks here first; without a fault plan that is one comparison beside a system call.
public enum Shortage {
    /// Calls that take something from the system.
    public enum Call: Int, Sendable, CaseIterable {
        /// Giving a segment its length.
        case truncate = 1
        /// Taking its pages.
        case reserve
        /// Starting a process.
        case fork
        /// Starting a thread.
        case thread
    }

    // One shortage of each kind a process: how many calls are still to go well, plus one; 0 for none. Relaxed: nothing else hangs on it.
    private static let truncate = Atomic<Int>(0)
    private static let reserve = Atomic<Int>(0)
    private static let fork = Atomic<Int>(0)
    private static let thread = Atomic<Int>(0)
    /// A bit for each kind that has failed.
    private static let struck = Atomic<Int>(0)

    /// From now on the n-th call of a kind fails, from 1; once.
    public static func arm(_ call: Call, at entry: Int) {
        switch call {
        case .truncate: truncate.store(entry, ordering: .relaxed)
        case .reserve: reserve.store(entry, ordering: .relaxed)
        case .fork: fork.store(entry, ordering: .relaxed)
        case .thread: thread.store(entry, ordering: .relaxed)
        }
    }

    /// Counts a call that is about to be made, and says whether it is to fail.
    public static func strikes(_ call: Call) -> Bool {
        let isDue =
            switch call {
            case .truncate: count(truncate)
            case .reserve: count(reserve)
            case .fork: count(fork)
            case .thread: count(thread)
            }
        if isDue { struck.bitwiseOr(1 << call.rawValue, ordering: .relaxed) }
        return isDue
    }

    /// Whether a call of a kind has failed so.
    public static func hasStruck(_ call: Call) -> Bool {
        struck.load(ordering: .relaxed) & 1 << call.rawValue != 0
    }

    private static func count(_ left: borrowing Atomic<Int>) -> Bool {
        guard left.load(ordering: .relaxed) > 0 else { return false }
        return left.subtract(1, ordering: .relaxed).newValue == 0
    }
}
