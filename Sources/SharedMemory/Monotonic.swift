internal import CLinux

/// The machine's monotonic clock, in nanoseconds. Wall-clock jumps do not move it.
public enum Monotonic {
    /// Nanoseconds since some fixed moment of this boot; comparable between processes of one host.
    @inline(never)
    public static func now() -> UInt64 { softpod_monotonic_nanoseconds() }
    /// CPU nanoseconds the calling thread has used.
    public static func threadCPU() -> UInt64 { softpod_thread_cpu_nanoseconds() }
    /// CPU nanoseconds the process has used.
    public static func processCPU() -> UInt64 { softpod_process_cpu_nanoseconds() }
}

/// A moment after which a wait gives up.
public struct Deadline: Sendable, Equatable, BitwiseCopyable {
    /// The moment on the ``Monotonic`` clock.
    public var nanoseconds: UInt64

    /// The moment `timeout` from now. At most a century, so that sums cannot overflow.
    public init(after timeout: Duration) {
        let (seconds, attoseconds) = timeout.components
        let bounded = min(max(seconds, 0), 3_000_000_000)
        let part = seconds < 0 ? 0 : UInt64(max(attoseconds, 0) / 1_000_000_000)
        nanoseconds = Monotonic.now() + UInt64(bounded) * 1_000_000_000 + part
    }

    /// Nanoseconds left; 0 when the moment has passed.
    public var remaining: UInt64 {
        let now = Monotonic.now()
        return now >= nanoseconds ? 0 : nanoseconds - now
    }
}
