import Foundation
import Glibc
import TestKit
import Testing

extension Commands {
    /// Runs that go on without ranks that are lost: real processes, killed, stopped, hanging, at named steps and by hand.
    @Suite("Going on without the dead")
    struct SurviveTests {
        private static let plansFolder = ClusterUnderTest.root + "/cluster/faults/"

        /// Shipped plans of runs that survive, and a word that their timeline has.
        static let plans: [(plan: String, word: String)] = [
            ("survive-kill", "was killed by signal 9"), ("survive-kill-in-dispatch", "enter epoch 1"),
            ("survive-kill-between-counts", "epoch 1: 3 of 4 ranks; rank 2 was killed by signal 9"),
            ("survive-kill-in-combine", "epoch 1: 3 of 4 ranks; rank 1 was killed by signal 9"),
            ("survive-stop", "longer than its lease"), ("survive-hang", "made no progress for"),
            ("survive-kill-in-recovery", "ranks 2, 3 enter epoch 2"),
        ]

        private func chaos(
            _ plan: String, _ more: [String] = [], dies: Int = 4, rounds: Int = 2
        ) throws -> (end: ClusterUnderTest.Ended, rows: [[String: Any]], last: [String: Any]) {
            let end = try ClusterUnderTest(
                [
                    "chaos", "--workload", "survive", "--survive", "--faults", plan, "--seed", "7", "--rounds",
                    "\(rounds)",
                    "--json", "--dies", "\(dies)",
                ] + more
            ).end()
            let rows = try end.outputLines.map { try end.object($0) }
            return (end, rows, try #require(rows.last, "\(end.messages)"))
        }

        @Test(
            "A shipped plan ends in agreed degradation: bit-exact over those that are left, and nothing else left",
            arguments: plans)
        func promised(plan: String, word: String) throws {
            let folder = try TestFolder()
            let history = folder.path + "/history"
            // A stopped rank keeps half a second; one that hangs half of the deadline.
            // A moment of the clock must come while ranks still work, however fast the machine.
            let rounds = plan == "survive-kill" ? 60 : 2
            let (end, rows, last) = try chaos(
                Self.plansFolder + plan + ".yaml",
                ["--history", history, "--deadline", plan == "survive-hang" ? "6" : "20"], rounds: rounds)
            #expect(end.code == 0 && end.leftovers == [], "\(end.messages) \(end.output)")
            #expect(last["violations"] as? [String] == [] && last["promises"] as? [String] == ["O3"], "\(last)")
            let outcomes = try #require(last["outcomes"] as? [String])
            #expect(outcomes.count == 10 * rounds && Set(outcomes).isSubset(of: ["O1", "O3"]), "\(outcomes)")
            // What came before is whole, what came after is not: no operation is of an epoch before another's.
            #expect(outcomes == outcomes.sorted(), "\(outcomes)")
            #expect(rows.contains { ($0["text"] as? String)?.contains(word) == true }, "\(end.output)")
            let check = try ClusterUnderTest(["check", history]).end()
            #expect(check.code == 0, "\(check.messages) \(check.output)")
        }

        @Test(
            "A rank that dies at any point of dispatch, combine, agreement and shrinking is left out, in the same way by all",
            arguments: [
                "dispatch.entry", "dispatch.row", "dispatch.counts", "dispatch.flag", "dispatch.wait", "dispatch.read",
                "combine.entry", "combine.row", "combine.flag", "combine.wait", "combine.read", "collective.entry",
                "agree.entry", "agree.post",
            ])
        func points(point: String) throws {
            let folder = try TestFolder()
            let plan = try folder.file(
                "plan.yaml",
                """
                format: softpod-faults/1
                name: point
                promise: [O1, O3]
                faults:
                  - {kind: crash, rank: any, at: {point: \(point), entry: 1}}

                """)
            let history = folder.path + "/history"
            let (end, _, last) = try chaos(plan, ["--history", history, "--rounds", "1"], dies: 3)
            #expect(end.code == 0 && end.leftovers == [], "\(end.messages) \(end.output)")
            #expect(last["violations"] as? [String] == [], "\(last)")
            let check = try ClusterUnderTest(["check", history]).end()
            #expect(check.code == 0, "\(check.messages) \(check.output)")
        }

        @Test("A second rank that dies at any point of the recovery is left out as well")
        func recovery() throws {
            let folder = try TestFolder()
            for point in ["shrink.entry", "agree.post", "shrink.clear", "shrink.build"] {
                let plan = try folder.file(
                    "\(point).yaml",
                    """
                    format: softpod-faults/1
                    name: second
                    promise: [O3]
                    faults:
                      - {kind: crash, rank: 2, at: {point: combine.row, entry: 4}}
                      - {kind: crash, rank: 0, at: {point: \(point), entry: 1}}

                    """)
                let (end, _, last) = try chaos(plan)
                #expect(end.code == 0 && end.leftovers == [], "\(point): \(end.messages) \(end.output)")
                #expect(last["violations"] as? [String] == [], "\(point): \(last)")
            }
        }

        @Test(
            "Texts are those of a run without faults when dies are killed under them, whichever had the requests, experts and keys",
            arguments: ["data", "kv-shards"])
        func texts(attention: String) throws {
            let folder = try TestFolder()
            let plan = try folder.file(
                "plan.yaml",
                """
                format: softpod-faults/1
                name: texts
                faults:
                  - {kind: crash, rank: 1, at: {point: combine.flag, entry: 90}}
                  - {kind: crash, rank: 3, at: {point: dispatch.row, entry: 150}}

                """)
            let generate = [
                "generate", "--model", ClusterUnderTest.austen, "--dies", "4", "--attention", attention, "--max-tokens",
                "24", "--json", "--prompt", "Elinor could not help", "--prompt", "She was", "--prompt", "Mr. Darcy",
                "--prompt", "It is a truth", "--prompt", "When", "--ignore-end",
            ]
            let whole = try ClusterUnderTest(generate).end()
            let survived = try ClusterUnderTest(generate + ["--survive", "--faults", plan]).end()
            #expect(survived.code == 0 && survived.leftovers == [], "\(survived.messages)")
            #expect(try survived.generated().map(\.ids) == whole.generated().map(\.ids))
            let last = try survived.object(survived.outputLines.last)
            #expect(last["lost"] as? [Int] == [1, 3] && last["complete"] as? Bool == true, "\(last)")
        }

        /// A long run, started and told to be under way.
        private func running(dies: Int, _ more: [String] = []) throws -> ClusterUnderTest {
            let cluster = try ClusterUnderTest(
                [
                    "run", "--dies", "\(dies)", "--operations", "2000", "--seed", "5", "--announce", "--json",
                    "survive",
                    "--survive",
                ] + more)
            try cluster.line(containing: "running")
            return cluster
        }

        /// What the end of a run must be, whichever ranks were lost.
        private func finished(_ cluster: ClusterUnderTest, lost: [Int], epoch: Int) throws {
            let end = try cluster.end()
            #expect(end.code == 0 && end.leftovers == [], "\(end.messages)")
            let last = try end.object(end.outputLines.last)
            #expect(last["lost"] as? [Int] == lost && last["epoch"] as? Int == epoch, "\(last)")
            #expect(last["violations"] as? Int == 0 && last["O2"] as? Int == 0, "\(last)")
            #expect((last["O1"] as? Int ?? 0) + (last["O3"] as? Int ?? 0) == 2000, "\(last)")
        }

        @Test("One of four and two of six that are killed by hand are left out, and the run ends well")
        func byHand() throws {
            let four = try running(dies: 4)
            try four.signal(process: 2, 9)
            try four.line(containing: "goes on in epoch 1")
            try finished(four, lost: [2], epoch: 1)
            let six = try running(dies: 6)
            try six.signal(process: 0, 9)
            try six.line(containing: "goes on in epoch 1")
            try six.signal(process: 5, 9)
            try six.line(containing: "goes on in epoch 2")
            try finished(six, lost: [0, 5], epoch: 2)
        }

        @Test("A process of two dies takes both with it, in one epoch")
        func wholeProcess() throws {
            let cluster = try running(dies: 6, ["--dies-per-process", "2"])
            try cluster.signal(process: 1, 9)
            try cluster.line(containing: "goes on in epoch 1")
            try finished(cluster, lost: [2, 3], epoch: 1)
        }

        @Test("A rank that is stopped beyond its lease does not come back when it is let go on")
        func zombie() throws {
            let cluster = try running(dies: 4, ["--lease", "0.1"])
            let pid = try cluster.signal(process: 3, 19)
            let line = try cluster.line(containing: "goes on in epoch 1")
            #expect(line.contains("was stopped for") && line.contains("longer than its lease"), "\(line)")
            // Its agent has waited for its end before the epoch began.
            _ = Glibc.kill(pid, 18)
            #expect(Glibc.kill(pid, 0) != 0 || errno == ESRCH || !cluster.marked().contains(pid))
            try finished(cluster, lost: [3], epoch: 1)
        }

        @Test("A rank that is stopped within its lease is waited for, and the epoch stays")
        func withinLease() throws {
            let cluster = try running(dies: 3, ["--lease", "100"])
            try cluster.signal(process: 1, 19)
            try cluster.signal(process: 1, 18)
            try finished(cluster, lost: [], epoch: 0)
        }

        @Test("Without --survive the same run ends with the first rank that is lost, in one line")
        func without() throws {
            let cluster = try ClusterUnderTest([
                "run", "--dies", "4", "--operations", "1000000", "--announce", "survive",
            ])
            try cluster.line(containing: "running")
            try cluster.signal(process: 2, 9)
            let end = try cluster.end()
            #expect(end.code == 75 && end.leftovers == [], "\(end.messages)")
            #expect(end.messages.contains { $0.contains("rank 2") && $0.contains("was killed by signal 9") })
        }

        @Test(
            "What cannot survive is refused before anything starts",
            arguments: [
                (
                    ["run", "--survive", "--dies", "2", "smoke"], Int32(64),
                    "goes with generate and the workload survive"
                ),
                (["chaos", "--survive", "--dies", "2"], 64, "goes with generate and the workload survive"),
                (["run", "--survive", "--lease", "0", "survive"], 64, "--lease"),
                (["run", "--operations", "0", "survive"], 64, "--operations"),
                (
                    ["run", "--survive", "--plain", "--hosts", "localhost:2,127.0.0.2:2", "survive"], 64,
                    "one host's ranks only"
                ), (["bench", "recovery", "--dies", "1"], 64, "no survivors"),
                (["bench", "recovery", "--repetitions", "0"], 64, "--repetitions"),
            ])
        func refused(arguments: [String], code: Int32, text: String) throws {
            let end = try ClusterUnderTest(arguments).end()
            #expect(end.code == code && end.output == "", "\(end.messages)")
            #expect(end.messages.contains { $0.contains(text) }, "\(end.messages)")
            #expect(end.leftovers == [])
        }

        @Test("bench recovery tells when it was noticed, agreed on and right again, in this order")
        func bench() throws {
            let end = try ClusterUnderTest([
                "bench", "recovery", "--dies", "3", "--repetitions", "2", "--lease", "0.1", "--json",
            ]).end()
            #expect(end.code == 0 && end.leftovers == [], "\(end.messages)")
            let rows = try end.outputLines.map { try end.object($0) }
            #expect(rows.map { $0["fault"] as? String } == ["kill", "stop"])
            for row in rows {
                let times = ["noticed", "agreed", "right"].map { row[$0 + "Milliseconds"] as? Double ?? -1 }
                #expect(times[0] > 0 && times == times.sorted(), "\(row)")
            }
        }
    }
}
