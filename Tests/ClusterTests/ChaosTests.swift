import Foundation
import SharedMemory
import TestKit
import Testing

extension Commands {
    /// Faults by plan, from the file to the verdict: real processes, killed, stopped, slowed, overwritten.
    @Suite("Chaos and check")
    struct ChaosTests {
        private static let plans = ClusterUnderTest.root + "/cluster/faults/"

        /// Runs a plan, and gives its rows and the object at the end.
        private func chaos(
            _ plan: String, seed: Int = 7, _ more: [String] = ["--dies", "4"], rounds: Int = 1
        ) throws -> (end: ClusterUnderTest.Ended, rows: [[String: Any]], last: [String: Any]) {
            let end = try ClusterUnderTest(
                [
                    "chaos", "--faults", Self.plans + plan + ".yaml", "--seed", "\(seed)", "--rounds", "\(rounds)",
                    "--json",
                ] + more + (more.contains("--deadline") ? [] : ["--deadline", "1"])
            ).end()
            let rows = try end.outputLines.map { try end.object($0) }
            return (end, rows, try #require(rows.last, "\(end.messages)"))
        }

        /// What was injected, without what only this run can know: addresses' contents and times.
        private func injected(_ rows: [[String: Any]]) -> [String] {
            rows.filter { $0["event"] as? String == "injected" }
                .compactMap { ($0["text"] as? String)?.split(separator: " (").first.map(String.init) }.sorted()
        }

        /// Each shipped plan, what its runs come to, and a word that the timeline has.
        static let outcomes: [(plan: String, promise: String, word: String)] = [
            ("kill-in-combine", "O2", "was killed by signal 9"), ("kill-in-dispatch", "O2", "was killed by signal 9"),
            ("kill-between-counts", "O2", "was killed by signal 9"), ("kill-any-time", "O2", "was killed by signal 9"),
            ("kill-two", "O2", "was killed by signal 9"), ("kill-in-decode", "O2", "was killed by signal 9"),
            ("pause", "O1", "pause of rank"), ("slow", "O1", "slow of rank"), ("stop", "O2", "ms for rank 1 in"),
            ("flag-early", "O2", "impossible data from rank 1"), ("flag-zero", "O1", "flag, zero"),
            ("count", "O2", "impossible data from rank 1"), ("header", "O2", "impossible data from rank 1"),
            ("epoch", "O1 or O2", "epoch, one more"), ("mute", "O2", "mute of rank"),
            ("gate-word", "O2", "team.gate"), ("twice", "O1", "twice of rank"), ("early", "O1", "early of rank"),
            ("jump", "O1", "by 10000 ms"), ("truncate", "O2", "was truncated from outside"),
            ("shortage-reserve", "O1", "reserve 1"), ("shortage-thread", "O2", "cannot start thread"),
            ("stale", "O1", "stale of rank"),
        ]

        @Test("A shipped plan comes to what it promises, and leaves nothing", arguments: outcomes)
        func promised(plan: String, promise: String, word: String) throws {
            let (end, rows, last) = try chaos(plan)
            #expect(end.code == 0, "\(end.messages) \(end.output)")
            #expect(end.leftovers == [])
            #expect(last["violations"] as? [String] == [], "\(last)")
            let promises = try #require(last["promises"] as? [String])
            #expect(promises.count == 1 && promise.contains(promises[0]), "\(last)")
            #expect(last["seed"] as? Int == 7)
            let outcomes = try #require(last["outcomes"] as? [String])
            // A death at a drawn moment may come before the first operation.
            let isEarly = ["kill-any-time", "kill-two", "shortage-thread"].contains(plan)
            #expect(!outcomes.isEmpty || isEarly, "\(end.output)")
            #expect(Set(outcomes).isSubset(of: ["O1", "O2"]), "\(outcomes)")
            #expect(!injected(rows).isEmpty)
            #expect(rows.contains { ($0["text"] as? String)?.contains(word) == true }, "\(end.output)")
            if promises == ["O2"] {
                let decided = rows.first { $0["event"] as? String == "decided" }
                #expect((decided?["text"] as? String)?.contains("publishes epoch 1") == true, "\(end.output)")
            }
        }

        /// Plans that a start is refused for, and what the refusal says.
        static let refusals: [(plan: String, text: String)] = [
            ("shortage-truncate", "cannot size the segment's"), ("shortage-fork", "cannot start"),
            (
                "falsify-version",
                "layout version is \(SegmentLayout.version + 1), this process needs \(SegmentLayout.version)"
            ),
            ("falsify-nonce", "of another build or run"),
            ("falsify-dies", "dies on the host with the most"),
        ]

        @Test(
            "What is wrong at the start is refused with a line that says what, and nothing is left", arguments: refusals
        )
        func starts(plan: String, text: String) throws {
            let (end, _, last) = try chaos(plan)
            #expect(end.code == 0 && end.leftovers == [], "\(end.messages)")
            #expect(last["promises"] as? [String] == ["O4"] && last["violations"] as? [String] == [], "\(last)")
            #expect(end.messages.contains { $0.contains(text) }, "\(end.messages)")
        }

        @Test(
            "A rank that dies at any point of dispatch, combine and decode leaves no wrong result, no hang and nothing else",
            arguments: [
                "dispatch.entry", "dispatch.row", "dispatch.counts", "dispatch.flag", "dispatch.wait", "dispatch.read",
                "combine.entry", "combine.row", "combine.flag", "combine.wait", "combine.read", "decode.put",
                "decode.barrier", "decode.merge", "decode.read",
            ])
        func points(point: String) throws {
            let folder = try TestFolder()
            for entry in [1, 2, 5] {
                let plan = "\(folder.path)/\(entry).yaml"
                try """
                format: softpod-faults/1
                name: point
                promise: [O2]
                faults:
                  - {kind: crash, rank: any, at: {point: \(point), entry: \(entry)}}

                """.write(toFile: plan, atomically: true, encoding: .utf8)
                let end = try ClusterUnderTest([
                    "chaos", "--faults", plan, "--seed", "\(entry)", "--dies", "3", "--deadline", "1", "--rounds", "1",
                    "--only", "float32", "--json",
                ]).end()
                #expect(end.code == 0 && end.leftovers == [], "entry \(entry): \(end.messages) \(end.output)")
            }
        }

        @Test("Every shipped plan has a test")
        func complete() throws {
            let names = try FileManager.default.contentsOfDirectory(atPath: Self.plans)
            let plans =
                Self.outcomes.map(\.plan) + Self.linkPlans.map(\.plan) + Self.refusals.map(\.plan) + ["payload-flip"]
                + SurviveTests.plans.map(\.plan)
            #expect(Set(names) == Set(plans.map { $0 + ".yaml" }))
        }

        /// Plans that damage what a host sends to others, and what they come to.
        static let linkPlans: [(plan: String, promise: String)] = [
            ("link-lose", "O1"), ("link-duplicate", "O1"), ("link-reorder", "O1"), ("link-corrupt", "O1"),
            ("link-cut", "O2"), ("link-flap", "O1"), ("link-replay", "O1"), ("link-throttle", "O1"),
            ("link-corrupt-at", "O1"), ("link-cut-at", "O2"), ("kill-agent", "O2"),
        ]

        @Test("Damage on links heals, or both sides name it", arguments: linkPlans)
        func links(plan: String, promise: String) throws {
            let (end, rows, last) = try chaos(
                plan, ["--hosts", "localhost:2,127.0.0.2:2", "--deadline", "20", "--only", "experts.bfloat16"])
            #expect(end.code == 0 && end.leftovers == [], "\(end.messages)")
            #expect(last["promises"] as? [String] == [promise], "\(last) \(end.messages)")
            #expect(injected(rows).count == 1, "\(end.output)")
        }

        @Test("A flipped bit that no defence sees is found: by the judge, and by the checker from the files alone")
        func silent() throws {
            let folder = try TestFolder()
            let history = folder.path + "/history"
            let (end, _, last) = try chaos("payload-flip", ["--dies", "4", "--history", history])
            #expect(end.code == 1, "\(end.messages)")
            let violations = try #require(last["violations"] as? [String])
            #expect(violations.contains { $0.contains("a silent wrong answer") }, "\(violations)")
            #expect(last["integrity"] as? String == "off")
            #expect((last["replay"] as? String)?.contains("--seed 7") == true)
            let check = try ClusterUnderTest(["check", history]).end()
            #expect(check.code == 1)
            #expect(check.messages.contains { $0.contains("is not what was sent to expert") }, "\(check.messages)")
        }

        @Test("With --integrity the same bit, and one of a KV partial, is a typed error that names sender and place")
        func protected() throws {
            let (end, rows, last) = try chaos("payload-flip", ["--dies", "4", "--integrity"])
            #expect(end.code == 0 && end.leftovers == [], "\(end.messages)")
            #expect(last["promises"] as? [String] == ["O2"] && last["integrity"] as? String == "crc32c", "\(last)")
            let text = try #require(
                rows.compactMap { $0["text"] as? String }.first {
                    $0.contains("got damaged data from rank 1 in dispatch")
                })
            #expect(text.contains("for local expert 0 in call") && text.contains("at window byte"), "\(text)")
            let folder = try TestFolder()
            let plan = folder.path + "/plan.yaml"
            try """
            format: softpod-faults/1
            name: partial
            promise: [O2]
            faults:
              - {kind: flip, rank: 1, at: {point: decode.barrier, entry: 3}, bit: 21}

            """.write(toFile: plan, atomically: true, encoding: .utf8)
            for (more, code) in [([], Int32(1)), (["--integrity"], 0)] {
                let end = try ClusterUnderTest(
                    [
                        "chaos", "--faults", plan, "--seed", "3", "--dies", "3", "--deadline", "1", "--rounds", "1",
                        "--json",
                        "--only", "attention.amla.float32",
                    ] + more
                ).end()
                #expect(end.code == code && end.leftovers == [], "\(more): \(end.messages)")
            }
        }

