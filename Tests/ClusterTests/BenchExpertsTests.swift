import Foundation
import TestKit
import Testing

extension Commands {
    /// `softpod bench experts`: rows with floors and judged sums, on one host and two.
    @Suite("Experts by command")
    struct BenchExpertsTests {
        private static let short = [
            "bench", "experts", "--json", "--repetitions", "3", "--tokens", "5", "--hidden", "96", "--seed", "11",
        ]

        @Test(
            "Dispatch, combine and both have a row, and no sum differs",
            arguments: [
                ["--dies", "3"], ["--dies", "2", "--dispatch", "float32", "--combine", "float32"],
                ["--dies", "4", "--dispatch", "bfloat16", "--choices", "1", "--experts-per-die", "1"],
                ["--hosts", "localhost:2,127.0.0.2:1"],
            ])
        func rows(options: [String]) throws {
            let end = try ClusterUnderTest(Self.short + options).end()
            #expect(end.code == 0 && end.messages == [], "\(end.messages)")
            var operations: [String] = []
            for line in end.outputLines {
                let row = try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
                operations.append(row["op"] as? String ?? "")
                for name in ["medianMicroseconds", "limitMicroseconds", "ratioToLimit", "GBps"] {
                    #expect(try #require(row[name] as? Double) > 0, "\(line)")
                }
                #expect(row["wrong"] as? Int == 0 && row["seed"] as? Int == 11, "\(line)")
                #expect(row["repetitions"] as? Int == 3, "\(line)")
            }
            #expect(operations == ["dispatch", "combine", "dispatch + combine"] && end.leftovers == [])
        }

        @Test(
            "What is no count or format is refused with its rule",
            arguments: [
                ("--tokens", "0"), ("--hidden", "65537"), ("--experts-per-die", "0"), ("--choices", "33"),
                ("--choices", "0"), ("--dispatch", "float8"), ("--combine", "int8"), ("--repetitions", "0"),
            ])
        func refused(option: String, value: String) throws {
            let end = try ClusterUnderTest(["bench", "experts", "--dies", "16", option, value]).end()
            #expect(end.code == 64 && end.output == "", "\(end.messages)")
            #expect(end.messages.contains { $0.contains(option) && $0.contains(value) }, "\(end.messages)")
        }
    }
}
