import Foundation
import TestKit
import Testing

extension Commands {
    /// The commands people use, on clusters over several hosts: the same results, bit by bit.
    @Suite("Commands over hosts")
    struct HostGenerateTests {
        /// Lines of `generate --json` without the summary, which says where and how fast it was.
        private func texts(_ end: ClusterUnderTest.Ended) throws -> [Substring] {
            #expect(end.code == 0, "\(end.messages)")
            #expect(end.messages == [])
            #expect(end.leftovers == [])
            return end.outputLines.dropLast()
        }

        private func generate(_ options: [String], tokens: Int = 64) throws -> [String] {
            [
                "generate", "--model", ClusterUnderTest.austen, "--precision", "float32", "--json", "--ignore-end",
                "--max-tokens", "\(tokens)",
            ] + options + (try Golden.read().prompts.flatMap { ["--prompt", $0.prompt] })
        }

        private func expectGolden(_ lines: [Substring], _ tokens: Int = 64) throws {
            let golden = try Golden.read().prompts
            try #require(lines.count == golden.count)
            for (line, expected) in zip(lines, golden) {
                let text = try JSONDecoder().decode(Generated.self, from: Data(line.utf8))
                #expect(text.promptIds == expected.ids)
                #expect(text.ids == Array(expected.greedy.prefix(tokens)))
            }
        }

        @Test("Golden text, the same line by line as one host's, on every split of the loop's addresses")
        func loopback() throws {
            let one = try texts(ClusterUnderTest(try generate(["--dies", "4"])).end())
            try expectGolden(one)
            for (hosts, attention) in [
                ("localhost:2,127.0.0.2:2", "data"), ("localhost:1,127.0.0.2:3", "kv-shards"),
                ("127.0.0.[1-4]:1", "data"),
            ] {
                let options = ["--hosts", hosts, "--attention", attention]
                #expect(try texts(ClusterUnderTest(try generate(options)).end()) == one, "\(options)")
            }
        }

        @Test(
            "Golden text on namespaces",
            .enabled(if: ClusterUnderTest.namespaceObstacle == nil, "\(ClusterUnderTest.namespaceObstacle ?? "")"),
            arguments: [
                (2, ["--dies", "4"]), (4, ["--dies", "8", "--dies-per-process", "2", "--attention", "kv-shards"]),
            ])
        func namespaces(hosts: Int, options: [String]) throws {
            try expectGolden(texts(ClusterUnderTest(try generate(options, tokens: 24), hosts: hosts).end()), 24)
        }

        @Test("Drawn text is one host's too")
        func drawn() throws {
            func lines(_ hosts: [String]) throws -> [Substring] {
                try texts(
                    ClusterUnderTest(
                        [
                            "generate", "--model", ClusterUnderTest.austen, "--temperature", "0.9", "--top-p", "0.9",
                            "--seed", "5", "--max-tokens", "24", "--json", "--prompt", "She was", "--prompt",
                            "Mr. Darcy",
                        ] + hosts
                    ).end())
            }
            #expect(try lines(["--hosts", "localhost:1,127.0.0.2:3"]) == lines(["--dies", "4"]))
        }

        @Test(
            "Every check of the catalogs passes on sixteen dies over namespaces",
            .enabled(if: ClusterUnderTest.namespaceObstacle == nil, "\(ClusterUnderTest.namespaceObstacle ?? "")"))
        func verify() throws {
            let end = try ClusterUnderTest(
                ["verify", "--dies", "16", "--dies-per-process", "4", "--seed", "3", "--json"], hosts: 4
            ).end()
            #expect(end.code == 0, "\(end.messages)")
            #expect(end.leftovers == [])
            #expect(end.outputLines.count > 80)
            for line in end.outputLines {
                let row = try end.object(line)
                #expect(row["wrong"] as? Int == 0 && row["transport"] as? String == "transport.zmq", "\(line)")
                #expect((row["comparisons"] as? Int ?? 0) > 0, "\(line)")
            }
        }

        @Test("The bench of collectives gives its rows over hosts")
        func bench() throws {
            let end = try ClusterUnderTest([
                "bench", "collectives", "--hosts", "localhost:2,127.0.0.2:2", "--op", "allreduce", "-b", "1K", "-e",
                "1K",
                "--row-seconds", "0.05", "--repetitions", "3", "--json",
            ]).end()
            #expect(end.code == 0, "\(end.messages)")
            #expect(end.leftovers == [])
            #expect(!end.outputLines.isEmpty)
            for line in end.outputLines { #expect(try end.object(line)["dies"] as? Int == 4, "\(line)") }
        }
    }
}
