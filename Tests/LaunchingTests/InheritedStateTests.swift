import TestKit
import Testing

extension RealClusters {
    /// What a parent can leave in a process that it starts: none of it may change what a run does, or end it without a line.
    @Suite("Inherited state")
    struct InheritedStateTests {
        /// States in which everything goes as usual.
        static let harmless: [(state: String, setup: String, words: String)] = [
            ("SIGCHLD ignored", "trap '' CHLD", ""),
            ("every signal ignored", "trap '' HUP INT QUIT TERM CHLD USR1 ALRM PIPE", ""),
            ("every signal blocked", "", "block=all"), ("a umask that takes everything", "umask 0777", ""),
            ("a deleted working directory", "mkdir $TMPDIR/gone; cd $TMPDIR/gone; rmdir $TMPDIR/gone", ""),
            ("no pidfds, as old kernels have it", "", "deny=pidfd_open:ENOSYS"),
            ("no pidfds, as a sandbox has it", "", "deny=pidfd_open"),
            ("a system that does not let it wait for children", "", "deny=waitid:ECHILD"),

            ("no waiting on two words", "", "deny=futex_waitv"), ("no anonymous files", "", "deny=memfd_create"),
            ("no affinity", "", "deny=sched_getaffinity"), ("no prctl", "", "deny=prctl"),
            ("standard input closed", "exec <&-", ""), ("standard error full", "exec 2>/dev/full", ""),
        ]

        /// Ways to launch, over one host and over two that are this machine.
        static let launches = [["--dies", "3"], ["-H", "localhost:2,127.0.0.2:1"]]

        @Test("Everything goes as usual", arguments: harmless, launches)
        func usual(state: (state: String, setup: String, words: String), launch: [String]) throws {
            var setup = state.setup.isEmpty ? ":" : state.setup
            if !state.words.isEmpty { setup += "; " + (try ClusterUnderTest.inheriting(state.words)) }
            let end = try ClusterUnderTest(["run", "--json"] + launch + ["smoke"], setup: setup).end()
            #expect(end.code == 0, "\(state.state): \(end.messages)")
            #expect(end.messages == [], "\(state.state)")
            #expect(end.output.contains("\"wrong\":0"), "\(state.state)")
            #expect(end.leftovers == [], "\(state.state)")
        }

        @Test("The text is the usual one", arguments: ["trap '' CHLD", "umask 0777", "ulimit -s 256"])
        func text(setup: String) throws {
            let command = ["generate", "--model", ClusterUnderTest.austen, "--dies", "2", "--max-tokens", "4"]
            let usual = try ClusterUnderTest(command).end()
            let end = try ClusterUnderTest(command, setup: setup).end()
            #expect(end.code == 0, "\(setup): \(end.messages)")
            #expect(end.outputLines.first == usual.outputLines.first && usual.code == 0, "\(setup)")
            #expect(end.leftovers == [], "\(setup)")
        }

        @Test(
            "Without /proc a run goes as usual", .enabled(if: ClusterUnderTest.privilegeObstacle == nil),
            arguments: launches)
        func noProc(launch: [String]) throws {
            let setup = ClusterUnderTest.mounting("mount -t tmpfs none /proc")
            let end = try ClusterUnderTest(["run", "--json"] + launch + ["smoke"], setup: setup).end()
            #expect(end.code == 0 && end.messages == [], "\(end.messages)")
            #expect(end.output.contains("\"wrong\":0"))
            #expect(end.leftovers == [])
            let wrong = try ClusterUnderTest(["run", "--bogus", "smoke"], setup: setup).end()
            #expect(wrong.code == 64 && wrong.messages.first?.contains("--bogus") == true, "\(wrong.messages)")
        }

        @Test(
            "What the system refuses is said in a line, and nothing has begun",
            arguments: [
                ("deny=eventfd2", "cannot make an event", 71), ("deny=signalfd4", "cannot receive signals", 71),
                ("deny=clone3:EPERM", "the system refuses a thread", 71),
                ("deny=epoll_create1", "cannot make a set of descriptors to poll", 71),
                ("deny=pidfd_open deny=waitid", "the system denies both pidfd_open and waitid", 71),
            ])
        func refused(words: String, line: String, code: Int32) throws {
            let setup = try ClusterUnderTest.inheriting(words)
            let end = try ClusterUnderTest(["run", "--dies", "2", "smoke"], setup: setup).end()
            #expect(end.code == code, "\(words): \(end.messages)")
            #expect(
                end.messages.contains { $0.hasPrefix("softpod: ") && $0.contains(line) }, "\(words): \(end.messages)")
            #expect(end.output == "" && end.leftovers == [], "\(words)")
        }

        @Test(
            "What the messaging library needs is tried by every command that uses it",
            arguments: ["deny=eventfd2", "deny=epoll_create1", "deny=clone3:EPERM"],
            [
                ["run", "--hosts", "localhost:1,127.0.0.2:1", "smoke"], ["verify", "--fuzz", "29"],
                ["bench", "link", "--bytes", "64K", "--repetitions", "3"],
            ])
        func refusedElsewhere(words: String, command: [String]) throws {
            let end = try ClusterUnderTest(command, setup: try ClusterUnderTest.inheriting(words)).end()
            #expect(end.code == 71, "\(end.messages)")
            #expect(end.messages.contains { $0.hasPrefix("softpod: ") }, "\(end.messages)")
            #expect(end.leftovers == [] && end.files == [], "\(end.files)")
        }