        @Test("Check words change no token, in either layout of attention")
        func protectedText() throws {
            for layout in ["data", "kv-shards"] {
                let generate = [
                    "generate", "--model", ClusterUnderTest.austen, "--dies", "4", "--max-tokens", "8", "--attention",
                    layout, "--json",
                ]
                let plain = try ClusterUnderTest(generate).end()
                let whole = try ClusterUnderTest(generate + ["--integrity"]).end()
                #expect(plain.code == 0 && whole.code == 0, "\(whole.messages)")
                #expect(try plain.generated().map(\.ids) == whole.generated().map(\.ids))
            }
        }

        @Test("A seed replays: the same faults at the same places; another seed draws others")
        func replay() throws {
            for plan in ["kill-in-dispatch", "count", "kill-any-time"] {
                let first = injected(try chaos(plan).rows)
                #expect(first == injected(try chaos(plan).rows) && !first.isEmpty, "\(plan)")
            }
            let ranks = try Set((1...4).flatMap { injected(try chaos("mute", seed: $0).rows) })
            #expect(ranks.count > 1, "\(ranks)")
        }

        @Test("Over two hosts, and with several dies a process, a plan reaches its rank")
        func placed() throws {
            for more in [["--hosts", "localhost:2,127.0.0.2:2"], ["--dies", "4", "--dies-per-process", "2"]] {
                for plan in ["kill-in-combine", "pause", "epoch"] {
                    let (end, rows, last) = try chaos(plan, more)
                    #expect(end.code == 0 && end.leftovers == [], "\(plan) \(more): \(end.messages) \(last)")
                    #expect(!injected(rows).isEmpty, "\(plan) \(more)")
                }
            }
        }

