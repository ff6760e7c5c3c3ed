import Collectives
import Fabric
import TestKit
import Testing

@Suite("Tuning tables")
struct TuningTableTests {
    @Test("What a model chooses is the same table after it was written and read", arguments: [2, 16])
    func roundTrip(members: Int) throws {
        let table = CostModel(MachineRates(cores: 2), members: members, sharesCores: members > 2).table
        let again = try TuningTable(text: table.text)
        #expect(again == table)
        #expect(again.digest == table.digest)
    }

    @Test("A table that names every algorithm of the catalog is the same after it was written and read")
    func everyAlgorithm() throws {
        let rules = CollectiveCatalog.all.filter { $0.operation != .allToAllV && $0.operation != .sendReceive }
            .enumerated().map { index, entry in
                TuningTable.Rule(
                    entry.operation, byteCount: index * 1000, members: index + 1,
                    cores: TuningTable.Cores.allCases[index % 3], entry.algorithm)
            }
        let fractions = [0, 0.1, 1 / 3, 1].map { TuningTable.Rule(.broadcast, .concurrent(fraction: $0)) }
        let table = TuningTable(rules + fractions)
        #expect(table.rules.count == rules.count + fractions.count)
        #expect(try TuningTable(text: table.text) == table)
    }

    @Test("The first rule that fits decides, where one does; limits are the largest that fit")
    func firstFit() throws {
        let table = try TuningTable(
            text: """
                # before the heading
                softpod-tuning 1   # and after it
                allreduce 1K 4 own push
                allreduce 1K any any concurrent:0.25
                \t
                allreduce any any shared pull
                """)
        func algorithm(_ byteCount: Int, _ members: Int, _ shares: Bool) -> CollectiveAlgorithm? {
            table.algorithm(for: .allReduce, byteCount: byteCount, members: members, sharesCores: shares)
        }
        #expect(algorithm(1024, 4, false) == .push)
        #expect(algorithm(1024, 4, true) == .concurrent(fraction: 0.25))
        #expect(algorithm(1024, 5, false) == .concurrent(fraction: 0.25))
        #expect(algorithm(1025, 4, true) == .pull)
        #expect(algorithm(1025, 4, false) == nil)
        #expect(table.algorithm(for: .sendReceive, byteCount: nil, members: 2, sharesCores: false) == nil)
    }

    @Test("A rule for any operation is for those its algorithm and its limits can be for")
    func anyOperation() throws {
        let table = try TuningTable(text: "softpod-tuning 1\nany 8 any any cooperative\nany any any any pull")
        for operation in CollectiveOperation.allCases {
            let small = table.algorithm(for: operation, byteCount: 8, members: 3, sharesCores: true)
            #expect(small == (operation == .allToAllV || operation == .sendReceive ? .pull : .cooperative))
            #expect(table.algorithm(for: operation, byteCount: 9, members: 3, sharesCores: true) == .pull)
        }
    }

    @Test(
        "What is no table is refused with its line and its rule",
        arguments: [
            ("", 1, "starts with"), ("\u{0}", 1, "starts with"), ("softpod-tuning 2\n", 1, "starts with"),
            ("# only\n# words", 1, "starts with"), ("allreduce any any any push", 1, "starts with"),
            ("softpod-tuning 1\nallreduce any any any", 2, "five words"),
            ("softpod-tuning 1\n\nallreduce any any any push push", 3, "five words"),
            ("softpod-tuning 1\nallscatter any any any push", 2, "operation must be"),
            ("softpod-tuning 1\nall\u{1B}[2Jreduce any any any push", 2, "all?[2Jreduce"),
            ("softpod-tuning 1\nallreduce -1 any any push", 2, "bytes must be"),
            ("softpod-tuning 1\nallreduce 1.5K any any push", 2, "bytes must be"),
            ("softpod-tuning 1\nallreduce 1k any any push", 2, "bytes must be"),
            ("softpod-tuning 1\nallreduce K any any push", 2, "bytes must be"),
            ("softpod-tuning 1\nallreduce \u{0661} any any push", 2, "bytes must be"),
            ("softpod-tuning 1\nallreduce 9223372036854775808 any any push", 2, "bytes must be"),
            ("softpod-tuning 1\nallreduce 9223372036854775807G any any push", 2, "63 bits"),
            ("softpod-tuning 1\nallreduce any 0 any push", 2, "members must be"),
            ("softpod-tuning 1\nallreduce any any all push", 2, "cores must be"),
            ("softpod-tuning 1\nallreduce any any any automatic", 2, "algorithm must be"),
            ("softpod-tuning 1\nallreduce any any any fast", 2, "algorithm must be"),
            ("softpod-tuning 1\nallreduce any any any concurrent:", 2, "algorithm must be"),
            ("softpod-tuning 1\nallreduce any any any concurrent:nan", 2, "algorithm must be"),
            ("softpod-tuning 1\nallreduce any any any concurrent:1.01", 2, "algorithm must be"),
            ("softpod-tuning 1\nallreduce any any any push:0.5", 2, "algorithm must be"),
            ("softpod-tuning 1\nsendreceive any any any cooperative", 2, "cannot carry out"),
            ("softpod-tuning 1\nalltoallv 8 any any push", 2, "do not share a size"),
        ])
    func hostile(text: String, line: Int, rule: String) {
        let error = #expect(throws: TuningError.self) { try TuningTable(text: text) }
        #expect(error?.line == line && error?.rule.contains(rule) == true, "\(text): \(error?.description ?? "")")
    }

