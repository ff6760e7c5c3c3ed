/// Finds ranks that are there and do nothing: stopped, or hanging. What follows is its caller's.
///
/// A pure function of what it is shown and when; times are of the monotonic clock, and it keeps none itself.
///
/// - **Stopped**: the system says so of the process. A lease begins when it is first seen, and ends when it goes on.
/// - **Hanging**: neither the die's progress (``SharedMemory/ControlBlock/progress``) has moved nor does it wait. A die that waits does not hang: its
///   wait has a deadline of its own. The progress is written by the die where it uses the fabric, not by another thread, which would go on
///   while the die hangs.
///
/// A busy machine makes a die slow, and neither of these: a die that is not given the processor is not stopped, and a hang is only told after
/// a time that is long beside what sharing a core among dozens costs.
public struct LeaseDetector: Sendable {
    /// What was seen of a die.
    public struct Sight: Sendable {
        /// Whether its process is stopped.
        public var isStopped: Bool
        /// How far it is.
        public var progress: UInt64
        /// Whether it says that it waits, or has ended.
        public var isWaiting: Bool

        /// A sight.
        public init(isStopped: Bool, progress: UInt64, isWaiting: Bool) {
            self.isStopped = isStopped
            self.progress = progress
            self.isWaiting = isWaiting
        }
    }

    /// A die whose lease is over, and since when it had it, in nanoseconds.
    public enum Suspicion: Sendable, Equatable {
        case stopped(UInt64)
        case hung(UInt64)
    }

    private struct Die {
        var stoppedSince: UInt64?
        var progress: UInt64 = 0
        var movedAt: UInt64
    }

    /// How long a die may be stopped, in nanoseconds.
    public let lease: UInt64
    /// How long it may compute for itself.
    public let patience: UInt64
    private var dies: [Die]

    /// For a number of dies that are all seen to move now.
    public init(dies: Int, lease: UInt64, patience: UInt64, at now: UInt64) {
        self.lease = lease
        self.patience = patience
        self.dies = Array(repeating: Die(movedAt: now), count: dies)
    }

    /// Takes a sight of a die, and says whether its lease is over.
    public mutating func see(_ die: Int, _ sight: Sight, at now: UInt64) -> Suspicion? {
        if sight.isStopped {
            let since = dies[die].stoppedSince ?? now
            dies[die].stoppedSince = since
            dies[die].movedAt = now  // It hangs by itself only when it may run.
            return now - since >= lease ? .stopped(now - since) : nil
        }
        dies[die].stoppedSince = nil
        if sight.progress != dies[die].progress || sight.isWaiting {
            dies[die].progress = sight.progress
            dies[die].movedAt = now
            return nil
        }
        let still = now - min(dies[die].movedAt, now)
        return still >= patience ? .hung(still) : nil
    }

    /// All begin anew: the watcher itself was stopped, or let all ranks stop, and does not know what they did meanwhile.
    public mutating func forgive(at now: UInt64) {
        for die in dies.indices {
            dies[die].movedAt = now
            if dies[die].stoppedSince != nil { dies[die].stoppedSince = now }
        }
    }

    /// When it wants to see again, in nanoseconds: when the first lease of a stopped die is over, and often enough to see how far they are.
    public func untilNext(at now: UInt64) -> UInt64 {
        let leases = dies.compactMap(\.stoppedSince).map { since in since + lease > now ? since + lease - now : 0 }
        return min(leases.min() ?? .max, max(patience / 8, 10_000_000))
    }
}