        @Test(
            "An address space too small for the library's threads is said, and nothing is left",
            arguments: [80_000, 85_000, 90_000])
        func smallAddressSpace(kilobytes: Int) throws {
            let end = try ClusterUnderTest(["run", "--dies", "2", "smoke"], setup: "ulimit -v \(kilobytes)").end()
            #expect(end.code == 71 || end.code == 69 || end.code == 0, "\(end.messages)")
            #expect(end.code == 0 || !end.messages.isEmpty)
            #expect(end.leftovers == [] && end.files == [], "\(end.files)")
        }

        @Test(
            "Limits on files and descriptors are said in a line",
            arguments: ["-f 8", "-f 0", "-n 40"])
        func limits(limit: String) throws {
            let end = try ClusterUnderTest(["run", "--dies", "8", "smoke"], setup: "ulimit \(limit)").end()
            #expect(end.code.map { (64...78).contains($0) } == true, "\(limit): \(end.signal ?? 0), \(end.messages)")
            #expect(end.messages.contains { $0.hasPrefix("softpod: ") }, "\(limit): \(end.messages)")
            #expect(end.leftovers == [], "\(limit)")
        }

        @Test(
            "A limit on a user's processes is said before anything is started",
            .enabled(if: ClusterUnderTest.privilegeObstacle == nil), arguments: [8, 20])
        func processes(limit: Int) throws {
            let setup = try ClusterUnderTest.unprivileged("ulimit -u \(limit) 2>/dev/null || ulimit -p \(limit)")
            let end = try ClusterUnderTest(["run", "--dies", "4", "smoke"], setup: setup).end()
            #expect(end.code == 71, "\(end.messages)")
            #expect(end.messages.count == 1 && end.messages[0].contains("need 21 threads"), "\(end.messages)")
            #expect(end.messages.first?.contains("(ulimit -u)") == true)
            #expect(end.leftovers == [])
        }

        @Test("Another user without privileges runs as usual", .enabled(if: ClusterUnderTest.privilegeObstacle == nil))
        func unprivileged() throws {
            let end = try ClusterUnderTest(
                ["run", "--json", "--dies", "2", "smoke"], setup: try ClusterUnderTest.unprivileged(":")
            ).end()
            #expect(end.code == 0 && end.messages == [], "\(end.messages)")
            #expect(end.leftovers == [])
        }

        @Test(
            "What was ignored stays ignored, and another signal still ends the run",
            arguments: [("HUP", 1), ("INT", 2)])
        func ignored(name: String, ignored: Int32) throws {
            let cluster = try ClusterUnderTest(["run", "--announce", "--dies", "2", "idle"], setup: "trap '' \(name)")
            try cluster.line(containing: "softpod: running")
            // Both are pending together, and the system hands out the lower number first: had the first been taken, it would be named.
            cluster.signalAgent(ignored)
            cluster.signalAgent(terminate)
            let end = try cluster.end()
            #expect(end.messages == ["softpod: stopped by SIGTERM"])
            #expect(end.code == 143 && end.leftovers == [])
        }

        @Test("A rank that cannot be waited for has ended for an unknown cause")
        func unknownEnd() throws {
            let setup = try ClusterUnderTest.inheriting("deny=waitid:ECHILD")
            let cluster = try ClusterUnderTest(["run", "--announce", "--dies", "3", "idle"], setup: setup)
            try cluster.line(containing: "softpod: running")
            let pid = try cluster.signal(process: 1, kill)
            let end = try cluster.end()
            #expect(
                end.messages.first?.hasPrefix("softpod: rank 1 (pid \(pid)) ended, cause unknown") == true,
                "\(end.messages)")
            #expect(end.code == 75 && end.leftovers == [])
        }

        @Test("Deaths are seen without pidfds", arguments: [true, false])
        func deathWithoutPidfds(isAgent: Bool) throws {
            let cluster = try ClusterUnderTest(
                ["run", "--announce", "--dies", "3", "idle"], setup: try ClusterUnderTest.inheriting("deny=pidfd_open"))
            for rank in 0..<3 { try cluster.line(containing: "rank \(rank): looping") }
            let pid = try isAgent ? cluster.agent : cluster.rank(2)
            if isAgent {
                // One that is stopped as well; and a signal to go on (SIGCONT) is not yet the agent's death.
                try cluster.signal(process: 0, 18)
                try cluster.signal(process: 1, stop)
                cluster.signalAgent(kill)
            } else {
                try cluster.signal(process: 2, kill)
            }
            let end = try cluster.end()
            let name = isAgent ? "the agent (pid \(pid)) died in phase " : "rank 2 (pid \(pid)) was killed by signal 9"
            #expect(end.messages.count == 1 && end.messages[0].contains(name), "\(end.messages)")
            #expect(isAgent ? end.signal == kill : end.code == 75)
            #expect(end.leftovers == [])
        }
    }
}
