internal import Workers

/// An allocation while it is gathered: what each launcher tells, and then the rules that hold for all of them.
struct AllocationDraft {
    var taskCount: Int?
    var localTask: Int?
    var localTaskCount: Int?
    var tasksOfNode: [Int]?
    var nodeIndex: Int?
    var nodeCount: Int?
    var taskCounts: [Int]?
    var rendezvous: Allocation.Rendezvous
    var remarks: [String] = []

    /// What the launcher's own variables say by themselves.
    init(_ launch: LaunchEnvironment) {
        (taskCount, localTask, localTaskCount) = (launch.size, launch.localRank, launch.localSize)
        rendezvous = .none(reason: "\(launch.launcher) does not say where to meet; set SOFTPOD_RENDEZVOUS=host:port")
        remarks = launch.passedOver
    }

    /// PMIx: the server knows it all.
    mutating func take(_ facts: PMIxFacts, _ launch: LaunchEnvironment) throws(EnvironmentError) {
        do { try facts.check() } catch { throw .wrong(error.description) }
        guard facts.rank == launch.rank, facts.namespace == launch.job else {
            throw .wrong(
                "PMIX_RANK is \(launch.rank) of \(launch.job ?? "?"), the server says \(facts.rank) of \(facts.namespace)"
            )
        }
        if let size = launch.size, size != facts.size {
            throw .wrong("the launcher's variables say \(size) tasks, the PMIx server says \(facts.size)")
        }
        (taskCount, tasksOfNode) = (facts.size, facts.tasksOfNode)
        localTask = facts.tasksOfNode?.firstIndex(of: facts.rank) ?? facts.localRank
        localTaskCount = facts.tasksOfNode?.count ?? facts.localSize
        if let nodes = facts.nodes {
            (nodeCount, taskCounts) = (nodes.count, nodes.map(\.count))
            nodeIndex = nodes.firstIndex { $0.contains(facts.rank) }
        }
        rendezvous = .pmix
    }

    /// Our own variables, Open MPI's and Hydra's: a local rank, and at most the number of a node.
    mutating func takeLocal(_ launch: LaunchEnvironment) throws(EnvironmentError) {
        (nodeIndex, nodeCount) = (launch.node, launch.nodeCount)
        if nodeCount == nil, !launch.nodeList.isEmpty { nodeCount = launch.nodeList.count }
        if let place = launch.rendezvous { rendezvous = .known(host: place.host, port: place.port) }
    }

    /// torchrun deals ranks out in blocks, one after the other by group. Its store listens at MASTER_PORT itself, so the coordinator
    /// takes the next one.
    mutating func takeTorchrun(_ variables: Variables, _ launch: LaunchEnvironment) throws(EnvironmentError) {
        (nodeIndex, nodeCount) = (launch.node, try variables.optionalNumber("GROUP_WORLD_SIZE"))
        if localTask == nil {
            // Operators that start one process a pod leave the local variables away.
            guard localTaskCount == nil || localTaskCount == 1 else {
                throw .wrong("LOCAL_WORLD_SIZE is set without LOCAL_RANK")
            }
            (localTask, localTaskCount) = (0, 1)
            (nodeIndex, nodeCount) = (launch.rank, launch.size)
        }
        if let localTask, let count = localTaskCount, let size = launch.size {
            let first = launch.rank - localTask
            guard first + count <= size else {
                throw .wrong("RANK \(launch.rank) and LOCAL_WORLD_SIZE \(count) go beyond WORLD_SIZE, \(size)")
            }
            tasksOfNode = Array(first..<first + count)
        }
        guard let place = launch.rendezvous else { return }
        guard place.port < 65_535 else {
            throw .wrong("MASTER_PORT must leave room for the next port, is \(place.port)")
        }
        rendezvous = .known(host: place.host, port: place.port + 1)
    }

