import TestKit
import Testing

extension RealClusters {
    /// Processes that somebody else's launcher starts: the variables alone make them one cluster.
    @Suite("Tasks of a launcher")
    struct AllocationRunTests {
        /// One task's variables.
        typealias Variables = [String: String]

        /// Starts a process a task and waits for all of them.
        private func run(
            _ tasks: [Variables], _ flags: [String] = ["--plain"], deadline: Int = 60
        ) throws -> [ClusterUnderTest.Ended] {
            let clusters = try tasks.map { variables in
                try ClusterUnderTest(
                    ["run", "--json", "--start-deadline", "\(deadline)"] + flags + ["smoke"],
                    setup: variables.map { "export \($0.key)='\($0.value)'" }.sorted().joined(separator: "; ") + "; :")
            }
            return try clusters.map { cluster in
                let end = try cluster.end()
                expectNothingLeft(end)
                return end
            }
        }

        private func slurm(_ task: Int, of nodes: Int, each: Int = 1, port: Int) -> Variables {
            [
                "SLURM_PROCID": "\(task)", "SLURM_NTASKS": "\(nodes * each)", "SLURM_LOCALID": "\(task % each)",
                "SLURM_NODEID": "\(task / each)", "SLURM_NNODES": "\(nodes)", "SLURM_STEP_NODELIST": "n[1-\(nodes)]",
                "SLURM_JOB_ID": "7", "SLURMD_NODENAME": "n\(task / each + 1)",
                "SLURM_STEP_TASKS_PER_NODE": "\(each)(x\(nodes))", "SOFTPOD_RENDEZVOUS": "127.0.0.1:\(port)",
            ]
        }

        /// The coordinator listens at the port after the master's.
        private func torch(_ rank: Int, of size: Int, port: Int) -> Variables {
            [
                "RANK": "\(rank)", "WORLD_SIZE": "\(size)", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "1",
                "SOFTPOD_RENDEZVOUS": "127.0.0.1:\(port)",
            ]
        }

        private func ascend(_ rank: Int, _ table: String, port: Int) -> Variables {
            ["RANK_TABLE_FILE": table, "RANK_ID": "\(rank)", "SOFTPOD_RENDEZVOUS": "127.0.0.1:\(port)"]
        }

        /// A rank table of two servers with a device each.
        private func table(second: String) -> String {
            func server(_ id: String, _ rank: Int) -> String {
                """
                {"server_id": "\(id)", "device": [{"device_id": "0", "device_ip": "192.168.0.\(rank + 1)", \
                "rank_id": "\(rank)"}]}
                """
            }
            return """
                {"version": "1.0", "server_count": "2", "status": "completed", "server_list": [
                \(server("10.0.0.1", 0)), \(server(second, 1))]}
                """
        }

        private func expectRun(_ ends: [ClusterUnderTest.Ended], dies: Int) {
            for end in ends { #expect(end.code == 0 && end.messages == [], "\(end.messages)") }
            #expect(ends[0].output.contains("\"dies\":\(dies),") && ends[0].output.contains("\"wrong\":0"))
            for end in ends.dropFirst() { #expect(end.output == "") }
        }

        /// All tasks end with a code of ours, and each of them tells this.
        private func expectRefusal(
            _ ends: [ClusterUnderTest.Ended], _ text: String, from location: SourceLocation = #_sourceLocation
        ) {
            for (task, end) in ends.enumerated() {
                #expect(
                    end.code.map { (64...78).contains($0) } == true, "task \(task): \(end)", sourceLocation: location)
                #expect(
                    end.messages.contains { $0.contains(text) }, "task \(task): \(end.messages)",
                    sourceLocation: location)
                #expect(end.output == "", sourceLocation: location)
            }
        }

