/// What a launcher told this process through its environment: which rank it is, of how many, and where to meet the others.
///
/// A pure function of a dictionary. Launchers are looked for in the order users of OpenSHMEM and MPI expect; the first complete
/// set wins. A set of which only a part is there is passed over, and said so; our own half-set variables, and sets that
/// contradict themselves, are errors: they were set for a purpose.
public struct LaunchEnvironment: Sendable, Equatable {
    /// Who started this process, in the order in which they are asked.
    public enum Launcher: String, Sendable, CaseIterable {
        /// Our own variables, `SOFTPOD_RANK` and the like, or the same with `CM384_`.
        case own
        /// A PMIx server: PRRTE, Open MPI 5, `srun --mpi=pmix`.
        case pmix
        /// Open MPI.
        case openMPI
        /// PMI-1 over a descriptor: Hydra of MPICH.
        case hydra
        /// `srun` without PMIx.
        case slurm
        /// torchrun and whatever sets what it sets.
        case torchrun
        /// Ascend: a rank table and a rank.
        case ascend
        /// None: one process that starts the others itself.
        case none
    }

    /// Where the processes meet.
    public struct Rendezvous: Sendable, Equatable {
        /// Name or address.
        public var host: String
        /// TCP port.
        public var port: Int
    }

    /// Who started this process.
    public var launcher: Launcher
    /// This process's rank.
    public var rank = 0
    /// Ranks in all; nil where only the launcher's library or a rank table tells.
    public var size: Int? = 1
    /// Rank among the processes of this node, where that was told.
    public var localRank: Int?
    /// Processes of this node, where that was told.
    public var localSize: Int?
    /// This node's number, where that was told.
    public var node: Int?
    /// The nodes' names in order, where they were told.
    public var nodeList: [String] = []
    /// Nodes, where that was told.
    public var nodeCount: Int?
    /// Where to meet, where that was told.
    public var rendezvous: Rendezvous?
    /// Ascend: the device on its server.
    public var deviceID: Int?
    /// Path of an Ascend rank table.
    public var rankTablePath: String?
    /// The job's name for itself: PMIx namespace, Slurm job and step, torchrun's run.
    public var job: String?
    /// How often torchrun has started this job again.
    public var restartCount: Int?
    /// Network interface or address to use, as Ascend's users name it.
    public var interface: String?
    /// Sets that are there in part only, and what they lack.
    public var passedOver: [String] = []

    init(_ launcher: Launcher) { self.launcher = launcher }

    /// Finds the launcher.
    ///
    /// - Throws: ``EnvironmentError`` with the variable for a set that is complete and wrong.
    public static func discover(_ environment: [String: String]) throws(EnvironmentError) -> LaunchEnvironment {
        let variables = Variables(environment)
        var passedOver: [String] = []
        for launcher in Launcher.allCases {
            let found: LaunchEnvironment?
            do { found = try read(launcher, variables) } catch {
                guard case .incomplete(let what) = error.kind else { throw error }
                passedOver.append(what)
                continue
            }
            guard var found else { continue }
            try found.check()
            found.passedOver = passedOver
            return found
        }
        var alone = LaunchEnvironment(.none)
        alone.passedOver = passedOver
        return alone
    }

    private static func read(
        _ launcher: Launcher, _ variables: Variables
    ) throws(EnvironmentError) -> LaunchEnvironment? {
        switch launcher {
        case .own: try own(variables)
        case .pmix: try pmix(variables)
        case .openMPI: try openMPI(variables)
        case .hydra: try hydra(variables)
        case .slurm: try slurm(variables)
        case .torchrun: try torchrun(variables)
        case .ascend: try ascend(variables)
        case .none: nil
        }
    }

    /// What must hold under every launcher.
    private func check() throws(EnvironmentError) {
        if let size, rank >= size { throw .wrong("\(launcher): rank \(rank) is not below the size, \(size)") }
        if let localSize {
            if let localRank, localRank >= localSize {
                throw .wrong("\(launcher): local rank \(localRank) is not below the local size, \(localSize)")
            }
            if let size, localSize > size {
                throw .wrong("\(launcher): \(localSize) processes on this node of \(size) in all")
            }
        }
        // PRRTE numbers a node's tasks as it maps them, not by rank; its server's list of them decides.
        if let localRank, localRank > rank, launcher != .pmix {
            throw .wrong("\(launcher): local rank \(localRank) is above the rank, \(rank)")
        }
        if let node, let nodeCount, node >= nodeCount {
            throw .wrong("\(launcher): node \(node) is not below the number of nodes, \(nodeCount)")
        }
        if let nodeCount, !nodeList.isEmpty, nodeList.count != nodeCount {
            throw .wrong("\(launcher): \(nodeList.count) nodes are listed, \(nodeCount) are said to be there")
        }
    }
}

/// Why an environment was refused.
public struct EnvironmentError: Error, CustomStringConvertible, Sendable, Equatable {
    enum Kind: Sendable, Equatable {
        case wrong(String)
        case incomplete(String)
    }

    var kind: Kind

    static func wrong(_ text: String) -> EnvironmentError { EnvironmentError(kind: .wrong(Printable.line(text))) }
    static func incomplete(_ text: String) -> EnvironmentError {
        EnvironmentError(kind: .incomplete(Printable.line(text)))
    }

    /// The variables and the rule.
    public var description: String {
        switch kind {
        case .wrong(let text), .incomplete(let text): "environment: " + text
        }
    }
}