        @Test("Runs of drawn plans end as promised, one after the other")
        func drawn() throws {
            let end = try ClusterUnderTest([
                "chaos", "--dies", "3", "--seed", "100", "--repeat", "5", "--deadline", "1", "--rounds", "2", "--json",
            ]).end()
            #expect(end.code == 0 && end.leftovers == [], "\(end.messages)")
            let last = try end.object(end.outputLines.last)
            #expect((last["promises"] as? [String])?.count == 5)
        }

        @Test("A text under faults has the tokens of a run without, or fails as promised")
        func text() throws {
            for (plan, promise) in [("pause", "O1"), ("kill-in-combine", "O2")] {
                let (end, _, last) = try chaos(
                    plan, ["--dies", "4", "--workload", "generate", "--model", ClusterUnderTest.austen])
                #expect(end.code == 0 && end.leftovers == [], "\(end.messages)")
                #expect(last["outcomes"] as? [String] == Array(repeating: promise, count: 4), "\(last)")
            }
        }

        @Test("A failing schedule is reduced to the fault that it takes, and its replay is one command")
        func shrink() throws {
            let folder = try TestFolder()
            let plan = folder.path + "/plan.yaml"
            let pause = "  - {kind: pause, rank: any, at: {point: dispatch.wait, entry: 2}, for: 1 ms}\n"
            try """
            format: softpod-faults/1
            name: many
            faults:
            \(pause)\(pause)  - {kind: flip, rank: 1, at: {point: dispatch.flag, peer: 0}, bit: 30}
            \(pause)
            """.write(toFile: plan, atomically: true, encoding: .utf8)
            let arguments = ["chaos", "--faults", plan, "--dies", "3", "--rounds", "1", "--deadline", "1", "--json"]
            let end = try ClusterUnderTest(arguments + ["--seed", "5", "--repeat", "3", "--shrink"]).end()
            #expect(end.code == 1 && end.leftovers == [], "\(end.messages)")
            let last = try end.object(end.outputLines.last)
            #expect(last["shrunk"] as? String == "3", "\(last)")
            let replay = try #require(last["replay"] as? String)
            #expect(replay.hasSuffix("--json --seed 5 --keep 3"), "\(replay)")
            let again = try ClusterUnderTest(arguments + ["--seed", "5", "--keep", "3"]).end()
            #expect(again.code == 1, "\(again.messages)")
        }

