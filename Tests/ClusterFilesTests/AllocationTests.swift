import ClusterFiles
import SharedMemory
import TestKit
import Testing
import Workers

@Suite("Tasks of an allocation")
struct AllocationTests {
    /// The variables of every task of a step of Slurm, nodes given by their tasks.
    static func slurm(_ nodes: [[Int]]) -> [[String: String]] {
        let size = nodes.joined().count
        return (0..<size).map { task in
            let node = nodes.firstIndex { $0.contains(task) } ?? 0
            return [
                "SLURM_PROCID": "\(task)", "SLURM_NTASKS": "\(size)", "SLURM_NODEID": "\(node)",
                "SLURM_LOCALID": "\(nodes[node].firstIndex(of: task) ?? 0)", "SLURM_NNODES": "\(nodes.count)",
                "SLURM_STEP_NODELIST": "n[1-\(nodes.count)]", "SLURM_JOB_ID": "17", "SLURM_STEP_ID": "2",
                "SLURM_STEP_TASKS_PER_NODE": nodes.map { "\($0.count)" }.joined(separator: ","),
                "SLURM_GTIDS": nodes[node].map(String.init).joined(separator: ","),
            ]
        }
    }

    /// What a PMIx server tells every task of a job, nodes given by their tasks and numbered backwards, as a server may.
    static func pmix(_ nodes: [[Int]], hasMap: Bool = true) -> [(variables: [String: String], facts: PMIxFacts)] {
        let size = nodes.joined().count
        let nodeOfRank = (0..<size).map { task in nodes.count - (nodes.firstIndex { $0.contains(task) } ?? 0) }
        return (0..<size).map { task in
            let peers = nodes.first { $0.contains(task) } ?? []
            let facts = PMIxFacts(
                namespace: "prte-1@1", rank: task, size: size, localRank: peers.firstIndex(of: task),
                localSize: peers.count, nodeID: nodeOfRank[task], nodeCount: nodes.count + 2, localPeers: peers,
                nodeOfRank: hasMap ? nodeOfRank : nil)
            return (["PMIX_RANK": "\(task)", "PMIX_NAMESPACE": "prte-1@1"], facts)
        }
    }

    /// torchrun's variables of every task, groups given by their sizes.
    static func torchrun(_ groups: [Int]) -> [[String: String]] {
        let size = groups.reduce(0, +)
        return groups.enumerated().flatMap { group, count in
            (0..<count).map { local in
                [
                    "RANK": "\(groups[..<group].reduce(0, +) + local)", "WORLD_SIZE": "\(size)",
                    "LOCAL_RANK": "\(local)",
                    "LOCAL_WORLD_SIZE": "\(count)", "GROUP_RANK": "\(group)", "GROUP_WORLD_SIZE": "\(groups.count)",
                    "MASTER_ADDR": "10.0.0.1", "MASTER_PORT": "29500",
                ]
            }
        }
    }

    /// Dealt out in blocks, in a circle, unevenly, and on one node.
    static let layouts: [[[Int]]] = [
        [[0, 1], [2, 3], [4, 5]], [[0, 3], [1, 4], [2, 5]], [[0, 3, 4, 5], [1], [2]], [[0], [1, 2, 3]], [[0, 1, 2]],
        [[0]],
    ]

