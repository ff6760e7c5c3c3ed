import Foundation
import TestKit
import Testing

extension Commands {
    /// `bench collectives` on real clusters: rows, formats, gains, tuning. No figure is judged.
    @Suite("Bench collectives")
    struct BenchCollectivesTests {
        /// Few and short batches.
        private static let short = ["--repetitions", "3", "-n", "2", "-w", "1"]

        private func run(_ options: [String], setup: String = ":", code: Int32 = 0) throws -> ClusterUnderTest.Ended {
            let end = try ClusterUnderTest(["bench", "collectives"] + Self.short + options, setup: setup).end()
            #expect(end.code == code, "\(end.messages)")
            #expect(end.leftovers == [])
            return end
        }

        private func objects(_ output: String) throws -> [[String: Any]] {
            try output.split(separator: "\n").map { line in
                try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any], "\(line)")
            }
        }

        /// The catalog as the program itself prints it.
        private func catalog() throws -> Set<String> {
            let end = try ClusterUnderTest(["info", "--json"]).end()
            let names = try #require(try objects(end.output).first?["collectives"] as? String)
            return Set(names.split(separator: " ").map(String.init))
        }

        struct Case: CustomTestStringConvertible, Sendable {
            var options: [String]
            var testDescription: String { options.joined(separator: " ") }
        }

        @Test(
            "Every catalog entry gives right results and a floor, on every kind of team",
            arguments: [
                Case(options: ["--dies", "3", "-b", "1", "-e", "40000", "-f", "200"]),
                Case(options: ["--dies", "3", "--in-place", "--type", "bfloat16", "-b", "9", "-e", "9000", "-f", "1K"]),
                Case(options: ["--dies", "2", "--type", "int8", "--reduction", "product", "-b", "4K", "-e", "4K"]),
                Case(options: [
                    "--dies", "4", "--team", "rows", "--type", "float64", "--reduction", "min", "-b", "3K", "-e", "3K",
                ]),
                Case(options: [
                    "--dies", "5", "--team", "random", "--type", "float16", "--reduction", "max", "-b", "1K", "-e",
                    "1K",
                    "--dies-per-process", "2",
                ]),
                Case(options: ["--dies", "1", "-b", "8", "-e", "8"]),
            ])
        func everyEntry(sample: Case) throws {
            let end = try run(sample.options + ["--json"])
            let rows = try objects(end.output)
            let limits = rows.filter { $0["limit"] != nil }
            let figures = rows.filter { $0["op"] != nil }
            #expect(limits.count + figures.count == rows.count)
            for name in ["copy", "fold", "fill"] { #expect(limits.contains { $0["limit"] as? String == name }) }
            let names = figures.map { "\($0["op"] ?? "").\($0["algorithm"] ?? "")" }
            #expect(try Set(names) == catalog())
            for row in figures {
                #expect(row["wrong"] as? Int == 0, "\(row)")
                #expect((row["floorMicroseconds"] as? Double ?? 0) > 0, "\(row)")
                #expect((row["medianMicroseconds"] as? Double ?? 0) > 0, "\(row)")
                #expect((row["ratioToFloor"] as? Double ?? 0) > 0, "\(row)")
                for key in ["kind", "host", "commit", "seed", "cores", "repetitions", "dies", "processes", "bytes"] {
                    #expect(row[key] != nil, "\(key) is missing")
                }
            }
            for row in limits {
                #expect((row["medianMicroseconds"] ?? row["GBps"]) is Double || row["GBps"] is Double, "\(row)")
            }
        }

        @Test("Sizes count as nccl-tests counts them, rounded to whole blocks")
        func sizes() throws {
            let end = try run(["--dies", "3", "-b", "1000", "-e", "1000", "--algorithm", "pull", "--json"])
            var sizes: [String: Int] = [:]
            for row in try objects(end.output) {
                if let name = row["op"] as? String { sizes[name] = row["bytes"] as? Int }
            }
            for name in ["broadcast", "reduce", "allreduce", "sendreceive"] { #expect(sizes[name] == 1000, "\(name)") }
            for name in ["allgather", "reducescatter", "alltoall", "gather", "scatter", "allgatherv", "alltoallv"] {
                #expect(sizes[name] == 996, "\(name)")
            }
            #expect(sizes["barrier"] == 0)
        }

        @Test("The formats of other tools have their columns", arguments: ["table", "nccl", "osu", "hccl"])
        func formats(format: String) throws {
            let end = try run([
                "--dies", "2", "--op", "allreduce", "--op", "broadcast", "--algorithm", "pull", "--algorithm",
                "concurrent:0.5", "-b", "1K", "-e", "32K", "--format", format,
            ])
            let lines = end.outputLines.filter { !$0.hasPrefix("#") }.map { line in
                line.split(whereSeparator: { $0 == " " || $0 == "|" }).map(String.init)
            }
            let comments = end.outputLines.filter { $0.hasPrefix("#") }
            #expect(comments.contains { $0.contains("limit: copy") })
            switch format {
            case "table":
                #expect(lines.first?.last == "wrong" && lines.first?.count == 14)
                #expect(lines.count == 1 + 8)
                for line in lines.dropFirst() { #expect(line.count == 14 && line.last == "0", "\(line)") }
            case "nccl":
                #expect(lines.count == 8)
                for line in lines {
                    #expect(line.count == 13 && line[8] == "0" && line[9] == "N/A" && Double(line[5]) != nil, "\(line)")
                }
                #expect(comments.contains { $0.hasPrefix("# Out of bounds values : 0 OK") })
                #expect(comments.contains { $0.hasPrefix("# Avg bus bandwidth") })
            case "osu":
                #expect(lines.count == 8)
                for line in lines { #expect(line.count == 5 && line.allSatisfy { Double($0) != nil }, "\(line)") }
            default:
                let rows = lines.filter { $0.first != "data_size(Bytes):" }
                #expect(rows.count == 8 && lines.count == 12)
                for line in rows { #expect(line.count == 4 && line.last == "success", "\(line)") }
            }
        }

        @Test("Without checks nothing is called right")
        func unchecked() throws {
            let end = try run(["--dies", "2", "--op", "gather", "-c", "0", "--json", "-b", "1K", "-e", "1K"])
            let figures = try objects(end.output).filter { $0["op"] != nil }
            #expect(!figures.isEmpty)
            for row in figures { #expect(row["wrong"] is NSNull, "\(row)") }
        }

        @Test("The gains are a row for each operation and size, with a verdict")
        func gains() throws {
            let options = [
                "--gains", "--sweep-dies", "2", "--sweep-dies", "3", "--fraction", "0.5", "-b", "4K", "-e", "4K",
            ]
            let rows = try objects(try run(options + ["--json"]).output).filter { $0["verdict"] != nil }
            #expect(rows.count == 2 * 11)
            for row in rows {
                #expect(["helps", "same", "costs"].contains(row["verdict"] as? String ?? ""), "\(row)")
                #expect(row["percent:0.50"] is Double && row["bestFraction"] as? Double == 0.5, "\(row)")
            }
            let shown = try run(options + ["--op", "scatter"]).output
            #expect(shown.contains("concurrent is faster by more than 3 % in") && shown.contains("of 2 rows"))
        }

        @Test("The choice is a row for each operation and size, beside the best of the run")
        func choice() throws {
            let options = ["--choice", "--sweep-dies", "2", "--sweep-dies", "3", "-b", "64", "-e", "4K", "-f", "64"]
            let rows = try objects(try run(options + ["--json"]).output)
            let choices = rows.filter { $0["choice"] != nil }
            #expect(choices.count == 2 * (1 + 11 * 2))
            for row in choices {
                #expect((row["ratio"] as? Double ?? 0) >= 1 && row["best"] is String, "\(row)")
                #expect(row["choice"] as? String != "automatic")
            }
            let summary = try #require(rows.last { $0["summary"] != nil })
            #expect(summary["rows"] as? Int == choices.count)
            let shown = try run(options + ["--op", "scatter"]).output
            #expect(shown.contains("Of 4 rows the choice is beyond 1.15 of the best in"), "\(shown)")
        }

        @Test("A table that was measured is one that can be used, by flag and by variable")
        func tuning() throws {
            let tune = ["--tune", "tuned", "--op", "gather", "--op", "alltoallv", "--sweep-dies", "2", "-b", "1K"]
            let end = try ClusterUnderTest(
                ["bench", "collectives"] + Self.short + tune + ["-e", "4K", "-f", "2"],
                // First as it is; then the same program twice, to read what it wrote.
                setup: "cd $TMPDIR; \"$@\"; set -- \"$1\" info --tuning tuned; SOFTPOD_TUNING=tuned \"$1\" info"
            ).end()
            #expect(end.code == 0, "\(end.messages)")
            #expect(end.messages.contains { $0.contains("rules written to tuned") }, "\(end.messages)")
            let named = end.outputLines.filter { $0.contains("tuning ") && $0.contains("tuned") }
            #expect(named.count == 2, "\(end.output)")
            #expect(end.output.contains("alltoallv      any       any"))
            #expect(end.leftovers == [])
        }

        @Test("An interrupted run leaves whole rows")
        func interrupted() throws {
            let cluster = try ClusterUnderTest([
                "bench", "collectives", "--dies", "3", "--json", "--repetitions", "1000", "--op", "barrier", "--op",
                "allgather", "--row-seconds", "30",
            ])
            try cluster.output(containing: "\"limit\":\"fill\"")
            cluster.signalAgent(2)
            let end = try cluster.end()
            #expect(end.code == 130)
            #expect(end.messages == ["softpod: stopped by SIGINT"])
            #expect(try !objects(end.output).isEmpty)
            #expect(end.leftovers == [])
        }
    }
}
