import Fabric
import Foundation
import Launching
import SharedMemory
import TestKit
import Testing

extension RealClusters {
    /// `info --live`: clusters that run are found and read from outside, whatever state they are in.
    @Suite("Live clusters")
    struct LiveTests {
        private static func object(_ line: Substring) throws -> [String: Any] {
            try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
        }

        /// The last object of `info --live AGENT --json`, and its rows, when it names a root; a wait shows after a while.
        private func look(
            _ agent: Int32, until isThere: ([String: Any]) -> Bool
        ) throws -> (rows: [[String: Any]], last: [String: Any]) {
            for _ in 0..<50 {
                let end = try ClusterUnderTest(["info", "--live", "\(agent)", "--json"]).end()
                #expect(end.code == 0, "\(end.messages)")
                let objects = try end.outputLines.map { try Self.object($0) }
                let runs = objects.split { $0["diagnosis"] != nil }.map(Array.init)
                for (rows, last) in zip(runs, objects.filter { $0["diagnosis"] != nil }) where isThere(last) {
                    return (rows, last)
                }
            }
            throw ClusterUnderTest.HarnessError("what is looked for never shows")
        }

        /// Until all ranks of `run idle` are in their loop.
        private func awaitLoop(_ agent: Int32) throws {
            for _ in 0..<200 {
                // Before there is a segment there is no run to look at.
                let end = try ClusterUnderTest(["info", "--live", "\(agent)", "--json"]).end()
                let phases = try end.outputLines.map { try Self.object($0)["phase"] as? String }
                if phases.count > 1, phases.dropLast().allSatisfy({ $0 == "barrier loop" }) { return }
            }
            throw ClusterUnderTest.HarnessError("the ranks do not come to their loop")
        }

        @Test("A stopped rank is the root: who waits for it, in what and since when")
        func stopped() throws {
            let cluster = try ClusterUnderTest(["run", "idle", "--dies", "4"])
            let rank = try cluster.rank(2)
            try awaitLoop(cluster.agent)
            cluster.signal(pid: rank, SIGSTOP)
            let (rows, last) = try look(cluster.agent) {
                $0["root"] as? Int == 2 && ($0["waiters"] as? [Int])?.count == 3
            }
            #expect(last["waiters"] as? [Int] == [0, 1, 3] && last["cycle"] as? [Int] == [])
            let text = try #require(last["diagnosis"] as? String)
            #expect(text.contains("rank 2 (pid \(rank)) is stopped, in phase barrier loop"), "\(text)")
            #expect(
                text.contains("ranks 0-1, 3 wait for it, the longest for ") && text.contains("it did nothing in"),
                "\(text)")
            let waiting = try #require(rows.first { $0["rank"] as? Int == 0 })
            #expect(waiting["waitsIn"] as? String == "barrier" && waiting["waitsFor"] as? String == "2", "\(waiting)")
            #expect(waiting["sinceMilliseconds"] is Int && waiting["word"] is Int)
            cluster.signal(pid: rank, SIGCONT)
            cluster.signalAgent(SIGINT)
            #expect(try cluster.end().leftovers == [])
        }

        @Test("A rank that is killed while its agent is stopped is seen as gone")
        func killed() throws {
            let cluster = try ClusterUnderTest(["run", "idle", "--dies", "3"])
            let rank = try cluster.rank(1)
            try awaitLoop(cluster.agent)
            cluster.signalAgent(SIGSTOP)
            cluster.signal(pid: rank, SIGKILL)
            let (rows, last) = try look(cluster.agent) { $0["root"] as? Int == 1 }
            #expect((last["diagnosis"] as? String)?.contains("rank 1 (pid \(rank)) is gone") == true, "\(last)")
            #expect(rows.first { $0["rank"] as? Int == 1 }?["state"] as? String == "gone", "\(rows)")
            cluster.signalAgent(SIGCONT)
            let end = try cluster.end()
            #expect(end.code == 75 && end.leftovers == [], "\(end.messages)")
            #expect(end.messages.contains { $0.contains("rank 1 (pid \(rank)) was killed by signal 9") })
        }

        @Test("A planted circle of waits is found, in another process")
        func circle() throws {
            let watch = CircleWatch()
            let thread = Thread { watch.run() }
            thread.start()
            defer { watch.release() }
            let (rows, last) = try look(getpid()) { ($0["cycle"] as? [Int])?.count == 3 }
            #expect(Set(try #require(last["cycle"] as? [Int])) == [0, 1, 2] && last["root"] is NSNull)
            let text = try #require(last["diagnosis"] as? String)
            #expect(text.hasPrefix("a circle: ") && text.contains("(in wait) waits for rank "), "\(text)")
            #expect(rows.count == 4)
        }

        @Test("An agent that there is not is refused, and so is what is no number")
        func refused() throws {
            for (name, code, text) in [("1", Int32(66), "no agent of this user"), ("x", 64, "process id")] {
                let end = try ClusterUnderTest(["info", "--live", name]).end()
                #expect(end.code == code && end.messages.contains { $0.contains(text) }, "\(end.messages)")
            }
        }
    }
}

/// Three dies, threads of this process, each of which waits for the next, and a fourth that lets them go.
private final class CircleWatch: Sendable {
    private let isReleased = Gate()
    private let hasEnded = Gate()

    func release() {
        isReleased.open()
        hasEnded.pass()
    }

    func run() {
        defer { hasEnded.open() }
        do {
            let outcome = try ThreadCluster.run(dies: 4, timeout: .seconds(120), split: .oneHost(dies: 4)) { world in
                let endpoint = world.endpoint
                endpoint.control.process = Int(getpid())
                let word = try world.allocate(byteCount: 64)
                guard world.rank == 3 else {
                    _ = try endpoint.wait(
                        at: word.offset, until: .equal, 1, peer: world[(world.rank + 1) % 3], operation: .wait)
                    return
                }
                self.isReleased.pass()
                for rank in 0..<3 { try endpoint.signal(.set, 1, at: Rank(rank), word.offset) }
            }
            #expect(outcome.errors.isEmpty, "\(outcome.errors)")
        } catch { Issue.record(error) }
    }
}

/// What threads wait at until it is opened, once.
private final class Gate: @unchecked Sendable {
    private let condition = NSCondition()
    private var isOpen = false

    func open() {
        condition.lock()
        isOpen = true
        condition.broadcast()
        condition.unlock()
    }

    func pass() {
        condition.lock()
        while !isOpen { condition.wait() }
        condition.unlock()
    }
}
