internal import ClusterFiles
internal import Workers

// What launchers tell.

extension FuzzTarget {
    static let launches: [FuzzTarget] = [
        FuzzTarget("launch environment", weight: 8) {
            let examples = environments.map(text)
            let table = try RankTable.parse(TextFile(bytes: Array(Self.table(.servers).utf8), file: "table"))
            return FuzzSubject(examples: examples, isText: true) { input, random in
                let variables = variables(input)
                var understood = false
                do {
                    let found = try LaunchEnvironment.discover(variables)
                    try FuzzFinding.require(found.rank >= 0, "a negative rank")
                    understood = found.launcher != .none
                } catch let error as EnvironmentError { try checkMessage("\(error)", input) }
                do {
                    let allocation = try Allocation(
                        environment: variables, pmix: random.oneIn(3) ? facts(&random) : nil,
                        rankTable: random.oneIn(2) ? table : nil)
                    if let allocation { try check(allocation) }
                } catch let error as EnvironmentError { try checkMessage("\(error)", input) }
                do {
                    let connect = try AscendVariable.connectSeconds(variables)
                    let execute = try AscendVariable.executionSeconds(variables)
                    try FuzzFinding.require((connect ?? 1) > 0 && (execute ?? 1) > 0, "a time-out of nothing")
                } catch let error as EnvironmentError { try checkMessage("\(error)", input) }
                return understood
            }
        },
        FuzzTarget("PMIx values", weight: 8) {
            FuzzSubject(examples: ["0,1,5", "0", "7,3,1048575"].map { Array($0.utf8) }, isText: true) { input, random in
                let list = PMIxFacts.ranks(String(decoding: input, as: UTF8.self))
                if let list {
                    try FuzzFinding.require(zip(list, list.dropFirst()).allSatisfy { $0 <= $1 }, "not rising")
                }
                var facts = facts(&random)
                if let list { facts.localPeers = list }
                do { try facts.check() } catch { return list != nil }
                try FuzzFinding.require(
                    facts.tasksOfNode.map { $0.contains(facts.rank) } ?? true, "a node without its own rank")
                return true
            }
        },
    ]

    private static func check(_ allocation: Allocation) throws(FuzzFinding) {
        try FuzzFinding.require(allocation.task < allocation.taskCount, "a task beyond the last")
        try FuzzFinding.require(allocation.localTask <= allocation.task, "a local task above the task")
        try FuzzFinding.require(
            allocation.taskCounts.map { $0.reduce(0, +) == allocation.taskCount } ?? true, "nodes' tasks do not add up")
    }

    /// What a server may say, contradictions included.
    private static func facts(_ random: inout FuzzRandom) -> PMIxFacts {
        let size = 1 + random.below(8)
        var facts = PMIxFacts(namespace: "prterun-host-17@1", rank: random.below(size + 1), size: size)
        if random.oneIn(4) { facts.rank = 3 }
        if random.oneIn(2) { facts.localRank = random.below(size) }
        if random.oneIn(2) { facts.localSize = random.below(size + 2) }
        if random.oneIn(2) { facts.nodeID = Int(truncatingIfNeeded: random.next()) }
        if random.oneIn(2) { facts.nodeCount = random.below(size + 2) }
        if random.oneIn(2) { facts.localPeers = (0..<size).filter { _ in random.oneIn(2) } }
        if random.oneIn(2) { facts.nodeOfRank = (0..<size).map { _ in random.below(3) } }
        return facts
    }

    /// `NAME=value` lines, as a dictionary.
    private static func variables(_ input: [UInt8]) -> [String: String] {
        var variables: [String: String] = [:]
        for line in input.split(separator: 0x0A).prefix(64) {
            let parts = line.split(separator: UInt8(ascii: "="), maxSplits: 1, omittingEmptySubsequences: false)
            guard parts.count == 2 else { continue }
            variables[String(decoding: parts[0], as: UTF8.self)] = String(decoding: parts[1], as: UTF8.self)
        }
        return variables
    }

    private static func text(_ lines: [String]) -> [UInt8] { Array((lines.joined(separator: "\n") + "\n").utf8) }

    private static let environments: [[String]] = [
        [
            "SOFTPOD_RANK=3", "SOFTPOD_SIZE=8", "SOFTPOD_LOCAL_RANK=1", "SOFTPOD_LOCAL_SIZE=2", "SOFTPOD_NODE=1",
            "SOFTPOD_NODES=4", "SOFTPOD_NODE_LIST=n[0-3]", "SOFTPOD_RENDEZVOUS=n0:7000",
        ],
        ["PMIX_RANK=3", "PMIX_NAMESPACE=prterun-host-17@1"],
        [
            "OMPI_COMM_WORLD_RANK=3", "OMPI_COMM_WORLD_SIZE=8", "OMPI_COMM_WORLD_LOCAL_RANK=1",
            "OMPI_COMM_WORLD_LOCAL_SIZE=2", "OMPI_COMM_WORLD_NODE_RANK=1",
        ],
        ["PMI_RANK=3", "PMI_SIZE=8", "PMI_FD=7", "MPI_LOCALRANKID=1", "MPI_LOCALNRANKS=2"],
        [
            "SLURM_PROCID=3", "SLURM_NTASKS=8", "SLURM_LOCALID=1", "SLURM_NODEID=1", "SLURM_NNODES=4",
            "SLURM_STEP_NODELIST=n[01-04]", "SLURM_JOB_ID=17", "SLURM_STEP_ID=0", "SLURM_STEP_TASKS_PER_NODE=2(x4)",
            "SLURM_GTIDS=2,3",
        ],
        [
            "RANK=3", "WORLD_SIZE=8", "LOCAL_RANK=1", "LOCAL_WORLD_SIZE=2", "GROUP_RANK=1", "MASTER_ADDR=10.0.0.1",
            "MASTER_PORT=29501", "TORCHELASTIC_RUN_ID=run", "TORCHELASTIC_RESTART_COUNT=2", "GROUP_WORLD_SIZE=4",
        ],
        [
            "RANK_TABLE_FILE=/etc/hccl.json", "RANK_ID=1", "RANK_SIZE=2", "DEVICE_ID=1", "HCCL_IF_IP=10.0.0.2",
            "SHMEM_UID_SESSION_ID=tcp://10.0.0.1:8666", "HCCL_CONNECT_TIMEOUT=200", "HCCL_EXEC_TIMEOUT=1836",
        ],
    ]
}
