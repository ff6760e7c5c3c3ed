import Foundation
import TestKit
import Testing

extension RealClusters {
    /// Runs whose shared memory is missing, small, filled up, or cut off under them.
    @Suite("Space")
    struct SpaceTests {
        static let busError: Int32 = 7

        @Test(
            "Where /dev/shm is missing, read-only or too small, a memfd takes over and the summary says so",
            .enabled(if: ClusterUnderTest.mountObstacle == nil, "needs mount namespaces"),
            arguments: [
                (ClusterUnderTest.SharedMemoryFolder.missing, "memfd"), (.readOnly, "memfd"), (.sized("64k"), "memfd"),
                (.sized("1m"), "memfd"), (.sized("16m"), "/dev/shm"),
            ])
        func fallback(folder: ClusterUnderTest.SharedMemoryFolder, memory: String) throws {
            let end = try ClusterUnderTest(["run", "--dies", "8", "--json", "smoke"], sharedMemory: folder).end()
            #expect(end.messages == [])
            #expect(end.code == 0)
            #expect(end.leftovers == [])
            let row = try #require(
                try JSONSerialization.jsonObject(with: Data(end.output.utf8)) as? [String: Any], "\(end.output)")
            #expect(row["memory"] as? String == memory)
            #expect(row["wrong"] as? Int == 0)
            let info = try ClusterUnderTest(["info", "--json"], sharedMemory: folder).end()
            #expect(info.code == 0)
            let here = try #require(
                try JSONSerialization.jsonObject(with: Data(info.output.utf8)) as? [String: Any], "\(info.output)")
            switch folder {
            case .sized: #expect(here["memory"] as? String == "/dev/shm")
            default: #expect((here["memory"] as? String)?.hasPrefix("memfd: /dev/shm cannot be used (") == true)
            }
        }

        @Test("A limit on the size of files is named, with what to do")
        func fileSizeLimit() throws {
            let cluster = try ClusterUnderTest(
                ["run", "--dies", "4", "smoke"], setup: "trap '' XFSZ; ulimit -f 8")
            let end = try cluster.end()
            #expect(end.messages.count == 1, "\(end.messages)")
            #expect(end.messages.first?.contains("the limit on file size (ulimit -f) is ") == true, "\(end.messages)")
            #expect(end.code == 69)
            #expect(end.leftovers == [])
        }

        @Test(
            "A /dev/shm that fills up before its pages are touched ends the run with one line that says so",
            .enabled(if: ClusterUnderTest.mountObstacle == nil, "needs mount namespaces"), arguments: [0, 1])
        func filledUp(kept: Int) throws {
            for _ in 0..<20 {
                let cluster = try ClusterUnderTest(
                    ["run", "--dies", "8", "--all-to-all", "16K", "smoke"], sharedMemory: .sized("8m"))
                // The agent stands still while it starts its ranks, so that none begins before all is full.
                _ = try cluster.rank(0)
                cluster.signalAgent(RealClusters.stop)
                try cluster.fillSharedMemory(leaving: kept)
                cluster.signalAgent(18)
                let end = try cluster.end()
                #expect(end.leftovers == [])
                // It was stopped too late, or before it had a segment, which is then a memfd.
                if end.code == 0 { continue }
                let headlines = end.messages.filter { !$0.hasPrefix("softpod: last collectives: ") }
                #expect(headlines.count == 1, "\(end.messages)")
                #expect(
                    headlines.first?.contains(") ran out of shared memory: /dev/shm is full (") == true,
                    "\(end.messages)")
                #expect(headlines.first?.hasPrefix("softpod: rank ") == true)
                #expect(end.code == 75)
                #expect(end.files == [])
                return
            }
            Issue.record("no run was stopped between its segment and its first touch")
        }

        @Test("A segment truncated from outside is named as the cause, once", arguments: [0, 20_000])
        func truncated(byteCount: UInt64) throws {
            let cluster = try RealClusters.looping(4)
            try cluster.truncateSegment(of: cluster.rank(2), to: byteCount)
            let end = try cluster.end()
            #expect(end.messages.count == 1, "\(end.messages)")
            #expect(
                end.messages.first?.contains("the segment was truncated from outside, to \(byteCount) of ") == true,
                "\(end.messages)")
            #expect(end.code == 75)
            #expect(end.leftovers == [])
        }

        @Test("An agent that is hit itself says so before it dies, and its ranks end")
        func agentHit() throws {
            let cluster = try RealClusters.looping(3)
            // The ranks stand still, so that the agent is the first to touch what is gone.
            for process in 0..<3 { try cluster.signal(process: process, RealClusters.stop) }
            try cluster.truncateSegment(of: cluster.rank(0), to: 0)
            cluster.signalAgent(RealClusters.terminate)
            let end = try cluster.end()
            let line = "softpod: the agent (pid \(cluster.agent)) lost its shared memory: the segment was truncated"
            #expect(end.messages.filter { $0.hasPrefix(line) }.count == 1, "\(end.messages)")
            #expect(end.signal == Self.busError)
            #expect(end.leftovers == [])
        }

        @Test("A bus error that a process sends is not taken for one of memory")
        func sentBusError() throws {
            let cluster = try RealClusters.looping(3)
            let pid = try cluster.signal(process: 1, Self.busError)
            let end = try cluster.end()
            #expect(
                end.messages == [
                    "softpod: rank 1 (pid \(pid)) was killed by signal 7 (SIGBUS) in phase barrier loop; its log is empty"
                ])
            #expect(end.code == 75)
            #expect(end.leftovers == [])
        }

        @Test("A model file that is truncated or overwritten while it is mapped is named", arguments: [true, false])
        func modelFile(isTruncated: Bool) throws {
            let folder = try TestFolder()
            for name in ["config.json", "tokenizer.json", "model.safetensors"] {
                try FileManager.default.copyItem(
                    atPath: ClusterUnderTest.austen + "/" + name, toPath: folder.path + "/" + name)
            }
            let weights = folder.path + "/model.safetensors"
            let cluster = try ClusterUnderTest([
                "generate", "--model", folder.path, "--dies", "4", "--max-tokens", "400",
            ])
            try cluster.output(containing: "universally different")
            let file = try FileHandle(forUpdating: URL(fileURLWithPath: weights))
            if isTruncated {
                try file.truncate(atOffset: 100_000)
            } else {
                try file.seek(toOffset: 1 << 20)
                try file.write(contentsOf: Data(repeating: 0x3F, count: 1 << 20))
            }
            try file.close()
            let end = try cluster.end()
            let what = isTruncated ? "was truncated while it was mapped" : "was overwritten while it was mapped"
            let told = end.messages.filter { $0.contains(weights) && $0.contains(what) }
            #expect(told.count == 1, "\(end.messages)")
            #expect(end.code == 65 || (isTruncated && end.code == 75), "\(String(describing: end.code))")
            #expect(end.leftovers == [])
        }
    }
}