        @Test("Slurm's variables: nodes of one task and of two, and more dies than tasks", arguments: [1, 2])
        func slurmRuns(each: Int) throws {
            for dies in [2 * each, 4 * each] {
                let port = try freePort()
                let tasks = (0..<2 * each).map { slurm($0, of: 2, each: each, port: port) }
                expectRun(try run(tasks, ["--plain", "--dies", "\(dies)"]), dies: dies)
            }
        }

        @Test("torchrun's variables, whichever of the tasks comes first")
        func torchRuns() throws {
            for order in [[0, 1, 2], [2, 1, 0]] {
                let port = try freePort()
                let ends = try run(order.map { torch($0, of: 3, port: port) })
                expectRun(order == [0, 1, 2] ? ends : ends.reversed(), dies: 3)
            }
        }

        @Test("A rank table and a rank, with a key file that all nodes have")
        func ascendRuns() throws {
            let folder = try TestFolder()
            let table = try folder.file("table.json", table(second: "10.0.0.2"))
            let keys = folder.path + "/keys"
            #expect(try ClusterUnderTest(["keys", "write", keys]).end().code == 0)
            let port = try freePort()
            let tasks = (0..<2).map { rank in ascend(rank, table, port: port).merging(["SOFTPOD_KEYS": keys]) { $1 } }
            expectRun(try run(tasks, []), dies: 2)
        }

        @Test("Duplicate ranks are told to all")
        func duplicate() throws {
            let port = try freePort()
            let ends = try run([0, 1, 1].map { torch($0, of: 3, port: port) }, deadline: 20)
            expectRefusal(ends, "duplicate ranks: task 1 is both host")
            let coordinators = try run([0, 0].map { torch($0, of: 2, port: port) }, deadline: 1)
            #expect(Set(coordinators.map(\.code)) == [74, 75], "\(coordinators.map(\.messages))")
            #expect(coordinators.contains { $0.messages.contains { $0.contains("Address already in use") } })
        }

        @Test("A missing task is told to all that came, and a missing coordinator as well")
        func missing() throws {
            let port = try freePort()
            let ends = try run([0, 2].map { slurm($0, of: 3, port: port) }, deadline: 1)
            expectRefusal(ends, "agents have come for 2 of 3 tasks, those of n")
            let alone = try run([slurm(1, of: 2, port: freePort())], deadline: 1)
            expectRefusal(alone, "host n2: the coordinator at tcp://127.0.0.1:")
        }

        @Test("Jobs of different sizes are told to all")
        func sizes() throws {
            let port = try freePort()
            let ends = try run([torch(0, of: 2, port: port), torch(1, of: 3, port: port)], deadline: 20)
            expectRefusal(ends, "has tasks 1 to 1 of 3, the coordinator 2 in all: not the same job")
        }

        @Test("A rank table that is another on one host is told to all")
        func staleTable() throws {
            let folder = try TestFolder()
            let tables = [
                try folder.file("new.json", table(second: "10.0.0.2")),
                try folder.file("old.json", table(second: "10.0.0.3")),
            ]
            let port = try freePort()
            let ends = try run((0..<2).map { ascend($0, tables[$0], port: port) }, deadline: 20)
            expectRefusal(ends, "has another topology or rank table than the coordinator")
        }

        @Test("Key files that differ, or that are not there, let nobody in, and all are told")
        func keys() throws {
            let folder = try TestFolder()
            let keys = ["a", "b"].map { folder.path + "/" + $0 }
            for path in keys { #expect(try ClusterUnderTest(["keys", "write", path]).end().code == 0) }
            let port = try freePort()
            let tasks = (0..<2).map { rank in
                torch(rank, of: 2, port: port).merging(["SOFTPOD_KEYS": keys[rank]]) { $1 }
            }
            expectRefusal(try run(tasks, [], deadline: 1), "a wrong key for the coordinator")
            let without = try run((0..<2).map { torch($0, of: 2, port: port) }, [], deadline: 1)
            expectRefusal(without, "need a key file that all nodes have: --keys FILE or $SOFTPOD_KEYS")
        }
    }
}
