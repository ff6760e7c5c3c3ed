internal import SharedMemory

/// The clock of a switch and its links: the monotonic one without the time in which the switch itself could not run.
///
/// A frozen machine must not give its links up when it thaws: what the others sent meanwhile is still to be read. Belongs to the switch's thread.
package final class LinkClock {
    private let read: () -> UInt64
    private var clockWatch: ClockWatch
    private var lost: UInt64 = 0

    /// The longest a switch sleeps, in nanoseconds, so that it sees by the clock that it was stopped.
    package static let longestSleep: UInt64 = 500_000_000

    /// A clock; tests bring their own.
    package init(_ read: @escaping () -> UInt64 = Monotonic.now) {
        self.read = read
        clockWatch = ClockWatch(at: read(), tolerance: 500_000_000)
    }

    /// Nanoseconds.
    package func now() -> UInt64 { read() - lost }

    /// Says how long the switch is about to sleep at most.
    package func willSleep(_ nanoseconds: UInt64) { clockWatch.willSleep(nanoseconds) }

    /// Looks whether the clock has jumped since the last look, and leaves the jump out. True once a jump.
    package func hasJumped() -> Bool {
        guard let jump = clockWatch.look(read()) else { return false }
        lost += jump
        return true
    }
}

/// How long a switch looks for work before it sleeps: long where that has lately been enough, not at all where it has not.
///
/// A wake-up costs as much as the rest of a small message's way, or several times that where a processor has to be told by another. While
/// the switch looks, no die needs to wake it. A look that was in vain halves the next one; an idle time so
/// short that a whole look would about have met its end brings the whole length back.
package struct PollBudget {
    private let isAllowed: Bool
    /// Length of the next look; 0 for none.
    package private(set) var nanoseconds: UInt64
    /// Length of the look in vain before the sleep that follows.
    private var looked: UInt64 = 0

    /// Without patience where dies outnumber cores: they need what a switch would look with.
    package init(isAllowed: Bool) {
        self.isAllowed = isAllowed
        nanoseconds = isAllowed ? Self.longest : 0
    }

    /// Some round trips of a small message.
    package static let longest: UInt64 = 50_000
    /// Shorter looks see nothing that the switch has not just seen.
    private static let shortest: UInt64 = 5_000

    /// Learns that a look found work.
    package mutating func foundWork() { nanoseconds = isAllowed ? Self.longest : 0 }

    /// Learns that a look was in vain.
    package mutating func foundNothing() {
        looked = nanoseconds
        nanoseconds = nanoseconds / 2 < Self.shortest ? 0 : nanoseconds / 2
    }

    /// Learns how long the switch slept, its wake-up included.
    package mutating func slept(_ duration: UInt64) {
        let idle = duration.addingReportingOverflow(looked)
        looked = 0
        if isAllowed, !idle.overflow, idle.partialValue < Self.longest + Self.longest / 2 { nanoseconds = Self.longest }
    }
}
