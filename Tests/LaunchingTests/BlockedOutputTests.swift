import TestKit
import Testing

extension RealClusters {
    /// Readers that do not read: a supervisor sees its ranks and its signals all the same.
    @Suite("Output that blocks")
    struct BlockedOutputTests {
        private func generating(blocked stream: Int, tokens: Int = 2000) throws -> ClusterUnderTest {
            let cluster = try ClusterUnderTest(
                [
                    "generate", "--model", ClusterUnderTest.austen, "--dies", "2", "--max-tokens", "\(tokens)",
                    "--ignore-end",
                    "--prompt", "It was", "--prompt", "Emma",
                ], setup: ClusterUnderTest.blocked(stream))
            _ = try cluster.rank(1)
            return cluster
        }

        @Test("With standard output full, signals end the run and a dead rank is named", arguments: [2, 15, 1, 9])
        func output(number: Int32) throws {
            let cluster = try generating(blocked: 1)
            if number == kill { try cluster.signal(process: 1, kill) } else { cluster.signalAgent(number) }
            let end = try cluster.end()
            #expect(end.code == (number == kill ? 75 : 128 + number), "\(end.messages)")
            let word = number == kill ? "was killed by signal 9" : "stopped by SIG"
            #expect(end.messages.contains { $0.contains(word) }, "\(end.messages)")
            #expect(end.leftovers == [])
        }

        @Test(
            "With standard error full, signals and deaths end the run, and no rank stays when the agent is killed",
            arguments: [(15, 0), (9, 1), (9, 0)])
        func errors(number: Int32, victim: Int) throws {
            let cluster = try ClusterUnderTest(
                ["run", "--dies", "4", "idle"], setup: ClusterUnderTest.blocked(2))
            if victim > 0 {
                try cluster.signal(process: victim, number)
            } else {
                _ = try cluster.rank(3)
                cluster.signalAgent(number)
            }
            let end = try cluster.end()
            if victim == 0, number == kill {
                #expect(end.signal == kill)
            } else {
                #expect(end.code == (victim > 0 ? 75 : 143))
            }
            #expect(end.leftovers == [])
        }

        @Test("After a run that went well a reader that is late is waited for, until a signal says otherwise")
        func lateReader() throws {
            let cluster = try ClusterUnderTest(
                ["run", "--announce", "--dies", "2", "--json", "smoke"], setup: ClusterUnderTest.blocked(1))
            try cluster.line(containing: "softpod: running")
            try cluster.remain(1)
            // Ctrl-Z stops the wait and does not end it.
            cluster.signalAgent(20)
            try cluster.state(of: cluster.agent, oneOf: "T")
            cluster.signalAgent(18)
            try cluster.state(of: cluster.agent, oneOf: "S")
            cluster.signalAgent(terminate)
            let end = try cluster.end()
            #expect(end.code == 143)
            #expect(
                end.messages.count == 1 && end.messages[0].contains("standard output was not read: "), "\(end.messages)"
            )
            #expect(end.leftovers == [])
        }

        @Test(
            "A reader that closes its end ends the run without a word",
            arguments: [["--dies", "2"], ["-H", "localhost:1,127.0.0.2:1"]])
        func closedReader(launch: [String]) throws {
            let program = try ClusterUnderTest.executable()
            let command = """
                '\(program)' generate --model '\(ClusterUnderTest.austen)' \(launch.joined(separator: " ")) --max-tokens 2000 \
                --ignore-end --prompt 'It was'
                """
            let cluster = try ClusterUnderTest(
                ["--version"], setup: "{ \(command); echo \"softpod: status $?\" >&2; } | head -c 10")
            let end = try cluster.end()
            #expect(end.messages.filter { !$0.contains("dies (") } == ["softpod: status 141"], "\(end.messages)")
            #expect(end.output.hasPrefix("It was"))
            #expect(end.leftovers == [])
        }

        @Test(
            "What is printed at the end for a reader that is gone has no success",
            arguments: ["info", "run --dies 2 smoke"])
        func closedAtEnd(command: String) throws {
            let program = try ClusterUnderTest.executable()
            // The reader has closed its end before the program begins.
            let end = try ClusterUnderTest(
                ["--version"],
                setup: """
                    mkfifo $TMPDIR/p; exec 8<>$TMPDIR/p 9>$TMPDIR/p 8>&-; rm $TMPDIR/p; \
                    '\(program)' \(command) >&9; echo "softpod: status $?" >&2
                    """
            ).end()
            #expect(end.messages == ["softpod: status 141"], "\(end.messages)")
            #expect(end.leftovers == [])
        }

        @Test("A slow reader of a non-blocking pipe gets every byte")
        func nonBlocking() throws {
            let program = try ClusterUnderTest.executable()
            // The reader sets the flag on the description both share, reads nothing until the writer is full, and then counts.
            let cluster = try ClusterUnderTest(
                ["--version"],
                setup: """
                    mkfifo $TMPDIR/p; exec 8<>$TMPDIR/p; '\(try ClusterUnderTest.helper("inheriting"))' nonblock=8 -- true; \
                    '\(program)' generate --model '\(ClusterUnderTest.austen)' --dies 1 --json --max-tokens 1000 --ignore-end \
                    --prompt 'It was' --prompt Emma >&8 8>&- & \
                    writer=$!; exec 9<$TMPDIR/p 8>&-; rm $TMPDIR/p; cat <&9; wait $writer || exit 3
                    """)
            let end = try cluster.end()
            #expect(end.code == 0, "\(end.messages)")
            #expect(
                end.outputLines.count == 4 && end.outputLines.allSatisfy { $0.hasPrefix("{") || $0.count < 20 },
                "\(end.output.suffix(300))")
            #expect(end.leftovers == [])
        }
    }
}
