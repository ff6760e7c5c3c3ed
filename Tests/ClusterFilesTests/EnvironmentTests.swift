import ClusterFiles
import Testing

@Suite("Launch environments")
struct EnvironmentTests {
    /// A complete set of each launcher, as that launcher sets it, and what it says.
    static let sets: [(launcher: LaunchEnvironment.Launcher, variables: [String: String])] = [
        (
            .own,
            [
                "SOFTPOD_RANK": "3", "SOFTPOD_SIZE": "8", "SOFTPOD_LOCAL_RANK": "1", "SOFTPOD_LOCAL_SIZE": "2",
                "SOFTPOD_NODE": "1", "SOFTPOD_NODES": "4", "SOFTPOD_NODE_LIST": "n[0-3]",
                "SOFTPOD_RENDEZVOUS": "n0:7000",
            ]
        ),
        (.pmix, ["PMIX_RANK": "3", "PMIX_NAMESPACE": "prterun-host-17@1"]),
        (
            .openMPI,
            [
                "OMPI_COMM_WORLD_RANK": "3", "OMPI_COMM_WORLD_SIZE": "8", "OMPI_COMM_WORLD_LOCAL_RANK": "1",
                "OMPI_COMM_WORLD_LOCAL_SIZE": "2", "OMPI_COMM_WORLD_NODE_RANK": "1",
            ]
        ),
        (
            .hydra,
            ["PMI_RANK": "3", "PMI_SIZE": "8", "PMI_FD": "7", "MPI_LOCALRANKID": "1", "MPI_LOCALNRANKS": "2"]
        ),
        (
            .slurm,
            [
                "SLURM_PROCID": "3", "SLURM_NTASKS": "8", "SLURM_LOCALID": "1", "SLURM_NODEID": "1",
                "SLURM_NNODES": "4",
                "SLURM_STEP_NODELIST": "n[01-04]", "SLURMD_NODENAME": "n02", "SLURM_JOB_ID": "17", "SLURM_STEP_ID": "0",
            ]
        ),
        (
            .torchrun,
            [
                "RANK": "3", "WORLD_SIZE": "8", "LOCAL_RANK": "1", "LOCAL_WORLD_SIZE": "2", "GROUP_RANK": "1",
                "MASTER_ADDR": "10.0.0.1", "MASTER_PORT": "29501", "TORCHELASTIC_RUN_ID": "run",
                "TORCHELASTIC_RESTART_COUNT": "2",
            ]
        ),
        (
            .ascend,
            [
                "RANK_TABLE_FILE": "/etc/hccl.json", "RANK_ID": "3", "RANK_SIZE": "8", "DEVICE_ID": "11",
                "HCCL_IF_IP": "10.0.0.2", "HCCL_SOCKET_IFNAME": "eth0", "SHMEM_UID_SESSION_ID": "tcp://10.0.0.1:8666",
            ]
        ),
    ]

    @Test("Each launcher's set is recognised, and says rank and size", arguments: sets.indices)
    func recognised(index: Int) throws {
        let (launcher, variables) = Self.sets[index]
        let found = try LaunchEnvironment.discover(variables.merging(["HOME": "/root", "RANKLE": "x"]) { $1 })
        #expect(found.launcher == launcher && found.rank == 3 && found.passedOver.isEmpty)
        #expect(found.size == (launcher == .pmix ? nil : 8))
        if ![.pmix, .ascend].contains(launcher) { #expect(found.localRank == 1) }
    }

    @Test("What only some launchers tell is taken over")
    func details() throws {
        func find(_ launcher: LaunchEnvironment.Launcher) throws -> LaunchEnvironment {
            let set = try #require(Self.sets.first { $0.launcher == launcher })
            return try LaunchEnvironment.discover(set.variables)
        }
        let own = try find(.own)
        #expect(
            own.nodeList == ["n0", "n1", "n2", "n3"] && own.rendezvous?.host == "n0" && own.rendezvous?.port == 7000)
        let slurm = try find(.slurm)
        #expect(slurm.nodeList == ["n01", "n02", "n03", "n04"] && slurm.node == 1 && slurm.nodeCount == 4)
        #expect(slurm.job == "17.0")
        let torchrun = try find(.torchrun)
        #expect(torchrun.rendezvous?.port == 29_501 && torchrun.job == "run" && torchrun.restartCount == 2)
        let ascend = try find(.ascend)
        #expect(ascend.rankTablePath == "/etc/hccl.json" && ascend.deviceID == 11 && ascend.interface == "10.0.0.2")
        #expect(ascend.rendezvous?.host == "10.0.0.1" && ascend.localRank == nil)
        #expect(try find(.hydra).job == "PMI_FD 7")
    }