        @Test("Other workloads run under a plan")
        func workloads() throws {
            for workload in ["smoke", "soak"] {
                let folder = try TestFolder()
                let plan = folder.path + "/plan.yaml"
                try """
                format: softpod-faults/1
                name: early
                faults:
                  - {kind: kill, rank: 1, at: {access: put, entry: 2}}

                """.write(toFile: plan, atomically: true, encoding: .utf8)
                let end = try ClusterUnderTest([
                    "chaos", "--faults", plan, "--workload", workload, "--dies", "3", "--deadline", "1", "--json",
                ]).end()
                #expect(end.code == 0 && end.leftovers == [], "\(workload): \(end.messages) \(end.output)")
                #expect(try end.object(end.outputLines.last)["outcomes"] as? [String] == ["O2"], "\(end.output)")
            }
        }

        @Test("generate and run take a plan and tell the timeline; a history of a whole run holds")
        func options() throws {
            let generate = [
                "generate", "--model", ClusterUnderTest.austen, "--dies", "4", "--max-tokens", "8", "--json",
            ]
            let killed = try ClusterUnderTest(generate + ["--faults", Self.plans + "kill-in-combine.yaml"]).end()
            #expect(killed.code == 75 && killed.leftovers == [], "\(killed.messages)")
            #expect(killed.messages.contains { $0.contains("timeline: ") && $0.contains("crash of rank 1") })
            let folder = try TestFolder()
            let whole = try ClusterUnderTest(generate + ["--history", folder.path + "/whole"]).end()
            #expect(whole.code == 0, "\(whole.messages)")
            let check = try ClusterUnderTest(["check", folder.path + "/whole", "--json"]).end()
            #expect(check.code == 0, "\(check.messages)")
            for line in check.outputLines {
                let row = try check.object(line)
                // No collective of a run of this model has a result in the heap.
                let isChecked = (row["checked"] as? Int ?? 0) > 0 || row["invariant"] as? String == "agreement"
                #expect(row["broken"] as? Int == 0 && isChecked, "\(row)")
            }
            let plain = try ClusterUnderTest(generate).end()
            #expect(try plain.generated().map(\.ids) == whole.generated().map(\.ids))
        }

