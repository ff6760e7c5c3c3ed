public import Workers

/// What one task of another launcher has to do: the same command line runs as every task of an allocation, and tasks stand
/// for dies.
///
/// The task of rank 0 is the coordinator and starts its own node's agent as a child; on every other node the task of lowest rank
/// becomes the agent; all others have nothing to do. Nodes are numbered by their lowest rank, whatever the launcher calls them, so
/// tasks dealt out in a circle are as good as blocks. A pure value of the environment and of what PMIx or the rank table told.
public struct Allocation: Sendable, Equatable {
    /// What this task does.
    public enum Role: String, Sendable {
        /// Runs the user's command, and its node's agent as a child.
        case coordinator
        /// Owns its node's segment and starts its node's ranks.
        case agent
        /// Takes part in the fence where there is PMIx, then ends with 0.
        case idle
    }

    /// How agents find the coordinator.
    public enum Rendezvous: Sendable, Equatable {
        /// The coordinator listens there; its key comes from a key file.
        case known(host: String, port: Int)
        /// The coordinator publishes its place and key through PMIx.
        case pmix
        /// All tasks are on one node: no rendezvous is needed.
        case oneNode
        /// There is no way, and why.
        case none(reason: String)
    }

    /// Who started the tasks.
    public var launcher: LaunchEnvironment.Launcher
    /// The job's name for itself, where it has one.
    public var job: String?
    /// This task's rank.
    public var task: Int
    /// Tasks in all.
    public var taskCount: Int
    /// This task's place among its node's, by rank.
    public var localTask: Int
    /// Tasks on this node; nil where only the launcher knows.
    public var localTaskCount: Int?
    /// Ranks on this node, rising; nil where they were not told.
    public var tasksOfNode: [Int]?
    /// This node's number, nodes ordered by lowest rank; nil where it was not told.
    public var nodeIndex: Int?
    /// Nodes; nil where it was not told.
    public var nodeCount: Int?
    /// Tasks on each node, in the order of the nodes; nil where they were not told for all.
    public var taskCounts: [Int]?
    /// How agents find the coordinator.
    public var rendezvous: Rendezvous
    /// What had to be passed over or done without, in sentences.
    public var remarks: [String] = []

    /// What this task does.
    public var role: Role { task == 0 ? .coordinator : localTask == 0 ? .agent : .idle }
    /// Whether this task runs the user's command.
    public var isCoordinator: Bool { role == .coordinator }
    /// Whether this task itself is its node's agent; the coordinator's is a child of it.
    public var isAgent: Bool { role == .agent }

    /// Dies of the run: as many as tasks, unless a multiple of them is asked for.
    public func dieCount(asked: Int?) throws(EnvironmentError) -> Int {
        guard let asked else { return taskCount }
        guard asked > 0, asked.isMultiple(of: taskCount) else {
            throw .wrong("\(asked) dies are no multiple of the \(taskCount) tasks that \(launcher) started")
        }
        return asked
    }
}

extension Allocation {
    /// Reads an allocation; nil if no launcher started this process.
    ///
    /// - Parameters:
    ///   - environment: the process's variables.
    ///   - pmix: what the PMIx server told. Without it a PMIx task does with what else its launcher set.
    ///   - rankTable: the table of `RANK_TABLE_FILE`, for tasks of an Ascend launch.
    /// - Throws: ``EnvironmentError`` for a set that is wrong, contradicts itself, or does not say enough.
    public init?(
        environment: [String: String], pmix: PMIxFacts? = nil, rankTable: RankTable? = nil
    ) throws(EnvironmentError) {
        let launch = try LaunchEnvironment.discover(
            pmix == nil ? LaunchEnvironment.withoutPMIx(environment) : environment)
        guard launch.launcher != .none else { return nil }
        let variables = Variables(environment)
        var draft = AllocationDraft(launch)
        switch launch.launcher {
        case .pmix:
            guard let pmix else { return nil }
            try draft.take(pmix, launch)
        case .slurm: try draft.takeSlurm(variables, launch)
        case .torchrun: try draft.takeTorchrun(variables, launch)
        case .ascend: try draft.takeAscend(variables, launch, rankTable)
        case .own, .openMPI, .hydra: try draft.takeLocal(launch)
        case .none: return nil
        }
        if let place = try variables.rendezvous("SOFTPOD_RENDEZVOUS") {
            draft.rendezvous = .known(host: place.host, port: place.port)
        }
        self = try draft.finished(launch)
    }
}

extension LaunchEnvironment {
    /// The variables without those of PMIx, for hosts without its library. Slurm's stay only if the PMIx job is Slurm's own: to
    /// another launcher's tasks they are those of its daemon.
    static func withoutPMIx(_ environment: [String: String]) -> [String: String] {
        guard let job = environment["PMIX_NAMESPACE"], !job.isEmpty else { return environment }
        let isSlurm = job.hasPrefix("slurm.")
        return environment.filter { name, _ in
            name != "PMIX_RANK" && name != "PMIX_NAMESPACE" && (isSlurm || !name.hasPrefix("SLURM_"))
        }
    }
}