    @Test("The first complete set wins, in the documented order", arguments: sets.indices)
    func order(index: Int) throws {
        var variables: [String: String] = [:]
        for set in Self.sets[index...] { variables.merge(set.variables) { old, _ in old } }
        // An Open MPI process under PMIx has both sets; here they agree about the rank.
        #expect(try LaunchEnvironment.discover(variables).launcher == Self.sets[index].launcher)
    }

    @Test("Nothing set, or only empty variables: one process on its own")
    func none() throws {
        let alone = try LaunchEnvironment.discover(["RANK": "", "PATH": "/bin"])
        #expect(alone.launcher == .none && alone.rank == 0 && alone.size == 1 && alone.passedOver.isEmpty)
    }

    @Test("Part of a set is passed over, and said so", arguments: sets.indices.dropFirst())
    func partial(index: Int) throws {
        let set = Self.sets[index]
        let required: [LaunchEnvironment.Launcher: String] = [
            .pmix: "PMIX_NAMESPACE", .openMPI: "OMPI_COMM_WORLD_SIZE", .hydra: "PMI_SIZE",
            .slurm: "SLURM_STEP_NODELIST",
            .torchrun: "WORLD_SIZE", .ascend: "RANK_TABLE_FILE",
        ]
        let name = try #require(required[set.launcher])
        let found = try LaunchEnvironment.discover(set.variables.filter { $0.key != name })
        #expect(found.launcher == .none)
        #expect(found.passedOver.count == 1 && found.passedOver.first?.contains(name) == true)
    }

    @Test("PMIx takes the size from Open MPI or from its own Slurm, and never from Slurm's daemon of another launcher")
    func pmix() throws {
        let ompi = ["OMPI_COMM_WORLD_RANK": "3", "OMPI_COMM_WORLD_SIZE": "8"]
        let base = ["PMIX_RANK": "3", "PMIX_NAMESPACE": "prterun-1"]
        #expect(try LaunchEnvironment.discover(base.merging(ompi) { $1 }).size == 8)
        let slurm = try #require(Self.sets.first { $0.launcher == .slurm }?.variables)
        #expect(try LaunchEnvironment.discover(base.merging(slurm) { $1 }).size == nil)
        let own = ["PMIX_RANK": "3", "PMIX_NAMESPACE": "slurm.pmix.17.0"]
        #expect(try LaunchEnvironment.discover(own.merging(slurm) { $1 }).size == 8)
        var other = slurm
        other["SLURM_PROCID"] = "2"
        #expect(throws: EnvironmentError.self) { try LaunchEnvironment.discover(own.merging(other) { $1 }) }
    }

    @Test(
        "A set that is complete and wrong is an error that names the variable",
        arguments: [
            (["SOFTPOD_RANK": "1"], "SOFTPOD_SIZE"), (["SOFTPOD_RANK": "1", "CM384_RANK": "2"], "CM384_RANK is \"2\""),
            (["CM384_RANK": "2", "CM384_SIZE": "2"], "rank 2 is not below the size, 2"),
            (["SOFTPOD_RANK": "x", "SOFTPOD_SIZE": "2"], "SOFTPOD_RANK must be a number"),
            (["SOFTPOD_RANK": "-1", "SOFTPOD_SIZE": "2"], "SOFTPOD_RANK"),
            (["PMI_RANK": "0", "PMI_SIZE": "99999999999999999999"], "PMI_SIZE"),
            (["RANK": "0", "WORLD_SIZE": "0", "MASTER_ADDR": "a"], "rank 0 is not below the size, 0"),
            (["RANK": "0", "WORLD_SIZE": "1", "MASTER_ADDR": "a b"], "MASTER_ADDR"),
            (["RANK": "0", "WORLD_SIZE": "1", "MASTER_ADDR": "a", "MASTER_PORT": "70000"], "MASTER_PORT"),
            (
                ["RANK": "1", "WORLD_SIZE": "4", "MASTER_ADDR": "a", "LOCAL_RANK": "2"],
                "local rank 2 is above the rank"
            ),
            (
                ["PMI_RANK": "3", "PMI_SIZE": "4", "MPI_LOCALRANKID": "2", "MPI_LOCALNRANKS": "2"],
                "local rank 2 is not below"
            ),
            (["PMI_RANK": "3", "PMI_SIZE": "4", "MPI_LOCALNRANKS": "5"], "5 processes on this node of 4"),
            (
                ["OMPI_COMM_WORLD_RANK": "1", "OMPI_COMM_WORLD_SIZE": "2", "PMIX_RANK": "0", "PMIX_NAMESPACE": "x"],
                "PMIX_RANK is 0"
            ),
            (["RANK_TABLE_FILE": "t", "RANK_ID": "8", "RANK_SIZE": "8"], "rank 8"),
            (["RANK_TABLE_FILE": "t", "RANK_ID": "0", "SHMEM_UID_SESSION_ID": "nowhere"], "SHMEM_UID_SESSION_ID"),
            (
                ["SOFTPOD_RANK": "0", "SOFTPOD_SIZE": "2", "SOFTPOD_NODES": "3", "SOFTPOD_NODE_LIST": "a,b"],
                "2 nodes are listed, 3"
            ),
            (["SOFTPOD_RANK": "0", "SOFTPOD_SIZE": "2", "SOFTPOD_NODE_LIST": "n[1"], "SOFTPOD_NODE_LIST"),
        ])
    func wrong(variables: [String: String], text: String) {
        let error = #expect(throws: EnvironmentError.self) { try LaunchEnvironment.discover(variables) }
        #expect(error?.description.contains(text) == true, "\(String(describing: error))")
    }

