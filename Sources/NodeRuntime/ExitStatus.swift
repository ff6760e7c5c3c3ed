/// The exit codes of `softpod`, after BSD's sysexits where those have a word for it.
public enum ExitStatus: Int32, Error, Sendable, CaseIterable {
    /// Everything went as asked.
    case success = 0
    /// A check of `verify` or a test workload found a wrong result.
    case wrongResult = 1
    /// The command line is wrong: an unknown flag, a count that does not fit.
    case usage = 64
    /// A file's contents are wrong.
    case data = 65
    /// A file is missing or unreadable.
    case noInput = 66
    /// There is no host of a name that was given.
    case noHost = 68
    /// The machine cannot provide what was asked for, such as shared memory.
    case unavailable = 69
    /// A bug of ours.
    case software = 70
    /// The system refused a call: no process, no thread, no descriptor.
    case system = 71
    /// Reading or writing failed half-way.
    case inputOutput = 74
    /// A rank, or the agent, was lost or failed: trying again may help.
    case rankLost = 75
    /// Processes of different builds or runs met.
    case mismatch = 76
    /// The user may not do this.
    case permission = 77
    /// Stopped by SIGHUP.
    case hungUp = 129
    /// Stopped by SIGINT.
    case interrupted = 130
    /// Ended because the reader of standard output went away, as SIGPIPE would have it.
    case outputClosed = 141
    /// Stopped by SIGTERM.
    case terminated = 143

    /// What a run ends with that this signal has stopped; ``terminated`` for all that have no status of their own.
    public init(signal: Int32) { self = ExitStatus(rawValue: 128 + signal) ?? .terminated }
}
