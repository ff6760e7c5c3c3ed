internal import CLinux

/// The machine's monotonic clock, in nanoseconds. Wall-clock jumps do not move it.
public enum Monotonic {
    /// Nanoseconds since some fixed moment of this boot; comparable between processes of one host.
    @inline(never)
    public static func now() -> UInt64 { softpod_monotonic_nanoseconds() }
    /// Moves the clock of this process ahead: for fault plans. The processes of a host then differ by it.
    public static func jump(by nanoseconds: UInt64) { softpod_move_clock(min(nanoseconds, 1 << 50)) }
    /// CPU nanoseconds the calling thread has used.
    public static func threadCPU() -> UInt64 { softpod_thread_cpu_nanoseconds() }
    /// CPU nanoseconds the process has used.
    public static func processCPU() -> UInt64 { softpod_process_cpu_nanoseconds() }
}

/// A moment after which a wait gives up. It moves when the process finds that it was stopped (``LostTime``).
public struct Deadline: Sendable, Equatable, BitwiseCopyable {
    /// The moment on the ``Monotonic`` clock, unless time is lost meanwhile.
    public var nanoseconds: UInt64
    /// What the process had lost when this was made.
    private let lostBefore: UInt64

    /// The moment `timeout` from now. At most a century, so that sums cannot overflow.
    public init(after timeout: Duration) {
        let (seconds, attoseconds) = timeout.components
        let bounded = min(max(seconds, 0), 3_000_000_000)
        let part = seconds < 0 ? 0 : UInt64(max(attoseconds, 0) / 1_000_000_000)
        nanoseconds = Monotonic.now() + UInt64(bounded) * 1_000_000_000 + part
        lostBefore = LostTime.nanoseconds
    }

    /// Nanoseconds left; 0 when the moment has passed.
    public var remaining: UInt64 { remaining(at: Monotonic.now()) }

    /// The same at a moment of the ``Monotonic`` clock.
    func remaining(at now: UInt64) -> UInt64 {
        let end = nanoseconds + (LostTime.nanoseconds - lostBefore)
        return now >= end ? 0 : end - now
    }
}