    @Test("Slurm's lists are checked against its counts")
    func slurmCounts() throws {
        let slurm = try #require(Self.sets.first { $0.launcher == .slurm }?.variables)
        for (name, value) in [
            ("SLURM_NNODES", "3"), ("SLURM_STEP_NUM_NODES", "3"), ("SLURMD_NODENAME", "n03"), ("SLURM_NODEID", "4"),
            ("SLURM_STEP_NODELIST", "n[01-04"), ("SLURM_STEP_NODELIST", "n[01-99999999]"),
        ] {
            #expect(throws: EnvironmentError.self, "\(name)=\(value)") {
                try LaunchEnvironment.discover(slurm.merging([name: value]) { $1 })
            }
        }
        // A job may have more nodes than its step.
        #expect(try LaunchEnvironment.discover(slurm.merging(["SLURM_NNODES": "9"]) { $1 }).nodeCount == 4)
    }

    @Test("Every variable of Ascend that the references name is in the table once, and says honoured or ignored")
    func table() {
        let names = AscendVariable.all.map(\.name)
        #expect(names == names.sorted() && Set(names).count == names.count)
        let referenced = [
            "HCCL_OP_EXPANSION_MODE", "TASK_QUEUE_ENABLE", "HCCL_IF_IP", "HCCL_SOCKET_IFNAME", "GLOO_SOCKET_IFNAME",
            "TP_SOCKET_IFNAME", "ASCEND_RT_VISIBLE_DEVICES", "HCCL_BUFFSIZE", "HCCL_EXEC_TIMEOUT",
            "HCCL_CONNECT_TIMEOUT",
            "HCCL_INTRA_ROCE_ENABLE", "HCCL_INTRA_PCIE_ENABLE", "ASCEND_A3_ENABLE", "HCCL_OP_RETRY_ENABLE",
            "HCCL_INTER_HCCS_DISABLE", "HCCL_LOGIC_SUPERPOD_ID", "HCCL_DETERMINISTIC", "HCCL_ALGO", "RANK_ID",
            "RANK_SIZE",
            "DEVICE_ID", "RANK_TABLE_FILE", "SHMEM_UID_SESSION_ID",
        ]
        #expect(Set(referenced).subtracting(names) == [])
        let present = AscendVariable.present(in: ["HCCL_NEW": "1", "HCCL_ALGO": "x", "HCCL_BUFFSIZE": ""])
        #expect(present.map(\.name) == ["HCCL_ALGO", "HCCL_NEW"])
    }

    @Test("HCCL's time-outs are read with their ranges")
    func timeouts() throws {
        #expect(try AscendVariable.connectSeconds([:]) == nil)
        #expect(try AscendVariable.connectSeconds(["HCCL_CONNECT_TIMEOUT": "120"]) == 120)
        #expect(try AscendVariable.executionSeconds(["HCCL_EXEC_TIMEOUT": "0"]) == 86_400)
        #expect(try AscendVariable.executionSeconds(["HCCL_EXEC_TIMEOUT": "0.05"]) == 0.05)
        #expect(try AscendVariable.executionSeconds(["HCCL_EXEC_TIMEOUT": "1836"]) == 1836)
        for value in ["119", "7201", "x", "1e3", "-1"] {
            #expect(throws: EnvironmentError.self) {
                try AscendVariable.connectSeconds(["HCCL_CONNECT_TIMEOUT": value])
            }
        }
        for value in ["0.001", "nan", "1e3", "-1", "86401", "1.2.3", "99999999999999999999"] {
            #expect(throws: EnvironmentError.self) { try AscendVariable.executionSeconds(["HCCL_EXEC_TIMEOUT": value]) }
        }
    }
}
