import Foundation
import TestKit
import Testing

extension Commands {
    /// Payload by how far it went, by the shape of the machine that the dies stand in for.
    @Suite("Payload by tier")
    struct TierTests {
        private func bytes(_ options: [String]) throws -> [String: Int] {
            let end = try ClusterUnderTest(
                [
                    "generate", "--model", ClusterUnderTest.austen, "--dies", "4", "--max-tokens", "3", "--json",
                    "--prompt", "It is",
                ] + options, setup: "export SOFTPOD_COUNT_TIERS=1"
            ).end()
            #expect(end.code == 0 && end.messages == [] && end.leftovers == [], "\(end.messages)")
            let line = try #require(end.outputLines.last)
            let summary = try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
            return try #require(summary["operations"] as? [String: Any]).compactMapValues { $0 as? Int }
        }

        /// The file of four hosts with servers of one NPU.
        private func smallServers() throws -> String {
            var text = try String(contentsOfFile: ClusterUnderTest.topologies + "/four-hosts.yaml", encoding: .utf8)
            for (old, new) in [
                ("npusPerServer: 8", "npusPerServer: 1"), ("3136 GB", "392 GB"), (": 3200 Gb", ": 400 Gb"),
                ("uplinksPerL1: 16", "uplinksPerL1: 2"), ("l2PerSubPlane: 16", "l2PerSubPlane: 2"),
            ] {
                #expect(text.contains(old))
                text = text.replacingOccurrences(of: old, with: new)
            }
            return text.split(separator: "\n").filter { !$0.contains("to: npu, tier: server") }.joined(separator: "\n")
                + "\n"
        }

        @Test("Tiers add up to what was moved, and follow the topology's shape on one host and on two")
        func shapes() throws {
            let folder = try TestFolder()
            let topology = ["--topology", try folder.file("small.yaml", smallServers())]
            let names =
                ["die", "NPU", "server", "supernode"].map { "bytes to the same \($0)" } + ["bytes to the other host"]
            let usual = try bytes([])
            let small = try bytes(topology)
            let split = try bytes(topology + ["--hosts", "localhost:3,127.0.0.2:1"])
            for found in [usual, small, split] {
                #expect(names.reduce(0) { $0 + (found[$1] ?? 0) } == found["bytesMoved"], "\(found)")
            }
            // Dies 0 and 1, and 2 and 3, share an NPU; all four share a server of eight NPUs, and are two servers of one.
            #expect(usual[names[2]] ?? 0 > 0 && usual[names[3]] == 0, "\(usual)")
            #expect(small[names[2]] == 0 && small[names[3]] == usual[names[2]], "\(small)")
            #expect(small[names[1]] == usual[names[1]], "\(small)")
            #expect(split[names[2]] == 0 && split[names[3]] ?? 0 > 0 && split[names[4]] ?? 0 > 0, "\(split)")
        }

        @Test("More dies than the topology's machine has are refused")
        func tooMany() throws {
            let end = try ClusterUnderTest([
                "run", "--dies", "3", "--topology", ClusterUnderTest.topologies + "/laptop2.yaml", "smoke",
            ]).end()
            #expect(end.code == 64 && end.output == "", "\(end.messages)")
            #expect(end.messages == ["softpod: 3 dies were asked for, laptop2 has 2"])
        }
    }
}
