/// One reader a launcher: nil if its variables are not there, an incomplete error if only some are.
extension LaunchEnvironment {
    /// `SOFTPOD_RANK`, `SOFTPOD_SIZE`, ...; `CM384_` does as well. Half a set is an error: it is not set by accident.
    static func own(_ variables: Variables) throws(EnvironmentError) -> LaunchEnvironment? {
        func name(_ end: String) throws(EnvironmentError) -> String? {
            try variables.either("SOFTPOD_" + end, "CM384_" + end)
        }
        func number(_ end: String) throws(EnvironmentError) -> Int? {
            guard let name = try name(end) else { return nil }
            return try variables.number(name)
        }
        let (rank, size) = (try number("RANK"), try number("SIZE"))
        guard let rank, let size else {
            guard rank == nil, size == nil else {
                throw .wrong("SOFTPOD_RANK and SOFTPOD_SIZE must both be set, or neither")
            }
            return nil
        }
        var found = LaunchEnvironment(.own)
        (found.rank, found.size) = (rank, size)
        (found.localRank, found.localSize) = (try number("LOCAL_RANK"), try number("LOCAL_SIZE"))
        (found.node, found.nodeCount) = (try number("NODE"), try number("NODES"))
        if let list = try name("NODE_LIST") { found.nodeList = try variables.hosts(list) }
        if let place = try name("RENDEZVOUS") { found.rendezvous = try variables.rendezvous(place) }
        return found
    }

    /// The size is not among PMIx's variables: its library tells. Where the same launcher also sets Open MPI's or Slurm's, theirs is
    /// taken, and must agree about the rank. Slurm's own belong to this process only if the namespace is Slurm's: inside an
    /// allocation PRRTE hands down those of its daemon.
    static func pmix(_ variables: Variables) throws(EnvironmentError) -> LaunchEnvironment? {
        guard try variables.complete("PMIX_RANK", "PMIX_NAMESPACE") else { return nil }
        var found = LaunchEnvironment(.pmix)
        found.rank = try variables.number("PMIX_RANK")
        found.size = nil
        found.job = variables["PMIX_NAMESPACE"]
        let isSlurm = found.job?.hasPrefix("slurm.") == true
        let other: LaunchEnvironment?
        // What the other set lacks is no matter here: PMIx is complete without it.
        do { other = try isSlurm ? slurm(variables) : openMPI(variables) } catch {
            guard case .incomplete = error.kind else { throw error }
            return found
        }
        guard let other else { return found }
        guard other.rank == found.rank else {
            throw .wrong("PMIX_RANK is \(found.rank), but \(other.launcher) says rank \(other.rank)")
        }
        (found.size, found.localRank, found.localSize) = (other.size, other.localRank, other.localSize)
        (found.node, found.nodeCount, found.nodeList) = (other.node, other.nodeCount, other.nodeList)
        return found
    }

    /// `OMPI_COMM_WORLD_NODE_RANK` is a rank among this node's processes of all jobs, not the number of a node: not taken for one.
    static func openMPI(_ variables: Variables) throws(EnvironmentError) -> LaunchEnvironment? {
        guard try variables.complete("OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE") else { return nil }
        var found = LaunchEnvironment(.openMPI)
        found.rank = try variables.number("OMPI_COMM_WORLD_RANK")
        found.size = try variables.number("OMPI_COMM_WORLD_SIZE")
        found.localRank = try variables.optionalNumber("OMPI_COMM_WORLD_LOCAL_RANK")
        found.localSize = try variables.optionalNumber("OMPI_COMM_WORLD_LOCAL_SIZE")
        if let rank = try variables.optionalNumber("OMPI_COMM_WORLD_NODE_RANK"), let local = found.localRank,
            rank < local
        {
            throw .wrong("OMPI_COMM_WORLD_NODE_RANK is \(rank), below OMPI_COMM_WORLD_LOCAL_RANK, \(local)")
        }
        return found
    }

