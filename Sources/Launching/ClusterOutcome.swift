public import Fabric
public import NodeRuntime
public import SharedMemory

/// How a cluster's run ended.
public struct ClusterOutcome: Sendable {
    /// Success, or what the command should exit with.
    public var status: ExitStatus
    /// What to tell the user about a failure, in one line; nil on success.
    public var report: String?
    /// Results by rank; nil where a die gave none.
    public var results: [[UInt8]?]
    /// Fabric operations by rank, as the control blocks held them at the end; nil for ranks of a host that gave no last report.
    public var counts: [OperationCounts?]
    /// What each rank's flight recorder held at the end, oldest first; by rank.
    public var flights: [[FlightRecord]]
    /// Rank processes, as far as hosts have reported them.
    public var processCount: Int
    /// Where the segment's memory came from: `/dev/shm` or `memfd`; both, where hosts differ. Empty where no host has said.
    public var memory: String
    /// Nanoseconds from the start until every rank had connected; nil if that never was.
    public var startNanoseconds: UInt64?
    /// Nanoseconds from the last result until every process was gone.
    public var stopNanoseconds: UInt64
    /// Nanoseconds in all.
    public var totalNanoseconds: UInt64
}

extension ClusterOutcome {
    /// The outcome of a run that could not begin, for a reason that was thrown.
    public init(refusal: String) {
        self.init(
            status: .system, report: refusal, results: [], counts: [], flights: [], processCount: 0,
            memory: "",
            startNanoseconds: nil, stopNanoseconds: 0, totalNanoseconds: 0)
    }
}

/// What happens while a cluster runs.
public enum ClusterEvent: Sendable {
    /// Processes were started.
    case spawned(processes: Int)
    /// Every rank has connected and been told what to run.
    case started
    /// A process was lost, and the run goes on without its ranks in a new epoch.
    case lost(epoch: UInt64, ranks: Range<Int>, report: String)
    /// Something ends the run before its time: what to tell the user, in one line.
    case failed(report: String)
    /// A die said something.
    case said(die: Int, bytes: [UInt8])
    /// A line of the timeline, about a die; only where the run has ``ClusterConfiguration/instruments``.
    case noted(die: Int, RunNote)
}