        @Test(
            "What is wrong with a plan or a folder is refused before anything starts",
            arguments: [
                (["chaos", "--faults", "/nowhere.yaml"], Int32(66), "/nowhere.yaml"),
                (["chaos", "--faults", plans + "stop.yaml", "--dies", "1"], 65, "stop.yaml:6: faults[0]: rank is 1"),
                (["run", "--faults", plans + "stop.yaml", "--dies", "1", "smoke"], 65, "stop.yaml:6: faults[0]"),
                (["chaos", "--repeat", "0"], 64, "--repeat"), (["chaos", "--rounds", "0"], 64, "--rounds"),
                (["chaos", "--keep", "1,x"], 64, "--keep"), (["chaos", "--keep", ""], 64, "--keep"),
                (["chaos", "--faults", plans + "stop.yaml", "--keep", "2", "--dies", "2"], 64, "faults 1 to 1"),
                (["chaos", "--only", "nothing"], 64, "no check's name"),
                (["chaos", "--history", "/proc"], 64, "is not empty"),
                (["chaos", "--history", "/proc/nowhere/x"], 74, "cannot be made"),
                (["chaos", "--history", "/x", "--repeat", "2"], 64, "--repeat makes several"),
                (["check", "/nowhere"], 66, "cannot be read"), (["check", plans], 66, "holds no history"),
            ])
        func refused(arguments: [String], code: Int32, text: String) throws {
            let end = try ClusterUnderTest(arguments).end()
            #expect(end.code == code && end.output == "", "\(end.messages)")
            #expect(end.messages.contains { $0.contains(text) }, "\(end.messages)")
            #expect(end.leftovers == [])
        }

        @Test("Members' results of collectives agree in the histories of a soak")
        func agreement() throws {
            let folder = try TestFolder()
            let history = folder.path + "/history"
            let run = try chaos("pause", ["--dies", "3", "--workload", "soak", "--history", history])
            // Collectives pass none of the plan's points, so nothing is injected, and the run says so.
            #expect(run.end.code == 1 && (run.last["violations"] as? [String])?.count == 1, "\(run.last)")
            let check = try ClusterUnderTest(["check", history, "--json"]).end()
            let rows = try check.outputLines.map { try check.object($0) }
            #expect(check.code == 0, "\(check.messages)")
            for name in ["agreement", "completion"] {
                let row = rows.first { $0["invariant"] as? String == name }
                #expect((row?["checked"] as? Int ?? 0) > 0, "\(rows)")
            }
        }

        @Test("Ctrl-C ends the runs, and nothing is left")
        func interrupted() throws {
            let cluster = try ClusterUnderTest([
                "chaos", "--faults", Self.plans + "stop.yaml", "--dies", "2", "--deadline", "60", "--repeat", "1000",
            ])
            _ = try cluster.rank(1)
            cluster.signalAgent(2)
            let end = try cluster.end()
            #expect(end.code == 130 && end.leftovers == [], "\(end.messages)")
        }

        @Test("The catalogs are listed: kinds, places, points")
        func catalogs() throws {
            let end = try ClusterUnderTest(["info", "--faults", "--json"]).end()
            #expect(end.code == 0)
            let rows = try end.outputLines.map { try end.object($0) }
            for (key, names) in [
                ("kind", ["kill", "crash", "stop", "pause", "slow", "store", "flip", "mute", "hang"]),
                ("place", ["epoch", "flag", "count", "header", "payload", "team.gate"]),
                ("point", ["dispatch.row", "combine.flag", "decode.merge"]),
            ] {
                #expect(Set(names).isSubset(of: rows.compactMap { $0[key] as? String }), "\(key)")
            }
        }
    }
}
