import Foundation
import TestKit
import Testing

extension Commands {
    /// `verify`, `bench` and `info`, as machines read them.
    @Suite("Verify, bench, info")
    struct JudgeTests {
        @Test("Every catalog entry passes on three dies")
        func catalogs() throws {
            let end = try ClusterUnderTest(["verify", "--dies", "3", "--seed", "7", "--json"]).end()
            #expect(end.code == 0)
            #expect(end.leftovers == [])
            let rows = try end.outputLines.map { try end.object($0) }
            #expect(rows.count > 60)
            for row in rows {
                #expect(row["wrong"] as? Int == 0, "\(row)")
                #expect((row["comparisons"] as? Int ?? 0) > 0, "\(row)")
            }
        }

        @Test("A seed replays, whole or one check of it; its neighbour gives other data", arguments: [7] as [UInt64])
        func seeds(seed: UInt64) throws {
            func digests(_ seed: UInt64, only: String) throws -> [String: String] {
                let end = try ClusterUnderTest([
                    "verify", "--dies", "3", "--only", only, "--seed", "\(seed)", "--json",
                ]).end()
                #expect(end.code == 0, "\(end.messages)")
                var found: [String: String] = [:]
                for row in try end.outputLines.map({ try end.object($0) }) {
                    found[try #require(row["entry"] as? String)] = row["digest"] as? String
                }
                return found
            }
            let all = try digests(seed, only: "a")
            #expect(all.count > 40)
            #expect(try digests(seed, only: "a") == all)
            for name in ["experts.gate", "fabric.onesided", "attention.amla.float32"] {
                let alone = try digests(seed, only: name)
                #expect(alone[name] == all[name] && alone[name] != nil, "\(name)")
            }
            let next = try digests(seed + 1, only: "a")
            // Nothing moves in a barrier, so its digest is that of nothing.
            for (name, digest) in all where !name.contains("barrier") { #expect(next[name] != digest, "\(name)") }
        }

        @Test("A model whose logits are not numbers gives no perplexity")
        func notFinite() throws {
            let model = try BrokenModel()
            try model.spoil("model.norm.weight")
            let end = try ClusterUnderTest([
                "verify", "--model", model.folder, "--dies", "2", "--json", "--text",
                ClusterUnderTest.root + "/LICENSE",
            ]).end()
            #expect(end.code == 65, "\(end.messages)")
            #expect(end.output == "")
            #expect(end.messages.contains { $0.contains("logits must be finite") }, "\(end.messages)")
            #expect(end.leftovers == [])
        }

        @Test(
            "The held-out text costs what the golden figures say, within the bounds of each precision",
            arguments: [("float32", 1e-3 / 34.3, 1.0), ("bfloat16", 0.01, 0.99), ("int8", 0.02, 0.98)])
        func model(precision: String, bound: Double, agreement: Double) throws {
            let golden = try Golden.read().perplexity
            let cluster = try ClusterUnderTest([
                "verify", "--model", ClusterUnderTest.austen, "--precision", precision, "--dies", "2", "--json",
            ])
            let end = try cluster.end()
            #expect(end.code == 0, "\(end.messages)")
            let row = try end.object(end.outputLines.last)
            let perplexity = try #require(row["perplexity"] as? Double)
            #expect(abs(perplexity / golden.value - 1) <= bound, "\(perplexity) and \(golden.value)")
            #expect(try #require(row["agreementWithFloat32"] as? Double) >= agreement)
            #expect(abs(try #require(row["top1"] as? Double) - golden.top1) < (precision == "float32" ? 1e-3 : 0.01))
        }

        @Test("Latencies come as one object a row, with their limits")
        func latency() throws {
            let end = try ClusterUnderTest(["bench", "latency", "--dies", "3", "--repetitions", "5", "--json"]).end()
            #expect(end.code == 0, "\(end.messages)")
            #expect(end.leftovers == [])
            #expect(end.outputLines.count > 5)
            for line in end.outputLines {
                let row = try end.object(line)
                #expect((row["medianNanoseconds"] as? Double ?? 0) > 0, "\(line)")
                #expect(row["kind"] as? String == "measured")
            }
        }

        @Test("Info is one object with the machine, the kernels and the topology")
        func info() throws {
            let end = try ClusterUnderTest(["info", "--json"]).end()
            #expect(end.code == 0)
            let row = try end.object(end.outputLines.last)
            for name in ["version", "cores", "kernels", "transports", "collectives", "attention", "topology"] {
                #expect(row[name] != nil, "\(name)")
            }
        }
    }
}
