internal import Synchronization

/// Notices that its owner could not look at the clock: that it was stopped, its control group frozen, or its virtual machine paused.
///
/// Between two looks far more time has passed then than the owner had asked to sleep. The clock is the system's monotonic one
/// (`CLOCK_MONOTONIC`): it goes on while processes are stopped, which is what has to be noticed, and stands still while the whole
/// machine is suspended, which so needs no rule. `CLOCK_BOOTTIME` would count a suspension as waiting.
public struct ClockWatch: Sendable {
    private var last: UInt64
    private var asked: UInt64 = 0
    /// Nanoseconds by which a look may be late: a busy machine makes its processes wait.
    public let tolerance: UInt64

    /// Begins to watch at a moment of the monotonic clock.
    public init(at now: UInt64, tolerance: UInt64 = 1_000_000_000) {
        last = now
        self.tolerance = tolerance
    }

    /// Says how many nanoseconds the owner is about to sleep at most, until its next look.
    public mutating func willSleep(_ nanoseconds: UInt64) { asked = nanoseconds }

    /// Notes a look at the clock.
    ///
    /// - Returns: the nanoseconds that passed beyond what was asked for, if those are more than ``tolerance``; else nil. Once a jump.
    public mutating func look(_ now: UInt64) -> UInt64? {
        let gap = now > last ? now - last : 0
        let slept = min(asked, gap)
        last = now
        asked = 0
        return gap - slept > tolerance ? gap - slept : nil
    }
}

/// How long a wait may still go on: a span that starts anew whenever its waiter could not look at the clock.
///
/// What its peers did meanwhile is not known: they may have been stopped as well, and none of them is to be blamed for a time in which the
/// waiter did not run. At least half of the span is time in which it could, however the stops fall between its looks.
package struct WaitSpan: Sendable {
    /// Nanoseconds of patience.
    package let whole: UInt64
    /// When the patience began, last.
    package private(set) var begun: UInt64
    private var clockWatch: ClockWatch

    /// A span of so many nanoseconds that begins now.
    package init(_ whole: UInt64, at now: UInt64) {
        self.whole = whole
        begun = now
        clockWatch = ClockWatch(at: now, tolerance: min(max(whole / 4, 50_000_000), 1_000_000_000))
    }

    /// Looks at the clock.
    ///
    /// - Returns: the nanoseconds that are left, 0 when the patience is over.
    package mutating func remaining(_ now: UInt64) -> UInt64 {
        if clockWatch.look(now) != nil {
            LostTime.note(from: begun, to: now)
            begun = now
        }
        let passed = now > begun ? now - begun : 0
        return passed >= whole ? 0 : whole - passed
    }

    /// Says that the waiter goes to sleep with so much patience left.
    ///
    /// - Returns: how many nanoseconds it may sleep before it has to look again: an eighth of the span, so that a jump is seen; with the usual
    ///   minute of patience that is one look in 7.5 s.
    package mutating func sleep(_ remaining: UInt64) -> UInt64 {
        let slice = min(remaining, max(whole / 8, 50_000_000))
        clockWatch.willSleep(slice)
        return slice
    }
}

/// The time in which this process could not look at the clock, as far as its threads have noticed: deadlines move by it.
public enum LostTime {
    private static let total = Atomic<UInt64>(0)
    private static let until = Atomic<UInt64>(0)

    /// Nanoseconds lost so far.
    public static var nanoseconds: UInt64 { total.load(ordering: .relaxed) }

    /// Notes that the time between two moments of the monotonic clock does not count. What another thread has noted already counts once.
    public static func note(from begin: UInt64, to end: UInt64) {
        var known = until.load(ordering: .relaxed)
        while end > known {
            let (exchanged, original) = until.compareExchange(expected: known, desired: end, ordering: .relaxed)
            if exchanged {
                let start = max(begin, known)
                if end > start { total.wrappingAdd(end - start, ordering: .relaxed) }
                return
            }
            known = original
        }
    }
}
