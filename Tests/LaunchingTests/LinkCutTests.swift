import Foundation
import TestKit
import Testing

extension RealClusters {
    /// The wire of a host is cut while the cluster works: for two seconds, as long as always heals, or for good.
    @Suite("Cut links", .namespaces)
    struct LinkCutTests {
        /// Starts on two namespaces; the wire of h2 is cut when ``cut()`` says so.
        private struct Wire {
            let folder: TestFolder
            let pipe: String
            let cluster: ClusterUnderTest

            init(_ arguments: [String], afterwards: String) throws {
                folder = try TestFolder()
                pipe = try folder.pipe("cut")
                let hub = "read -r word < \(pipe); ip link set h2 down; echo wire cut >&2; \(afterwards)"
                cluster = try ClusterUnderTest(arguments, hosts: 2, hub: hub)
            }

            func cut() throws {
                // For both ways, so that opening it waits for nobody.
                let handle = try #require(FileHandle(forUpdatingAtPath: pipe))
                try handle.write(contentsOf: Data("now\n".utf8))
                try cluster.line(containing: "wire cut")
            }
        }

        private static let twoSeconds = "sleep 2; ip link set h2 up; echo wire mended >&2"

        private func withoutWire(_ end: ClusterUnderTest.Ended) -> [String] {
            end.messages.filter {
                !$0.hasPrefix("wire ") && !$0.contains("transport.zmq: ") && !$0.contains(" checks, ")
            }
        }

        @Test("Dies in barriers go on after a cut of two seconds, and stop when they are asked to")
        func idle() throws {
            let wire = try Wire(["run", "--announce", "--dies", "4", "idle"], afterwards: Self.twoSeconds)
            for rank in 0..<4 { try wire.cluster.line(containing: "rank \(rank): looping") }
            try wire.cut()
            try wire.cluster.line(containing: "wire mended")
            wire.cluster.signalAgent(interrupt)
            let end = try wire.cluster.end()
            #expect(withoutWire(end) == ["softpod: stopped by SIGINT"])
            #expect(end.code == 130)
            expectNothingLeft(end)
        }

        @Test("Every check is exact over a cut of two seconds")
        func verify() throws {
            let wire = try Wire(["verify", "--dies", "16", "--seed", "7", "--json"], afterwards: Self.twoSeconds)
            try wire.cluster.line(containing: "transport.zmq: ")
            try wire.cut()
            let end = try wire.cluster.end()
            #expect(withoutWire(end) == [])
            #expect(end.code == 0)
            #expect(end.outputLines.count > 80 && end.outputLines.allSatisfy { $0.contains("\"wrong\":0,") })
            expectNothingLeft(end)
        }

        @Test("A cut of five seconds heals, the longest that always does: both directions have something under way")
        func longest() throws {
            let wire = try Wire(
                ["run", "--announce", "--dies", "4", "idle"],
                afterwards: "sleep 5; ip link set h2 up; echo wire mended >&2")
            for rank in 0..<4 { try wire.cluster.line(containing: "rank \(rank): looping") }
            try wire.cut()
            try wire.cluster.line(containing: "wire mended")
            // Past the end of the ladder, which began with the cut.
            #expect(wire.cluster.runs(milliseconds: 2_500), "\(wire.cluster.lines)")
            wire.cluster.signalAgent(interrupt)
            let end = try wire.cluster.end()
            #expect(withoutWire(end) == ["softpod: stopped by SIGINT"])
            #expect(end.code == 130)
            expectNothingLeft(end)
        }

        @Test("A cut that stays is a lost link, told on both sides with both hosts' names, and ends the run")
        func forGood() throws {
            let wire = try Wire(["run", "--announce", "--dies", "4", "idle"], afterwards: ":")
            for rank in 0..<4 { try wire.cluster.line(containing: "rank \(rank): looping") }
            try wire.cut()
            let end = try wire.cluster.end()
            for host in spaces {
                #expect(
                    end.messages.contains {
                        $0.contains("the link between hosts") && $0.contains("h1") && $0.contains("h2")
                            && $0.contains("is lost") && $0.contains("(seen from host \(host))")
                    }, "\(host): \(end.messages)")
            }
            #expect(end.headlines.count == 1, "\(end.messages)")
            #expect(end.code == 75)
            expectNothingLeft(end)
        }

        @Test("A host that cannot be reached from the start is named by the start's deadline, and told why as well")
        func blackHole() throws {
            let cluster = try ClusterUnderTest(
                ["run", "--dies", "4", "--start-deadline", "1", "smoke"], hosts: 2, hub: "ip link set h2 down")
            let end = try cluster.end()
            #expect(end.messages.contains { $0.contains("h2: its agent has not come") }, "\(end.messages)")
            #expect(end.messages.contains { $0.contains("host h2: ") && $0.contains("was not reached at tcp://10.") })
            #expect(end.messages.contains { $0.contains("host h1: refused: not all hosts were ready") })
            #expect(end.code == 75)
            expectNothingLeft(end)
        }
    }
}