    /// Hydra. `PMI_FD` is the descriptor of its key-value store, by which the processes find each other.
    static func hydra(_ variables: Variables) throws(EnvironmentError) -> LaunchEnvironment? {
        guard try variables.complete("PMI_RANK", "PMI_SIZE") else { return nil }
        var found = LaunchEnvironment(.hydra)
        (found.rank, found.size) = (try variables.number("PMI_RANK"), try variables.number("PMI_SIZE"))
        found.localRank = try variables.optionalNumber("MPI_LOCALRANKID")
        found.localSize = try variables.optionalNumber("MPI_LOCALNRANKS")
        if let descriptor = try variables.optionalNumber("PMI_FD") { found.job = "PMI_FD \(descriptor)" }
        return found
    }

    /// A step's task. A batch script has `SLURM_PROCID` too, but no step's node list: it is passed over.
    static func slurm(_ variables: Variables) throws(EnvironmentError) -> LaunchEnvironment? {
        guard
            try variables.complete(
                "SLURM_PROCID", "SLURM_NTASKS", "SLURM_LOCALID", "SLURM_NODEID", "SLURM_NNODES", "SLURM_STEP_NODELIST")
        else { return nil }
        var found = LaunchEnvironment(.slurm)
        (found.rank, found.size) = (try variables.number("SLURM_PROCID"), try variables.number("SLURM_NTASKS"))
        (found.localRank, found.node) = (try variables.number("SLURM_LOCALID"), try variables.number("SLURM_NODEID"))
        found.nodeList = try variables.hosts("SLURM_STEP_NODELIST")
        let nodes = try variables.number("SLURM_NNODES")
        // The job may have more nodes than the step.
        found.nodeCount = try variables.optionalNumber("SLURM_STEP_NUM_NODES") ?? min(nodes, found.nodeList.count)
        guard found.nodeList.count <= nodes else {
            throw .wrong("SLURM_STEP_NODELIST has \(found.nodeList.count) nodes, SLURM_NNODES is \(nodes)")
        }
        if let name = variables["SLURMD_NODENAME"], let node = found.node, found.nodeList.indices.contains(node),
            found.nodeList[node] != name
        {
            throw .wrong(
                "SLURMD_NODENAME is \"\(name)\", node \(node) of SLURM_STEP_NODELIST is \"\(found.nodeList[node])\"")
        }
        if let job = variables["SLURM_JOB_ID"] { found.job = job + (variables["SLURM_STEP_ID"].map { ".\($0)" } ?? "") }
        return found
    }

    /// torchrun. `LOCAL_RANK` and `LOCAL_WORLD_SIZE` may be missing, as with operators that start one process a pod.
    static func torchrun(_ variables: Variables) throws(EnvironmentError) -> LaunchEnvironment? {
        guard try variables.complete("RANK", "WORLD_SIZE", "MASTER_ADDR") else { return nil }
        var found = LaunchEnvironment(.torchrun)
        (found.rank, found.size) = (try variables.number("RANK"), try variables.number("WORLD_SIZE"))
        found.localRank = try variables.optionalNumber("LOCAL_RANK")
        found.localSize = try variables.optionalNumber("LOCAL_WORLD_SIZE")
        found.node = try variables.optionalNumber("GROUP_RANK")
        let port = try variables.optionalNumber("MASTER_PORT", 1...65_535) ?? 29_500
        if let host = try variables.host("MASTER_ADDR") { found.rendezvous = Rendezvous(host: host, port: port) }
        found.job = variables["TORCHELASTIC_RUN_ID"]
        found.restartCount = try variables.optionalNumber("TORCHELASTIC_RESTART_COUNT")
        return found
    }

    /// Ascend: the size is in the rank table unless `RANK_SIZE` says it too.
    static func ascend(_ variables: Variables) throws(EnvironmentError) -> LaunchEnvironment? {
        guard try variables.complete("RANK_TABLE_FILE", "RANK_ID") else { return nil }
        var found = LaunchEnvironment(.ascend)
        found.rank = try variables.number("RANK_ID")
        found.size = try variables.optionalNumber("RANK_SIZE")
        found.rankTablePath = variables["RANK_TABLE_FILE"]
        found.deviceID = try variables.optionalNumber("DEVICE_ID", 0...64)
        found.rendezvous = try variables.rendezvous("SHMEM_UID_SESSION_ID")
        found.interface = try variables.host("HCCL_IF_IP") ?? variables["HCCL_SOCKET_IFNAME"]
        return found
    }
}
