import ClusterFiles
import TestKit
import Testing
import Workers

@Suite("Allocations that contradict themselves")
struct AllocationErrorTests {
    /// Task 2 of two nodes of two, with some of its variables replaced.
    private static func slurm(_ other: [String: String]) -> [String: String] {
        AllocationTests.slurm([[0, 1], [2, 3]])[2].merging(other) { $1 }
    }

    @Test(
        "Slurm's variables are checked against each other",
        arguments: [
            ("SLURM_GTIDS", "0,1", "not number 0 among"), ("SLURM_GTIDS", "2,x", "SLURM_GTIDS"),
            ("SLURM_GTIDS", "3,2", "SLURM_GTIDS"), ("SLURM_GTIDS", "2,3,4", "among"),
            ("SLURM_STEP_TASKS_PER_NODE", "2", "tasks on each node"),
            ("SLURM_STEP_TASKS_PER_NODE", "2(x3)", "tasks on"),
            ("SLURM_STEP_TASKS_PER_NODE", "1,3", "among"), ("SLURM_STEP_TASKS_PER_NODE", "2(x", "SLURM_STEP_TASKS"),
            ("SLURM_STEP_TASKS_PER_NODE", "2(y2)", "SLURM_STEP_TASKS"),
            ("SLURM_STEP_TASKS_PER_NODE", "0,4", "SLURM_STEP"),
            ("SLURM_STEP_TASKS_PER_NODE", "1(x999999999999)", "65536"), ("SLURM_LOCALID", "1", "number 1"),
            ("SLURM_NODEID", "0", "node 0"), ("SLURM_PROCID", "9", "rank 9"), ("SLURM_JOB_ID", "x", "SLURM_JOB_ID"),
            ("SOFTPOD_RENDEZVOUS", "nowhere", "SOFTPOD_RENDEZVOUS"),
        ])
    func slurmChecks(name: String, value: String, text: String) {
        let error = #expect(throws: EnvironmentError.self) {
            try Allocation(environment: Self.slurm([name: value]))
        }
        #expect(error?.description.contains(text) == true, "\(String(describing: error))")
    }

    @Test("A first task that is not on the first node is not guessed about")
    func arbitrary() throws {
        var variables = AllocationTests.slurm([[0, 1], [2, 3]])[0]
        variables["SLURM_NODEID"] = "1"
        let error = #expect(throws: EnvironmentError.self) { try Allocation(environment: variables) }
        #expect(error?.description.contains("SLURM_PROCID 0 is on node 1") == true)
    }

    @Test("The largest numbers of job and step give a port all the same")
    func ports() throws {
        for (job, step) in [("4294967296", "4294967296"), ("0", "0"), ("9999", "9999")] {
            let found = try Allocation(environment: Self.slurm(["SLURM_JOB_ID": job, "SLURM_STEP_ID": step]))
            guard case .known("n1", let port)? = found?.rendezvous else {
                Issue.record("\(String(describing: found))")
                continue
            }
            #expect((20_000...29_999).contains(port))
        }
    }

    @Test(
        "A PMIx server's contradictions are refused with both sides",
        arguments: [
            ("rank", "rank 9"), ("peers", "local peers [0, 1]"), ("order", "local peers [3, 2]"),
            ("map", "3 of 4 ranks"),
            ("other", "its node has others"), ("localSize", "3 ranks are said"), ("localRank", "local rank 2"),
            ("slurm", "local rank 1"), ("name", "the server says"), ("beyond", "local peers [2, 3, 4]"),
        ])
    func pmixChecks(what: String, text: String) {
        var (variables, facts) = AllocationTests.pmix([[0, 1], [2, 3]])[2]
        switch what {
        case "rank":
            facts.rank = 9
            variables["PMIX_RANK"] = "9"
        case "peers": facts.localPeers = [0, 1]
        case "order": facts.localPeers = [3, 2]
        case "beyond": facts.localPeers = [2, 3, 4]
        case "map": facts.nodeOfRank = [0, 0, 1]
        case "other": facts.nodeOfRank = [0, 0, 1, 2]
        case "localSize": facts.localSize = 3
        case "localRank": facts.localRank = 2
        case "slurm":
            (facts.namespace, facts.localRank) = ("slurm.pmix.1.0", 1)
            variables["PMIX_NAMESPACE"] = facts.namespace
        default: facts.namespace = "another"
        }
        let error = #expect(throws: EnvironmentError.self) {
            try Allocation(environment: variables, pmix: facts)
        }
        #expect(error?.description.contains(text) == true, "\(String(describing: error))")
    }

    @Test("PRRTE may number a node's tasks in another order than their ranks: the list of them decides")
    func mappedOrder() throws {
        for (task, local) in [(0, 1), (1, 0)] {
            var (variables, facts) = AllocationTests.pmix([[0, 1], [2, 3]])[task]
            facts.localRank = local
            variables["OMPI_COMM_WORLD_RANK"] = "\(task)"
            variables["OMPI_COMM_WORLD_SIZE"] = "4"
            variables["OMPI_COMM_WORLD_LOCAL_RANK"] = "\(local)"
            let found = try #require(try Allocation(environment: variables, pmix: facts))
            #expect(found.localTask == task && found.role == (task == 0 ? .coordinator : .idle))
        }
    }

    @Test("Variables that say another size than the PMIx server are refused")
    func pmixSize() throws {
        let (variables, facts) = AllocationTests.pmix([[0, 1], [2, 3]])[2]
        let ompi = ["OMPI_COMM_WORLD_RANK": "2", "OMPI_COMM_WORLD_SIZE": "5"]
        let error = #expect(throws: EnvironmentError.self) {
            try Allocation(environment: variables.merging(ompi) { $1 }, pmix: facts)
        }
        #expect(error?.description.contains("say 5 tasks, the PMIx server says 4") == true)
    }

    @Test(
        "Other launchers' sets that cannot be are refused",
        arguments: [
            (
                ["RANK": "3", "WORLD_SIZE": "4", "MASTER_ADDR": "a", "LOCAL_RANK": "0", "LOCAL_WORLD_SIZE": "2"],
                "beyond"
            ),
            (["RANK": "3", "WORLD_SIZE": "4", "MASTER_ADDR": "a", "LOCAL_WORLD_SIZE": "2"], "without LOCAL_RANK"),
            (
                [
                    "RANK": "1", "WORLD_SIZE": "4", "MASTER_ADDR": "a", "LOCAL_RANK": "1", "LOCAL_WORLD_SIZE": "2",
                    "GROUP_RANK": "1",
                ], "cannot be on node 1"
            ),
            (
                [
                    "RANK": "1", "WORLD_SIZE": "2", "MASTER_ADDR": "a", "LOCAL_RANK": "0", "LOCAL_WORLD_SIZE": "1",
                    "GROUP_RANK": "1", "GROUP_WORLD_SIZE": "3",
                ], "2 tasks cannot be on 3 nodes"
            ),
            (["PMI_RANK": "3", "PMI_SIZE": "8"], "does not say which of its node's tasks"),
            (["SOFTPOD_RANK": "1", "SOFTPOD_SIZE": "2"], "does not say which of its node's tasks"),
            (
                [
                    "SOFTPOD_RANK": "1", "SOFTPOD_SIZE": "4", "SOFTPOD_LOCAL_RANK": "0", "SOFTPOD_LOCAL_SIZE": "1",
                    "SOFTPOD_NODES": "1",
                ], "one node is said to have all 4"
            ),
            (["RANK_TABLE_FILE": "t", "RANK_ID": "0"], "has not been read"),
        ])
    func others(variables: [String: String], text: String) {
        let error = #expect(throws: EnvironmentError.self) { try Allocation(environment: variables) }
        #expect(error?.description.contains(text) == true, "\(String(describing: error))")
    }

    @Test(
        "Ascend's variables must be the rank table's",
        arguments: [
            (["RANK_ID": "16"], "RANK_ID is 16, the rank table ends at 15"),
            (["RANK_ID": "3", "RANK_SIZE": "8"], "RANK_SIZE is 8, the rank table has 16"),
            (["RANK_ID": "3", "DEVICE_ID": "2"], "DEVICE_ID is 2, the rank table has device 3"),
        ])
    func ascend(variables: [String: String], text: String) {
        let error = #expect(throws: EnvironmentError.self) {
            try Allocation(
                environment: variables.merging(["RANK_TABLE_FILE": "t"]) { $1 }, rankTable: Fixtures.superPodTable())
        }
        #expect(error?.description.contains(text) == true, "\(String(describing: error))")
    }

    @Test("Any mixture of a launcher's variables is an allocation or an error, never a trap", arguments: [1, 2, 3])
    func mixtures(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let values = ["0", "1", "2", "3", "4", "7", "", "x", "-1", "2(x2)", "0,1", "2,3", "n[1-2]", "1048576"]
        let base = Self.slurm([:])
        for _ in 0..<5_000 {
            var variables = base
            for name in base.keys.sorted() where Int.random(in: 0..<4, using: &random) == 0 {
                variables[name] = values.randomElement(using: &random)
            }
            // What is accepted holds together; errors are as good.
            guard let found = try? Allocation(environment: variables) else { continue }
            #expect(found.task < found.taskCount && found.localTask <= found.task, "seed \(seed): \(variables)")
            if let tasks = found.tasksOfNode { #expect(tasks.contains(found.task), "seed \(seed): \(variables)") }
            if let counts = found.taskCounts { #expect(counts.reduce(0, +) == found.taskCount, "seed \(seed)") }
        }
    }
}