    @Test("Tables longer than their limits are refused")
    func long() {
        let head = TuningTable.heading + "\n"
        let many = head + String(repeating: "barrier any any any push\n", count: TuningTable.ruleLimit + 1)
        #expect(throws: TuningError(line: 4098, rule: "a tuning table has at most 4096 rules")) {
            try TuningTable(text: many)
        }
        let blank = head + String(repeating: " ", count: TuningTable.textLimit)
        #expect(throws: TuningError.self) { try TuningTable(text: blank) }
    }

    @Test("A call that names no algorithm gets the table's, one that does keeps its own", arguments: [1, 3])
    func resolved(dies: Int) throws {
        let outcome = try ThreadCluster.run(dies: dies) { world in
            let table = try TuningTable(
                text: "softpod-tuning 1\nallgather 96 any any concurrent:0.5\nallgather any any any push")
            let collective = Collective(world, try CollectiveWorkspace(world, byteCount: 0, tuning: table))
            let area = try world.allocate(byteCount: 4096)
            func resolve(_ byteCount: Int, _ algorithm: CollectiveAlgorithm) -> CollectiveAlgorithm {
                collective.resolve(
                    .allGather(
                        area.slice(0, byteCount), into: area.slice(1024, byteCount * dies), algorithm: algorithm))
            }
            return [
                resolve(96 / dies, .automatic), resolve(96 / dies + 1, .automatic), resolve(96 / dies, .pull),
            ]
        }
        #expect(outcome.errors.isEmpty, "\(outcome.errors)")
        for value in outcome.values { #expect(value == [.concurrent(fraction: 0.5), .push, .pull]) }
    }

    @Test(
        "Ranks with different tables find out before the first collective", arguments: TransportCatalog.all.map(\.name))
    func different(route: String) throws {
        let entry = try #require(TransportCatalog.all.first { $0.name == route })
        let outcome = try ThreadCluster.run(dies: 3, route: entry) { world in
            let table = TuningTable(world.rank == 1 ? [TuningTable.Rule(.allReduce, .push)] : [])
            _ = try CollectiveWorkspace(world, byteCount: 0, tuning: table)
        }
        #expect(Set(outcome.errors.keys) == [1])
        #expect(outcome.fabricErrors[1]?.code == .mismatch)
        #expect(outcome.errors[1]?.contains("tuning table") == true, "\(outcome.errors)")
    }

    @Test("Ranks whose own table chooses can run every operation by it", arguments: [2, 3])
    func automatic(dies: Int) throws {
        let table = try TuningTable(text: "softpod-tuning 1\nany 100 any any concurrent:0.5\nany any any any pull")
        let trials = CollectiveOperation.allCases.flatMap { operation in
            [3, 200].map { CollectiveTrial(operation, size: dies, count: $0, seed: 7) }
        }
        let outcome = try ThreadCluster.run(dies: dies) { world in
            let collective = Collective(world, try CollectiveWorkspace(world, byteCount: 0, tuning: table))
            let area = try world.allocate(byteCount: trials.map(\.areaByteCount).max().map { $0 + 128 } ?? 0)
            return try trials.compactMap {
                try JudgedTrial($0).run(on: collective, area: area, algorithm: .automatic)
            }
        }
        #expect(outcome.errors.isEmpty, "\(outcome.errors)")
        for wrong in outcome.values { #expect(wrong == []) }
    }
}
