import Foundation
import TestKit
import Testing

/// The parent of all suites that start clusters: one at a time.
@Suite("Commands", .serialized)
enum Commands {}

extension Commands {
    /// The shipped model on clusters of real processes.
    @Suite("Generate")
    struct GenerateTests {
        struct Layout: CustomTestStringConvertible, Sendable {
            var dies: Int
            var diesPerProcess: Int
            var ep: Int
            var attention: String
            var testDescription: String {
                "\(dies) dies, \(diesPerProcess) a process, EP \(ep), attention \(attention)"
            }
        }

        /// Every layout there is.
        static let all: [Layout] = [1, 2, 4, 8, 16, 32].flatMap { dies in
            [1, 4].filter { $0 <= dies }.flatMap { each in
                [1, 2, 4, 8, 16, 32].filter { $0 <= dies }.flatMap { ep in
                    ["data", "kv-shards"].map { Layout(dies: dies, diesPerProcess: each, ep: ep, attention: $0) }
                }
            }
        }

        /// A sample in which every value of every dimension occurs; all of them if the environment says so.
        static let layouts: [Layout] =
            ProcessInfo.processInfo.environment["SOFTPOD_ALL_LAYOUTS"] != nil
            ? all
            : [
                Layout(dies: 1, diesPerProcess: 1, ep: 1, attention: "data"),
                Layout(dies: 1, diesPerProcess: 1, ep: 1, attention: "kv-shards"),
                Layout(dies: 2, diesPerProcess: 1, ep: 2, attention: "kv-shards"),
                Layout(dies: 4, diesPerProcess: 4, ep: 4, attention: "data"),
                Layout(dies: 4, diesPerProcess: 1, ep: 2, attention: "kv-shards"),
                Layout(dies: 8, diesPerProcess: 1, ep: 8, attention: "data"),
                Layout(dies: 8, diesPerProcess: 4, ep: 1, attention: "kv-shards"),
                Layout(dies: 16, diesPerProcess: 4, ep: 16, attention: "data"),
                Layout(dies: 32, diesPerProcess: 1, ep: 32, attention: "data"),
                Layout(dies: 32, diesPerProcess: 4, ep: 32, attention: "kv-shards"),
            ]

        @Test(
            "A weight that is no number ends the run with the request and the position, and no text is made up",
            arguments: [["--attention", "data"], ["--attention", "kv-shards"], ["--temperature", "0.8"]])
        func notFinite(options: [String]) throws {
            let model = try BrokenModel()
            try model.spoil("model.norm.weight")
            let end = try ClusterUnderTest(
                ["generate", "--model", model.folder, "--dies", "2", "--ep", "2", "--max-tokens", "8", "--json"]
                    + options
            ).end()
            #expect(end.code == 65, "\(end.messages)")
            #expect(
                end.messages.contains { $0.contains("request 0, position ") && $0.contains("must be finite") },
                "\(end.messages)")
            #expect(end.leftovers == [])
            #expect(end.outputLines.last?.contains("\"tokens\":0") == true, "\(end.output)")
        }

        @Test("Greedy continuations in float32 are the golden ones on every layout", arguments: layouts)
        func golden(layout: Layout) throws {
            let golden = try Golden.read().prompts
            let cluster = try ClusterUnderTest(
                [
                    "generate", "--model", ClusterUnderTest.austen, "--precision", "float32", "--json", "--ignore-end",
                    "--dies", "\(layout.dies)", "--dies-per-process", "\(layout.diesPerProcess)", "--ep",
                    "\(layout.ep)",
                    "--attention", layout.attention, "--max-tokens", "64",
                ] + golden.flatMap { ["--prompt", $0.prompt] })
            let end = try cluster.end()
            #expect(end.code == 0)
            #expect(end.messages == [])
            #expect(end.leftovers == [])
            let texts = try end.generated()
            try #require(texts.count == golden.count)
            for (text, expected) in zip(texts, golden) {
                #expect(text.prompt == expected.prompt)
                #expect(text.promptIds == expected.ids)
                #expect(text.ids == expected.greedy, "\(layout.testDescription): \(expected.prompt)")
            }
            let summary = try end.object(end.outputLines.last)
            #expect(summary["complete"] as? Bool == true)
            #expect(summary["tokens"] as? Int == golden.count * 64)
            #expect(summary["dies"] as? Int == layout.dies)
            #expect((summary["places"] as? [Any])?.count == layout.dies)
        }

        @Test("Drawn text depends on the seed, and not on the layout")
        func drawn() throws {
            func text(_ seed: Int, _ options: [String]) throws -> [[Int]] {
                let cluster = try ClusterUnderTest(
                    [
                        "generate", "--model", ClusterUnderTest.austen, "--temperature", "0.9", "--top-p", "0.9",
                        "--seed", "\(seed)", "--max-tokens", "24", "--json", "--prompt", "She was", "--prompt",
                        "Mr. Darcy",
                    ] + options)
                let end = try cluster.end()
                #expect(end.code == 0, "\(end.messages)")
                return try end.generated().map(\.ids)
            }
            let one = try text(5, ["--dies", "1"])
            #expect(one.count == 2)
            #expect(try text(5, ["--dies", "4", "--attention", "kv-shards"]) == one)
            #expect(try text(5, ["--dies", "8", "--dies-per-process", "4", "--ep", "4"]) == one)
            #expect(try text(6, ["--dies", "1"]) != one)
        }

        @Test("Prompts come from a file, before those of the command line, and empty lines are passed over")
        func promptsFile() throws {
            let setup = #"printf '"She \\u0077as"\n\n"A\\nB"\n' >$TMPDIR/prompts; cd $TMPDIR"#
            let cluster = try ClusterUnderTest(
                [
                    "generate", "--model", ClusterUnderTest.austen, "--dies", "2", "--max-tokens", "2", "--json",
                    "--prompts", "prompts", "--prompt", "It",
                ], setup: setup)
            let end = try cluster.end()
            #expect(end.code == 0, "\(end.messages)")
            #expect(try end.generated().map(\.prompt) == ["She was", "A\nB", "It"])
        }
    }
}
