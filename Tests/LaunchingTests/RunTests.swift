import Foundation
import TestKit
import Testing

extension RealClusters {
    /// Runs that go well, runs that cannot, and what earlier runs left.
    @Suite("Runs")
    struct RunTests {
        @Test(
            "Smoke passes for every way to put dies into processes",
            arguments: [(1, 1), (2, 1), (4, 4), (5, 1), (5, 4), (16, 1), (16, 4), (96, 1)])
        func smoke(dies: Int, diesPerProcess: Int) throws {
            let cluster = try ClusterUnderTest([
                "run", "--dies", "\(dies)", "--dies-per-process", "\(diesPerProcess)", "--json", "smoke",
            ])
            try check(cluster.end(), dies, diesPerProcess)
        }

        @Test(
            "A whole supernode starts: 384 dies as 384 processes, 768 with 8 a process",
            arguments: [(384, 1), (768, 8)])
        func supernode(dies: Int, diesPerProcess: Int) throws {
            let cluster = try ClusterUnderTest([
                "run", "--dies", "\(dies)", "--dies-per-process", "\(diesPerProcess)", "--json", "smoke",
            ])
            try check(cluster.end(), dies, diesPerProcess)
        }

        private func check(_ end: ClusterUnderTest.Ended, _ dies: Int, _ diesPerProcess: Int) throws {
            #expect(end.messages == [])
            #expect(end.code == 0)
            #expect(end.leftovers == [])
            #expect(end.files == [])
            let row = try #require(
                try JSONSerialization.jsonObject(with: Data(end.output.utf8)) as? [String: Any], "\(end.output)")
            #expect(row["dies"] as? Int == dies)
            #expect(row["processes"] as? Int == (dies + diesPerProcess - 1) / diesPerProcess)
            #expect(row["wrong"] as? Int == 0)
            #expect(row["kind"] as? String == "measured")
        }

        @Test(
            "What cannot be launched is refused in one line",
            arguments: [
                (["--dies", "4", "--window-bytes", "17179869185"], ":", 64, "a window of 17179869185 bytes"),
                (["--dies", "4096", "--window-bytes", "16G"], ":", 69, "not enough shared memory"),
                (["--dies", "4"], "ulimit -n 20", 71, "need 52 open descriptors, the limit is 20"),
                (["--dies", "1"], "ulimit -n 8", 71, "need 43 open descriptors, the limit is 8"),
                (["--dies", "64"], "ulimit -n 200", 71, "need 232 open descriptors, the limit is 200"),
                (
                    ["--dies", "4"], "export TMPDIR=/proc XDG_RUNTIME_DIR=/proc", 71,
                    "cannot make a run folder in /proc"
                ),
                (["--dies", "2", "--start-deadline", "0.001"], ":", 75, "rank processes did not connect in time"),
            ])
        func refusals(options: [String], setup: String, code: Int32, text: String) throws {
            let cluster = try ClusterUnderTest(["run"] + options + ["smoke"], setup: setup)
            let end = try cluster.end()
            #expect(end.messages.count == 1, "\(end.messages)")
            #expect(end.messages.first?.contains(text) == true, "\(end.messages)")
            #expect(end.code == code)
            #expect(end.leftovers == [])
            #expect(end.files == [])
        }

        @Test("Just enough descriptors are enough")
        func descriptors() throws {
            let cluster = try ClusterUnderTest(["run", "--dies", "16", "--json", "smoke"], setup: "ulimit -n 88")
            try check(cluster.end(), 16, 1)
        }

        @Test("A folder too long for a socket's name is passed over")
        func longFolder() throws {
            let long = "/" + String(repeating: "x", count: 200)
            let cluster = try ClusterUnderTest(
                ["run", "--dies", "2", "--json", "smoke"],
                setup: "export TMPDIR=$TMPDIR\(long); mkdir $TMPDIR; export XDG_RUNTIME_DIR=$TMPDIR")
            let end = try cluster.end()
            #expect(end.messages == [])
            #expect(end.code == 0)
        }

