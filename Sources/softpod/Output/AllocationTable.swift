internal import ClusterFiles
internal import FoundationEssentials
internal import NodeRuntime
internal import SharedMemory
internal import Workers

/// This process as a task of an allocation, as a row.
struct AllocationTable {
    /// Joins, and if asked meets the others as a run would: the coordinator publishes, agents read, idle tasks pass.
    ///
    /// - Parameter patience: the longest to wait for the launcher's server, and then for the other tasks.
    /// - Returns: what was found; nil without a launcher. A reason why it is not known is a field, unless all were to meet.
    static func row(_ variables: [String: String], isMeeting: Bool, patience: Duration) throws -> Row? {
        let task: AllocatedTask
        do {
            let deadline = Deadline(after: patience)
            guard let joined = try AllocatedTask.join(environment: variables, deadline: deadline) else { return nil }
            task = joined
        } catch  where !isMeeting {
            return Row(["problem": .text(Printable.line("\(error)"))])
        }
        var row = facts(task)
        let deadline = Deadline(after: patience)
        if isMeeting {
            if let pmix = task.pmix { row.append("ring", .text(try ring(pmix, deadline))) }
            row.append("met", .text(try meet(task, deadline)))
        }
        try task.leave(deadline: deadline)
        return row
    }

    /// Every task puts its name and reads its right neighbour's: proof that PMIx carries bytes between any two.
    private static func ring(_ pmix: PMIxClient, _ deadline: Deadline) throws -> String {
        let key = "softpod.ring"
        let (rank, size) = (pmix.facts.rank, pmix.facts.size)
        try pmix.put(key, Array("task \(rank)".utf8), deadline: deadline)
        try pmix.commitAndFence(deadline: deadline)
        let neighbour = (rank + 1) % size
        let bytes = try pmix.get(key, from: neighbour, deadline: deadline)
        // No task leaves before it has been read.
        try pmix.commitAndFence(deadline: deadline)
        guard let bytes, bytes == Array("task \(neighbour)".utf8) else {
            throw InputError(.unavailable, "PMIx: task \(neighbour)'s bytes came to task \(rank) as \(bytes ?? [])")
        }
        return "read task \(neighbour)"
    }

    private static func meet(_ task: AllocatedTask, _ deadline: Deadline) throws -> String {
        switch task.allocation.rendezvous {
        case .oneNode: return "one node: nobody to meet"
        case .known(let host, let port): return "at \(host):\(port), which nobody has tried"
        case .pmix, .none: break
        }
        switch task.allocation.role {
        case .coordinator:
            let message = "rank 0 on \(ProcessControl.hostName), process \(ProcessInfo.processInfo.processIdentifier)"
            try task.publish(Array(message.utf8), deadline: deadline)
            return "published: \(message)"
        case .agent:
            let bytes = try task.rendezvous(deadline: deadline)
            return "read: " + Printable.line(String(decoding: bytes, as: UTF8.self))
        case .idle:
            try task.pass(deadline: deadline)
            return "passed"
        }
    }

    private static func facts(_ task: AllocatedTask) -> Row {
        let allocation = task.allocation
        let number = { (value: Int?) -> Field in value.map { .integer($0) } ?? .absent }
        let rendezvous =
            switch allocation.rendezvous {
            case .known(let host, let port): "\(host):\(port)"
            case .pmix: "PMIx"
            case .oneNode: "one node"
            case .none(let reason): "none: \(reason)"
            }
        return Row([
            "role": .text(allocation.role.rawValue), "task": .integer(allocation.task),
            "tasks": .integer(allocation.taskCount), "localTask": .integer(allocation.localTask),
            "localTasks": number(allocation.localTaskCount),
            "tasksOfNode": allocation.tasksOfNode.map { .integers($0) } ?? .absent,
            "node": number(allocation.nodeIndex), "nodes": number(allocation.nodeCount),
            "tasksPerNode": allocation.taskCounts.map { .integers($0) } ?? .absent,
            "rendezvous": .text(Printable.line(rendezvous)),
            "pmix": task.pmix.map { .text(Printable.line("\($0.libraryVersion) at \($0.libraryPath)")) } ?? .absent,
            "remarks": allocation.remarks.isEmpty
                ? .absent : .text(Printable.line(allocation.remarks.joined(separator: "; "))),
        ])
    }
}
