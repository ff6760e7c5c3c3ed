import Foundation
import TestKit
import Testing

extension RealClusters {
    /// Runs over several hosts that go well.
    @Suite("Runs over hosts")
    struct HostRunTests {
        private func check(_ end: ClusterUnderTest.Ended, dies: Int, processes: Int) throws {
            #expect(end.messages == [])
            #expect(end.code == 0)
            expectNothingLeft(end)
            let row = try #require(
                try JSONSerialization.jsonObject(with: Data(end.output.utf8)) as? [String: Any], "\(end.output)")
            #expect(row["dies"] as? Int == dies)
            #expect(row["processes"] as? Int == processes)
            #expect(row["wrong"] as? Int == 0)
        }

        @Test(
            "Smoke passes on hosts that are addresses of the loop, with keys and without",
            arguments: [
                (["--hosts", "localhost:2,127.0.0.2:2"], 4, 4),
                (["--hosts", "localhost:1,127.0.0.2:4", "--dies-per-process", "2"], 5, 3),
                (["--hosts", "127.0.0.[1-4]:1", "--plain"], 4, 4),
                (["--hosts", "localhost:3"], 3, 3),
            ])
        func loopback(flags: [String], dies: Int, processes: Int) throws {
            let cluster = try ClusterUnderTest(["run", "--json"] + flags + ["smoke"])
            try check(cluster.end(), dies: dies, processes: processes)
        }

        @Test("Smoke passes on a host behind a remote shell, whether the shell stays or becomes the agent")
        func remoteShell() throws {
            for shell in ["exec sh -c \"$2\"", "sh -c \"$2\"; exit $?"] {
                let far = try FarHost(far: shell)
                let cluster = try ClusterUnderTest(["run", "--json"] + far.flags + ["smoke"])
                try check(cluster.end(), dies: 4, processes: 4)
            }
        }

        @Test("Smoke passes on namespaces", .namespaces, arguments: [(2, 4, 1), (4, 10, 2)])
        func namespaces(hosts: Int, dies: Int, each: Int) throws {
            let cluster = try ClusterUnderTest(
                ["run", "--json", "--dies", "\(dies)", "--dies-per-process", "\(each)", "smoke"], hosts: hosts)
            // Ten dies on four hosts: 3, 3, 2 and 2, so two, two, one and one processes.
            try check(cluster.end(), dies: dies, processes: each == 1 ? dies : 6)
        }

        @Test("A supernode of 384 dies, a process each, over four namespaces starts, meets and stops", .namespaces)
        func supernode() throws {
            let cluster = try ClusterUnderTest(["run", "--json", "--dies", "384", "smoke"], hosts: 4)
            try check(cluster.end(), dies: 384, processes: 384)
        }
    }
}
