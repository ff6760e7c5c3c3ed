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
