import Foundation
import TestKit
import Testing

extension Commands {
    /// Commands that read and write files about clusters and start nothing.
    @Suite("Topologies, rank tables, manifests")
    struct FileCommandTests {
        private func output(_ arguments: [String], setup: String = ":") throws -> String {
            let end = try ClusterUnderTest(arguments, setup: setup).end()
            #expect(end.code == 0 && end.leftovers == [], "\(arguments): \(end.messages)")
            return end.output
        }

        private func refuse(
            _ arguments: [String], setup: String = ":", code: Int32, naming text: String,
            from location: SourceLocation = #_sourceLocation
        ) throws {
            let end = try ClusterUnderTest(arguments, setup: setup).end()
            #expect(end.code == code && end.output == "", "\(end.messages)", sourceLocation: location)
            #expect(end.messages.contains { $0.contains(text) }, "\(end.messages)", sourceLocation: location)
            #expect(!end.messages.contains { $0.contains("Fatal error") }, sourceLocation: location)
        }

        private static let topologies = ClusterUnderTest.austen.replacing("models/austen", with: "topologies")

        @Test("A machine is drawn from a file and without one, both counts named", arguments: [[], ["cloudmatrix384"]])
        func topology(names: [String]) throws {
            let files = names.map { "\(Self.topologies)/\($0).yaml" }
            let text = try output(["info", "--topology"] + files)
            #expect(text.contains("768 dies, 384 NPUs") && text.contains("7 sub-planes x 16 chips = 112 chips"))
            let json = try output(["info", "--topology", "--json"] + files)
            #expect(json.contains("\"npus\":384,\"dies\":768") && json.contains("\"kind\":\"published\""))
        }

        @Test("NPUs are listed one die a row, on the hosts of the plan")
        func npus() throws {
            let rows = try output(["info", "--npus", "--json", "\(Self.topologies)/four-hosts.yaml"]).split(
                separator: "\n")
            #expect(rows.count == 64)
            #expect(rows[33].contains("\"npu\":16,\"die\":1,\"rank\":33,\"server\":2,\"host\":\"h2\""))
            let whole = try output(["info", "--npus", "--json"]).split(separator: "\n")
            #expect(whole.count == 768)
            try refuse(
                ["info", "--npus", "--hostfile", "hosts", "\(Self.topologies)/four-hosts.yaml"],
                setup: "cd $TMPDIR; echo 'h[0-4] slots=16' >hosts", code: 64, naming: "80 dies")
        }

        @Test("A count may be given in NPUs, and in one word only")
        func counts() throws {
            let end = try ClusterUnderTest(["run", "--npus", "2", "--dies-per-process", "2", "--json", "smoke"]).end()
            #expect(end.code == 0 && end.output.contains("\"dies\":4,\"processes\":2"), "\(end.messages)")
            try refuse(["run", "--npus", "2", "--dies", "4", "smoke"], code: 64, naming: "count the same")
            try refuse(["run", "--npus", "2049", "smoke"], code: 64, naming: "--npus must be 1 to 2048")
        }

        @Test("Ascend's variables are honoured or named as ignored")
        func variables() throws {
            let end = try ClusterUnderTest(["run", "--dies", "1", "smoke"], setup: "export HCCL_BUFFSIZE=200 HCCL_X=1")
                .end()
            #expect(end.code == 0)
            #expect(end.messages.contains { $0.contains("HCCL_BUFFSIZE is ignored") })
            #expect(end.messages.contains { $0.contains("HCCL_X is ignored") })
            try refuse(
                ["run", "--dies", "1", "smoke"], setup: "export HCCL_CONNECT_TIMEOUT=1", code: 64,
                naming: "HCCL_CONNECT_TIMEOUT must be a number from 120 to 7200")
            try refuse(
                ["run", "--dies", "1", "smoke"], setup: "export HCCL_EXEC_TIMEOUT=x", code: 64,
                naming: "HCCL_EXEC_TIMEOUT")
            // A flag goes before a variable, which then is not even read.
            let flags = ["run", "--dies", "1", "--deadline", "30", "--start-deadline", "30", "smoke"]
            _ = try output(flags, setup: "export HCCL_EXEC_TIMEOUT=x HCCL_CONNECT_TIMEOUT=1")
            let text = try output(["info", "--environment"], setup: "export PMI_RANK=1 PMI_SIZE=4 PMIX_RANK=2")
            #expect(text.contains("hydra") && text.contains("PMIX_RANK set without PMIX_NAMESPACE"))
            try refuse(["info", "--environment"], setup: "export PMI_RANK=4 PMI_SIZE=4", code: 64, naming: "rank 4")
        }

        @Test("A rank table is written, checked and converted through every version")
        func rankTables() throws {
            let four = "\(Self.topologies)/four-hosts.yaml"
            let chain = """
                cd $TMPDIR; "$SOFTPOD" ranktable write --format 1.2 --topology \(four) --output a.json; \
                "$SOFTPOD" ranktable convert a.json --format 2.0 --output b.json; \
                "$SOFTPOD" ranktable convert b.json --format 1.0 --output c.json
                """
            let setup = "SOFTPOD=\(try ClusterUnderTest.executable()); { \(chain); } 2>/dev/null"
            let text = try output(["ranktable", "check", "--topology", four, "c.json"], setup: setup)
            #expect(text.contains("version 1.0, 4 servers, 32 NPUs, 64 ranks (dies)"), "\(text)")
            try refuse(
                ["ranktable", "write", "--format", "1.2", "--output", "a.json"], setup: "cd $TMPDIR; : >a.json",
                code: 74,
                naming: "it is there already")
            try refuse(["ranktable", "check", "/nowhere"], code: 66, naming: "/nowhere")
            try refuse(
                ["ranktable", "check", "bad"], setup: "cd $TMPDIR; echo '{' >bad", code: 65,
                naming: "bad:2: is not JSON")
            try refuse(["ranktable", "write", "--format", "1.3"], code: 64, naming: "1.3")
        }

        @Test(
            "A manifest is written and says that it was not run", arguments: ["compose", "jobset", "leaderworkerset"])
        func manifests(kind: String) throws {
            let end = try ClusterUnderTest(["manifest", kind, "--hosts", "2", "--npus-per-host", "8"]).end()
            #expect(end.code == 0 && end.output.hasPrefix("# Generated by SoftPod and not run here"))
            #expect(end.messages.contains { $0.contains("32 dies (16 NPUs)") && $0.contains("not run here") })
            try refuse(["manifest", kind], code: 64, naming: "--cluster FILE or by --hosts")
            try refuse(
                ["manifest", kind, "--cluster", "c"], setup: "cd $TMPDIR; echo 'format: x' >c", code: 65,
                naming: "c:1: format")
        }
    }
}