    private func check(_ all: [Allocation], _ nodes: [[Int]], knowsNodes: Bool = true) {
        #expect(all.map(\.task) == Array(all.indices) && all.allSatisfy { $0.taskCount == all.count })
        #expect(all.filter(\.isCoordinator).map(\.task) == [0])
        #expect(all.filter(\.isAgent).map(\.task) == nodes.dropFirst().map { $0[0] })
        for allocation in all {
            let node = nodes.firstIndex { $0.contains(allocation.task) }
            #expect(allocation.tasksOfNode == node.map { nodes[$0] })
            #expect(allocation.localTaskCount == allocation.tasksOfNode?.count)
            if knowsNodes {
                #expect(allocation.nodeIndex == node && allocation.nodeCount == nodes.count)
                #expect(allocation.taskCounts == nodes.map(\.count))
            }
            if nodes.count == 1 { #expect(allocation.rendezvous == .oneNode) }
        }
    }

    @Test("Slurm's tasks find their parts however they are dealt out", arguments: layouts)
    func slurmParts(nodes: [[Int]]) throws {
        let all = try Self.slurm(nodes).compactMap { try Allocation(environment: $0) }
        check(all, nodes)
        // 20000 + (97 x 17 + 2) mod 10000.
        if nodes.count > 1 { #expect(all.allSatisfy { $0.rendezvous == .known(host: "n1", port: 21_651) }) }
        #expect(all.allSatisfy { $0.launcher == .slurm && $0.job == "17.2" })
    }

    @Test("PMIx's tasks find their parts, with and without a map of all nodes", arguments: layouts, [true, false])
    func pmixParts(nodes: [[Int]], hasMap: Bool) throws {
        let all = try Self.pmix(nodes, hasMap: hasMap).compactMap {
            try Allocation(environment: $0.variables, pmix: $0.facts)
        }
        check(all, nodes, knowsNodes: hasMap || nodes.count == 1)
        if nodes.count > 1 { #expect(all.allSatisfy { $0.rendezvous == .pmix }) }
    }

    @Test(
        "torchrun's tasks find their parts, and meet beside its store", arguments: [[2, 2, 2], [1, 3], [3], [1, 1]])
    func torchrunParts(groups: [Int]) throws {
        var first = 0
        let nodes = groups.map { count in
            defer { first += count }
            return Array(first..<first + count)
        }
        let all = try Self.torchrun(groups).compactMap { try Allocation(environment: $0) }
        check(all, nodes, knowsNodes: groups.count == 1 || groups.allSatisfy { $0 == 1 })
        #expect(all.allSatisfy { $0.nodeCount == groups.count })
        if groups.count > 1 { #expect(all.allSatisfy { $0.rendezvous == .known(host: "10.0.0.1", port: 29_501) }) }
    }

    @Test("torchrun's store port at the end of the range is refused, and one process a pod is a node each")
    func torchrunEdges() throws {
        let bare = ["RANK": "2", "WORLD_SIZE": "4", "MASTER_ADDR": "a"]
        let pod = try #require(try Allocation(environment: bare))
        #expect(pod.isAgent && pod.nodeIndex == 2 && pod.nodeCount == 4 && pod.taskCounts == [1, 1, 1, 1])
        #expect(throws: EnvironmentError.self) {
            try Allocation(environment: bare.merging(["MASTER_PORT": "65535"]) { $1 })
        }
    }

    @Test("Ascend's tasks find their parts in the rank table")
    func ascendParts() throws {
        let table = Fixtures.superPodTable()
        let all = try (0..<16).compactMap { rank in
            try Allocation(
                environment: [
                    "RANK_TABLE_FILE": "t", "RANK_ID": "\(rank)", "RANK_SIZE": "16", "DEVICE_ID": "\(rank % 4)",
                ], rankTable: table)
        }
        check(all, (0..<4).map { Array($0 * 4..<$0 * 4 + 4) })
        #expect(all.allSatisfy { $0.rendezvous == .known(host: "172.16.0.100", port: 27_384) })
    }

    @Test("An Ascend launch meets where the table, its server's name, or the user says")
    func ascendMeeting() throws {
        var table = Fixtures.superPodTable()
        let base = ["RANK_TABLE_FILE": "t", "RANK_ID": "5"]
        table.servers[0].hostIP = nil
        let nowhere = try #require(try Allocation(environment: base, rankTable: table))
        guard case .none(let reason) = nowhere.rendezvous else {
            Issue.record("\(nowhere.rendezvous)")
            return
        }
        #expect(reason.contains("node_0") && reason.contains("SOFTPOD_RENDEZVOUS"))
        table.servers[0].id = "10.1.1.1"
        #expect(
            try Allocation(environment: base, rankTable: table)?.rendezvous == .known(host: "10.1.1.1", port: 27_384))
        let session = base.merging(["SHMEM_UID_SESSION_ID": "tcp://h:9"]) { $1 }
        #expect(try Allocation(environment: session, rankTable: table)?.rendezvous == .known(host: "h", port: 9))
        let own = session.merging(["SOFTPOD_RENDEZVOUS": "k:10"]) { $1 }
        #expect(try Allocation(environment: own, rankTable: table)?.rendezvous == .known(host: "k", port: 10))
    }

    @Test("Open MPI and Hydra without PMIx need a place to meet as soon as there are two nodes")
    func local() throws {
        let hydra = ["PMI_RANK": "3", "PMI_SIZE": "8", "MPI_LOCALRANKID": "0", "MPI_LOCALNRANKS": "2"]
        let agent = try #require(try Allocation(environment: hydra))
        guard case .none(let reason) = agent.rendezvous else {
            Issue.record("\(agent.rendezvous)")
            return
        }
        #expect(agent.isAgent && agent.nodeIndex == nil && reason.contains("SOFTPOD_RENDEZVOUS"))
        let told = try #require(try Allocation(environment: hydra.merging(["SOFTPOD_RENDEZVOUS": "h:7"]) { $1 }))
        #expect(told.rendezvous == .known(host: "h", port: 7))
        let one = [
            "OMPI_COMM_WORLD_RANK": "1", "OMPI_COMM_WORLD_SIZE": "2", "OMPI_COMM_WORLD_LOCAL_RANK": "1",
            "OMPI_COMM_WORLD_LOCAL_SIZE": "2",
        ]
        let idle = try #require(try Allocation(environment: one))
        #expect(idle.role == .idle && idle.rendezvous == .oneNode && idle.tasksOfNode == [0, 1])
    }

    @Test("Without its library a task of PMIx goes by its launcher's own variables, and never by another's")
    func withoutLibrary() throws {
        var slurm = Self.slurm([[0, 1], [2, 3]])[2]
        slurm.merge(["PMIX_RANK": "2", "PMIX_NAMESPACE": "slurm.pmix.17.2"]) { $1 }
        #expect(try Allocation(environment: slurm)?.launcher == .slurm)
        slurm["PMIX_NAMESPACE"] = "prte-1@1"
        #expect(try Allocation(environment: slurm) == nil)
        #expect(try Allocation(environment: ["PATH": "/bin"]) == nil)
    }

    @Test("Dies are as many as tasks, or a multiple of them")
    func dies() throws {
        let allocation = try #require(try Allocation(environment: Self.slurm([[0, 1], [2, 3]])[0]))
        #expect(try allocation.dieCount(asked: nil) == 4)
        #expect(try allocation.dieCount(asked: 12) == 12)
        for wrong in [0, -4, 2, 6] {
            #expect(throws: EnvironmentError.self) { try allocation.dieCount(asked: wrong) }
        }
    }
}

@Suite("Joining an allocation")
struct AllocatedTaskTests {
    private func join(_ environment: [String: String]) throws -> AllocatedTask? {
        try AllocatedTask.join(environment: environment, deadline: Deadline(after: .seconds(60)))
    }

    @Test("Nobody's task is none, and one node's tasks need nobody to meet")
    func alone() throws {
        #expect(try join(["PATH": "/bin"]) == nil)
        for (index, variables) in AllocationTests.slurm([[0, 1]]).enumerated() {
            let task = try #require(try join(variables))
            if index == 0 { try task.publish([1], deadline: Deadline(after: .seconds(1))) }
            if index == 1 { try task.pass(deadline: Deadline(after: .seconds(1))) }
            try task.leave(deadline: Deadline(after: .seconds(1)))
        }
    }

    @Test("A task that cannot meet says so instead of waiting")
    func nowhere() throws {
        let variables = ["PMI_RANK": "3", "PMI_SIZE": "8", "MPI_LOCALRANKID": "0", "MPI_LOCALNRANKS": "2"]
        let task = try #require(try join(variables))
        #expect(throws: EnvironmentError.self) { try task.rendezvous(deadline: Deadline(after: .seconds(60))) }
    }

    @Test("Without the library a task of PMIx falls back and remarks on it, or fails with what to install")
    func withoutLibrary() throws {
        let pmix = [
            "PMIX_RANK": "2", "PMIX_NAMESPACE": "slurm.pmix.17.2", "SOFTPOD_PMIX_LIBRARY": "/nowhere/libpmix.so",
        ]
        let error = #expect(throws: PMIxError.self) { try join(pmix) }
        #expect(error?.kind == .missingLibrary)
        let task = try #require(try join(AllocationTests.slurm([[0, 1], [2, 3]])[2].merging(pmix) { $1 }))
        #expect(task.pmix == nil && task.allocation.launcher == .slurm && task.allocation.isAgent)
        #expect(task.allocation.remarks.contains { $0.contains("/nowhere") && $0.contains("slurm") })
    }

    @Test("A rank table that is not there is named")
    func rankTable() {
        let error = #expect(throws: ClusterFileError.self) {
            try join(["RANK_TABLE_FILE": "/nowhere/table.json", "RANK_ID": "0"])
        }
        #expect(error?.description.contains("/nowhere/table.json") == true)
    }
}
