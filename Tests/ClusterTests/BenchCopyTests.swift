import Foundation
import TestKit
import Testing

extension Commands {
    /// `softpod bench copy`: a row for each length and place, and what it refuses.
    @Suite("Copies by command")
    struct BenchCopyTests {
        @Test("Each length and place has a row beside both limits")
        func rows() throws {
            let end = try ClusterUnderTest(
                ["bench", "copy", "--json", "--repetitions", "3"] + ["1", "2K", "70001"].flatMap { ["--bytes", $0] }
                    + ["--offset", "0:8", "--offset", "65535:3"]
            ).end()
            #expect(end.code == 0 && end.messages == [], "\(end.messages)")
            var places: Set<[Int]> = []
            for line in end.outputLines {
                let row = try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
                for name in ["fabric", "memcpy", "loop", "ratioToBest"] {
                    #expect(try #require(row[name] as? Double) > 0, "\(line)")
                }
                places.insert(["bytes", "source", "destination"].map { row[$0] as? Int ?? -1 })
            }
            #expect(
                places == [
                    [1, 0, 8], [1, 65535, 3], [2048, 0, 8], [2048, 65535, 3], [70001, 0, 8], [70001, 65535, 3],
                ])
            #expect(end.outputLines.count == 6 && end.leftovers == [])
        }

        @Test(
            "What is no length, place or count is refused with its rule",
            arguments: [
                "--offset 8", "--offset 0:65536", "--offset -1:0", "--offset 0:0:0", "--offset a:b", "--bytes 0",
                "--bytes 257M", "--repetitions 2",
            ])
        func refused(words: String) throws {
            let end = try ClusterUnderTest(["bench", "copy"] + words.split(separator: " ").map(String.init)).end()
            #expect(end.code == 64 && end.output == "", "\(end.messages)")
            #expect(end.messages.contains { $0.contains(words.split(separator: " ")[0]) }, "\(end.messages)")
        }
    }
}