    /// Completes what follows from the rest, and refuses what contradicts itself or is not enough.
    func finished(_ launch: LaunchEnvironment) throws(EnvironmentError) -> Allocation {
        let launcher = launch.launcher
        guard let taskCount, launch.rank < taskCount else {
            throw .wrong(
                "\(launcher): rank \(launch.rank) of \(taskCount.map(String.init) ?? "an unknown number of") tasks")
        }
        var draft = self
        if taskCount == 1 { (draft.localTask, draft.localTaskCount) = (0, 1) }
        guard let localTask = draft.localTask else {
            throw .wrong(
                "\(launcher) does not say which of its node's tasks this is; its PMIx library may (libpmix.so.2)")
        }
        if draft.localTaskCount == taskCount { draft.allOnOneNode(taskCount) }
        if let count = draft.nodeCount, count == taskCount, draft.taskCounts == nil {
            draft.taskCounts = Array(repeating: 1, count: count)
        }
        draft.nodeCount = draft.nodeCount ?? draft.taskCounts?.count
        if draft.tasksOfNode == nil, draft.localTaskCount == 1 { draft.tasksOfNode = [launch.rank] }
        if launch.rank == 0, draft.nodeIndex == nil { draft.nodeIndex = 0 }
        try draft.check(launch.rank, taskCount, localTask, launcher)
        return Allocation(
            launcher: launcher, job: launch.job, task: launch.rank, taskCount: taskCount, localTask: localTask,
            localTaskCount: draft.localTaskCount, tasksOfNode: draft.tasksOfNode, nodeIndex: draft.nodeIndex,
            nodeCount: draft.nodeCount, taskCounts: draft.taskCounts,
            rendezvous: draft.nodeCount == 1 ? .oneNode : draft.rendezvous, remarks: draft.remarks)
    }

    private mutating func allOnOneNode(_ taskCount: Int) {
        tasksOfNode = tasksOfNode ?? Array(0..<taskCount)
        (nodeIndex, nodeCount) = (nodeIndex ?? 0, nodeCount ?? 1)
        taskCounts = taskCounts ?? [taskCount]
    }

    private func check(
        _ task: Int, _ taskCount: Int, _ localTask: Int, _ launcher: LaunchEnvironment.Launcher
    ) throws(EnvironmentError) {
        func refuse(_ text: String) -> EnvironmentError { .wrong("\(launcher): \(text)") }
        guard localTask <= task, localTask < localTaskCount ?? taskCount else {
            throw refuse("task \(task) cannot be number \(localTask) of its node's \(localTaskCount ?? taskCount)")
        }
        if let tasksOfNode {
            guard tasksOfNode.firstIndex(of: task) == localTask,
                tasksOfNode.count == localTaskCount ?? tasksOfNode.count
            else { throw refuse("task \(task) is not number \(localTask) among its node's tasks, \(tasksOfNode)") }
        }
        if let nodeCount {
            guard (1...taskCount).contains(nodeCount) else {
                throw refuse("\(taskCount) tasks cannot be on \(nodeCount) nodes")
            }
            if nodeCount == 1, let count = localTaskCount, count != taskCount {
                throw refuse("one node is said to have all \(taskCount) tasks, and \(count)")
            }
        }
        if let nodeIndex {
            guard nodeIndex < nodeCount ?? taskCount else {
                throw refuse("node \(nodeIndex) is not below the number of nodes, \(nodeCount ?? taskCount)")
            }
            // Every node before this one has at least one task of lower rank, and rank 0 is on the first.
            guard nodeIndex <= task - localTask, (task == 0) == (nodeIndex == 0 && localTask == 0) else {
                throw refuse("task \(task), number \(localTask) of its node, cannot be on node \(nodeIndex)")
            }
        }
        if let taskCounts {
            guard taskCounts.count == nodeCount, taskCounts.allSatisfy({ $0 > 0 }),
                taskCounts.reduce(0, +) == taskCount
            else { throw refuse("tasks on each node are said to be \(taskCounts), \(taskCount) in all") }
            if let nodeIndex, let count = localTaskCount, taskCounts[nodeIndex] != count {
                throw refuse("node \(nodeIndex) has \(count) tasks, \(taskCounts) says otherwise")
            }
        }
    }
}
