internal import NodeRuntime
internal import SharedMemory
internal import Workers

/// One agent as the coordinator sees it.
struct AgentSlot {
    /// The host as reports name it.
    var name: String
    /// Dies it is to run.
    var dies: Int
    /// The process that is the agent, or the remote shell through which it runs; nil where the launcher started it.
    var child: ChildProcess?
    /// How that ended.
    var end: ChildProcess.End?
    /// What a remote shell prints; nil for an agent of this machine, which has the coordinator's own standard error, and keeps it.
    var output: ShellOutput?
    /// What the agent reads; its end tells it that the coordinator is gone.
    var input: Pipe?
    /// What the coordinator's socket calls it, once it has introduced itself.
    var route: [UInt8]?
    var introduction: Introduction?
    var lastHeard = Monotonic.now()
    var part = Part()

    /// How far it is with the run.
    struct Part {
        var address: String?
        var isConnected = false
        var isDone = false
        /// Its ranks are stopped, since the user has suspended the coordinator.
        var isPaused = false
        var report: HostReport?
    }

    /// Whether it is there and can be asked.
    var isPresent: Bool { route != nil && end == nil }

    /// The agent in a report.
    var title: String {
        "the agent of host \(name)" + ((introduction?.process).map { " (pid \($0))" } ?? "")
    }

    /// How it ended, in a clause; an agent behind a remote shell ends as the shell says.
    var fate: String {
        switch end {
        case .killed(let signal): "was killed by signal \(signal) (\(ProcessControl.signalName(signal)))"
        // Shells say so of what a signal killed.
        case .exited(let code) where code > 128 && code < 160:
            "was killed by signal \(code - 128) (\(ProcessControl.signalName(code - 128)))"
        case .exited(255): "ended with code 255: the remote shell could not reach the host, or the link to it broke"
        // Shells say so of a program they do not find, or may not run.
        case .exited(let code) where code == 126 || code == 127:
            "ended with code \(code): softpod is not where it was looked for there (--remote-program)"
        case .exited(76): "ended with code 76: it and the coordinator do not fit together, as it says itself"
        case .exited(let code): "ended with code \(code)"
        case .unknown: "ended, cause unknown"
        case nil: "runs"
        }
    }
}
