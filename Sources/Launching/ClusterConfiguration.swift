public import NodeRuntime
public import Workers

/// A cluster to launch on this host, and what it is to run.
public struct ClusterConfiguration: Sendable {
    /// Dies in the cluster.
    public var dieCount: Int
    /// Dies each rank process runs as threads.
    public var diesPerProcess: Int
    /// Bytes of each die's window.
    public var windowByteCount: Int
    /// The longest any wait of a die lasts.
    public var deadline: Duration
    /// How long all ranks may take to connect.
    public var startDeadline: Duration
    /// The workload's name in the executable's catalog.
    public var workload: String
    /// What the workload reads.
    public var payload: [UInt8]
    /// The transport the dies use, by its name in the catalog.
    public var route = "transport.shm"
    /// The machine that the dies stand in for: dies of an NPU, and of a server; by default a CloudMatrix384's.
    public var diesPerNPU = 2
    /// Dies of a server; a multiple of those of an NPU.
    public var diesPerServer = 16
    /// Files that every host must have alike, such as a model's.
    public var files: [SharedFile] = []
    /// Where the command line writes what the flight recorders held at the end, if anywhere.
    public var flightFile: String?
    /// Faults to inject and histories to write.
    public var instruments = Instruments()
    /// Whether the run goes on without ranks that are lost, where its workload knows how: on one host.
    public var survives = false
    /// With ``survives``: how long a rank may be stopped before it is taken for lost.
    public var lease = Duration.milliseconds(500)
    /// Whether nothing that is still to come has a reader: asked after every event, and ends the run without a word.
    public var isAbandoned: @Sendable () -> Bool = { false }
    /// The program to start rank processes from; by default this one.
    public var executable: String

    /// Rank processes it takes on one host.
    public var processCount: Int { (dieCount + diesPerProcess - 1) / diesPerProcess }

    /// A cluster of single-die processes with a minute's deadline, unless said otherwise.
    public init(
        dieCount: Int, diesPerProcess: Int = 1, windowByteCount: Int, deadline: Duration = .seconds(60),
        startDeadline: Duration = .seconds(60), workload: String, payload: [UInt8] = [],
        executable: String = ProcessControl.ownProgram
    ) {
        self.dieCount = dieCount
        self.diesPerProcess = diesPerProcess
        self.windowByteCount = windowByteCount
        self.deadline = deadline
        self.startDeadline = startDeadline
        self.workload = workload
        self.payload = payload
        self.executable = executable
    }
}