        @Test("Closed standard files, a reader that leaves, and a full disk do not hurt the ranks")
        func standardFiles() throws {
            for setup in ["exec <&-", "exec 0<&- 2>/dev/null"] {
                let cluster = try ClusterUnderTest(["run", "--dies", "3", "--json", "smoke"], setup: setup)
                try check(cluster.end(), 3, 1)
            }
            let program = try ClusterUnderTest.executable()
            for redirection in [">&-", ">&- 2>&- <&-", "| head -c 1 >/dev/null"] {
                // The shell stays, and tells the code; the harness' own redirection is the shell's.
                let cluster = try ClusterUnderTest(
                    ["--version"],
                    setup: """
                        \(program) generate --model \(ClusterUnderTest.austen) --dies 3 --ep 1 --max-tokens 8 --json \
                        \(redirection) || exit 3
                        """)
                let end = try cluster.end()
                #expect(end.code == 0, "\(redirection): \(end.messages)")
                #expect(end.messages.filter { !$0.contains("dies (") } == [], "\(redirection)")
                #expect(end.leftovers == [])
            }
        }

        @Test("The next start removes a run folder whose owner is gone, and leaves those of the living")
        func janitor() throws {
            let abandoned = "softpod-\(getuid())-AAAAAA"
            let foreign = "softpod-\(getuid() + 1)-BBBBBB"
            let live = "softpod-\(getuid())-CCCCCC"
            let setup = """
                for name in \(abandoned) \(foreign) \(live); do mkdir -m 700 $TMPDIR/$name; touch $TMPDIR/$name/lock; \
                touch $TMPDIR/$name/agent; done; exec 9>$TMPDIR/\(live)/lock; flock 9
                """
            let cluster = try ClusterUnderTest(["run", "--dies", "2", "smoke"], setup: setup)
            let end = try cluster.end()
            #expect(end.code == 0)
            #expect(
                Set(end.leftovers)
                    == [foreign, foreign + "/agent", foreign + "/lock", live, live + "/agent", live + "/lock"])
        }

        @Test(
            "A rank process started by hand ends with a code, not a trap",
            arguments: [
                (["--process", "0"], "exec 3</dev/null", 76), (["--process", "0"], "exec 3</dev/zero", 76),
                (["--process", "0"], "exec 3</etc/passwd", 76), (["--process", "0"], "exec 3<&-", 71),
                (["--process", "9223372036854775807"], "exec 3</dev/null", 76), (["--process", "x"], ":", 64),
                (["--process", "99999999999999999999"], ":", 64), ([], ":", 64),
            ])
        func byHand(options: [String], setup: String, code: Int32) throws {
            let program = try ClusterUnderTest.executable()
            let words =
                [program, "rank", "--address", "nowhere", "--folder", "/nowhere", "--deadline-milliseconds", "1"]
                + ["--route", "transport.shm"] + options
            let cluster = try ClusterUnderTest(
                ["--version"], setup: "\(setup); \(words.joined(separator: " ")); exit $?")
            let end = try cluster.end()
            #expect(end.code == code)
            #expect(!end.messages.contains { $0.contains("Fatal error") }, "\(end.messages)")
            #expect(end.leftovers == [])
        }

        @Test("What a lost rank wrote is kept and named; what others did not write is not kept")
        func log() throws {
            // One rank process finds its trap under way and says so; the others say nothing.
            let cluster = try looping(4)
            let abort: Int32 = 6
            try cluster.signal(process: 2, abort)
            let end = try cluster.end()
            let report = try #require(end.messages.first)
            #expect(end.messages.count == 1, "\(end.messages)")
            #expect(report.contains("rank 2 (pid "), "\(report)")
            #expect(report.contains("signal 6 (SIGABRT)"), "\(report)")
            #expect(end.code == 75)
            let logs = end.files.filter { $0.hasSuffix(".log") }
            #expect(logs.count == (report.contains("its log is empty") ? 0 : 1), "\(end.files): \(report)")
            for log in logs { #expect(report.contains(log), "\(report)") }
        }
    }
}
