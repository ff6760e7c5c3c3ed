extension AllocationDraft {
    /// Ports of plain Slurm: below those that systems hand out by themselves.
    static let slurmPorts = 20_000...29_999

    /// Where the coordinator of a step listens: 20000 + (97 x job + step) mod 10000, so that steps that run side by side differ.
    static func slurmPort(job: Int, step: Int) -> Int {
        slurmPorts.lowerBound + (job % slurmPorts.count * 97 + step % slurmPorts.count) % slurmPorts.count
    }

    /// A step of Slurm without PMIx. Nodes are in the step's order, which is that of their lowest ranks for tasks dealt out in
    /// blocks, in a circle, or in planes; where rank 0 shows that it is not, nothing is guessed.
    mutating func takeSlurm(_ variables: Variables, _ launch: LaunchEnvironment) throws(EnvironmentError) {
        (nodeIndex, nodeCount) = (launch.node, launch.nodeCount)
        if let list = variables["SLURM_STEP_TASKS_PER_NODE"] {
            let counts = try Self.taskCounts(list)
            taskCounts = counts
            if let node = launch.node, counts.indices.contains(node) { localTaskCount = counts[node] }
        }
        if let list = variables["SLURM_GTIDS"] {
            var tasks: [Int] = []
            for part in list.split(separator: ",", omittingEmptySubsequences: false) {
                guard let task = Digits.value(of: part), tasks.last.map({ $0 < task }) ?? true else {
                    throw .wrong("SLURM_GTIDS must be rising numbers, is \"\(list)\"")
                }
                tasks.append(task)
            }
            (tasksOfNode, localTaskCount) = (tasks, localTaskCount ?? tasks.count)
        }
        if launch.rank == 0, let node = launch.node, node != 0 {
            throw .wrong(
                "SLURM_PROCID 0 is on node \(node), not on the first of SLURM_STEP_NODELIST; distribute in blocks or "
                    + "cyclically, or use --mpi=pmix")
        }
        guard let first = launch.nodeList.first else { return }
        guard let job = try variables.optionalNumber("SLURM_JOB_ID", 0...1 << 32) else {
            rendezvous = .none(reason: "SLURM_JOB_ID is not set; set SOFTPOD_RENDEZVOUS=host:port")
            return
        }
        let step = try variables.optionalNumber("SLURM_STEP_ID", 0...1 << 32) ?? 0
        rendezvous = .known(host: first, port: Self.slurmPort(job: job, step: step))
    }

    /// `4(x3),2` is 4, 4, 4, 2.
    static func taskCounts(_ list: String) throws(EnvironmentError) -> [Int] {
        let name = "SLURM_STEP_TASKS_PER_NODE"
        let wrong = EnvironmentError.wrong("\(name) must be counts such as 4(x3),2, is \"\(list)\"")
        var counts: [Int] = []
        for part in list.split(separator: ",", omittingEmptySubsequences: false) {
            let pieces = part.split(separator: "(", omittingEmptySubsequences: false)
            guard (1...2).contains(pieces.count), let count = Digits.value(of: pieces[0]),
                (1...Variables.counts.upperBound).contains(count)
            else { throw wrong }
            var times = 1
            if pieces.count == 2 {
                guard pieces[1].hasPrefix("x"), pieces[1].hasSuffix(")"),
                    let number = Digits.value(of: pieces[1].dropFirst().dropLast()), number > 0
                else { throw wrong }
                times = number
            }
            guard times <= 65_536 - counts.count else { throw .wrong("\(name) has more than 65536 nodes") }
            counts += Array(repeating: count, count: times)
        }
        return counts
    }
}
