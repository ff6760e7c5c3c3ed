import Experts
import Fabric
import Launching
import Oracle
import Tensors
import TestKit
import Testing

/// Dispatch and combine equal the single-process oracle bit for bit, whatever the ranks, formats and routing.
@Suite("Expert exchange")
struct ExchangeTests {
    static let cases: [(ranks: Int, dispatch: WireFormat, combine: WireFormat)] = [1, 2, 3, 4, 8].flatMap { ranks in
        WireFormat.allCases.flatMap { dispatch in
            [WireFormat.float32, .bfloat16].map { (ranks, dispatch, $0) }
        }
    }

    static func window(_ layout: ExpertLayout, exchanges: Int = 1) -> Int {
        Endpoint.reservedByteCount(dies: 16) + exchanges * (layout.byteCount + 8192) + 4096
    }

    /// Runs a body on every die and expects no error and nothing wrong.
    static func clean(
        dies: Int, layout: ExpertLayout, route: TransportCatalog.Entry = TransportCatalog.sharedMemory,
        split: HostSplit? = nil, _ comment: String, _ body: @escaping @Sendable (Team) throws -> [String]
    ) throws {
        let outcome = try ThreadCluster.run(
            dies: dies, windowByteCount: window(layout), timeout: .seconds(30), route: route, split: split, body)
        #expect(outcome.errors.isEmpty, "\(comment): \(outcome.errors)")
        #expect(outcome.values.allSatisfy { $0?.isEmpty ?? true }, "\(comment): \(outcome.values)")
    }

    @Test("Dispatch and combine give the oracle's bits for every format, rank count and pattern", arguments: cases)
    func equalsOracle(ranks: Int, dispatch: WireFormat, combine: WireFormat) throws {
        let seed = UInt64.random(in: .min ... .max)
        var random = SeededGenerator(seed: seed)
        for route in TransportCatalog.all {
            let local = Int.random(in: 1...3, using: &random)
            let layout = try ExpertLayout(
                experts: ranks * local, ranks: ranks, maximumTokens: Int.random(in: 1...6, using: &random),
                hidden: [1, 8, 31, 70][Int.random(in: 0..<4, using: &random)],
                choices: Int.random(in: 1...min(8, ranks * local), using: &random), dispatch: dispatch,
                combine: combine,
                slotAlignment: [64, 512][Int.random(in: 0..<2, using: &random)])
            let comment = "seed \(seed), \(route.name), \(layout)"
            try Self.clean(dies: ranks, layout: layout, route: route, comment) { world in
                let exchange = try ExpertExchange(world: world, team: world, layout: layout)
                let check = ExchangeCheck(exchange: exchange, expert: Workload.expert)
                return try Workload.Pattern.allCases.enumerated().flatMap { index, pattern in
                    try check.run(Workload(layout, seed: SeededGenerator.mixed(seed, UInt64(index)), pattern: pattern))
                }
            }
        }
    }

    @Test("Over uneven hosts and three of them the bits are the oracle's", arguments: [[3, 1], [1, 2, 1]])
    func split(dies: [Int]) throws {
        let seed = UInt64.random(in: .min ... .max)
        for format in WireFormat.allCases {
            let layout = try ExpertLayout(
                experts: 8, ranks: 4, maximumTokens: 6, hidden: 31, choices: 3, dispatch: format, combine: .bfloat16)
            try Self.clean(dies: 4, layout: layout, split: HostSplit(dies), "seed \(seed), \(format)") { world in
                let exchange = try ExpertExchange(world: world, team: world, layout: layout)
                let check = ExchangeCheck(exchange: exchange, expert: Workload.expert)
                return try Workload.Pattern.allCases.enumerated().flatMap { index, pattern in
                    try check.run(Workload(layout, seed: SeededGenerator.mixed(seed, UInt64(index)), pattern: pattern))
                }
            }
        }
    }

    @Test("Every number of choices from 1 to 8 works, with identity experts", arguments: 1...8)
    func choices(count: Int) throws {
        let layout = try ExpertLayout(
            experts: 8, ranks: 4, maximumTokens: 5, hidden: 12, choices: count, dispatch: .bfloat16, combine: .bfloat16)
        try Self.clean(dies: 4, layout: layout, "\(count) choices") { world in
            let exchange = try ExpertExchange(world: world, team: world, layout: layout)
            let check = ExchangeCheck(exchange: exchange, expert: Workload.identity)
            return try (0..<3).flatMap { try check.run(Workload(layout, seed: UInt64($0), pattern: .random)) }
        }
    }

    @Test("Fifty calls back to back need no barrier, however uneven the ranks are", arguments: [1, 0])
    func backToBack(combineEvery: Int) throws {
        let seed = UInt64.random(in: .min ... .max)
        let layout = try ExpertLayout(
            experts: 8, ranks: 4, maximumTokens: 7, hidden: 24, choices: 3, dispatch: .int8, combine: .bfloat16)
        try Self.clean(dies: 4, layout: layout, "seed \(seed)") { world in
            let exchange = try ExpertExchange(world: world, team: world, layout: layout)
            let check = ExchangeCheck(exchange: exchange, expert: Workload.expert)
            var random = SeededGenerator(seed: seed, UInt64(world.rank), 1000)
            var wrong: [String] = []
            var idle: UInt64 = 0
            for call in 0..<50 {
                let workload = Workload(layout, seed: SeededGenerator.mixed(seed, UInt64(call)), pattern: .random)
                // Now one rank is late, now another.
                for _ in 0..<Int.random(in: 0..<20_000, using: &random) { idle ^= random.next() }
                if combineEvery > 0 || call % 3 == 0 {
                    wrong += try check.run(workload)
                } else {
                    // A dispatch without its combine, on all ranks: only two halves of slots keep the calls apart.
                    let batch = workload.batches[world.rank]
                    let result = try exchange.dispatch(
                        rows: Array(batch.rows.joined()).span, experts: Array(batch.experts.joined()).span)
                    let rows = OracleExperts.dispatch(workload.batches, expertCount: 8, format: .int8)
                    let mine = rows[world.rank * 2..<world.rank * 2 + 2].flatMap { $0.flatMap(\.row) }
                    let got = (0..<result.rows.count).map { result.rows[$0] }
                    if !ExchangeCheck.same(got, mine) { wrong.append("rank \(world.rank), call \(call)") }
                }
            }
            return idle == 1 ? ["unlucky"] : wrong
        }
    }

    @Test("Teams side by side, of neighbours or interleaved, do not see each other", arguments: [1, 2])
    func teams(stride: Int) throws {
        let layout = try ExpertLayout(
            experts: 8, ranks: 4, maximumTokens: 5, hidden: 16, choices: 3, dispatch: .float32, combine: .float32)
        // Nine dies: the last is in no team and only reserves.
        try Self.clean(dies: 9, layout: layout, "stride \(stride)") { world in
            var mine: Team?
            for index in 0..<2 {
                let start = stride == 1 ? 4 * index : index
                if let team = try world.split(start: start, stride: stride, size: 4) { mine = team }
            }
            guard let mine else {
                try ExpertExchange.reserve(world: world, layout: layout)
                return []
            }
            let exchange = try ExpertExchange(world: world, team: mine, layout: layout)
            let check = ExchangeCheck(exchange: exchange, expert: Workload.expert)
            return try (0..<10).flatMap { call in
                try check.run(Workload(layout, seed: UInt64(100 * mine.start.index + call), pattern: .random))
            }
        }
    }

    @Test("A result stays as it was while later calls run, and memory can be given back and taken again")
    func keptResults() throws {
        let layout = try ExpertLayout(
            experts: 2, ranks: 2, maximumTokens: 4, hidden: 8, choices: 2, dispatch: .float32, combine: .float32)
        try Self.clean(dies: 2, layout: layout, "kept") { world in
            var wrong: [String] = []
            for _ in 0..<3 {
                let exchange = try ExpertExchange(world: world, team: world, layout: layout)
                var kept: [(DispatchResult, [Float])] = []
                for call in 0..<4 {
                    let batch = Workload(layout, seed: UInt64(call), pattern: .random).batches[world.rank]
                    let result = try exchange.dispatch(
                        rows: Array(batch.rows.joined()).span, experts: Array(batch.experts.joined()).span)
                    kept.append((result, (0..<result.rows.count).map { result.rows[$0] }))
                }
                for (call, (result, rows)) in kept.enumerated()
                where !ExchangeCheck.same((0..<result.rows.count).map { result.rows[$0] }, rows) {
                    wrong.append("the result of call \(call) changed")
                }
                try exchange.free(world: world)
            }
            return wrong
        }
    }

    @Test("Statistics count rows, bytes and the load of each expert")
    func statistics() throws {
        let layout = try ExpertLayout(
            experts: 6, ranks: 3, maximumTokens: 5, hidden: 10, choices: 2, dispatch: .int8, combine: .bfloat16)
        let workloads = (0..<5).map { Workload(layout, seed: UInt64($0), pattern: .random) }
        try Self.clean(dies: 3, layout: layout, "statistics") { world in
            let exchange = try ExpertExchange(world: world, team: world, layout: layout)
            let check = ExchangeCheck(exchange: exchange, expert: Workload.expert)
            for workload in workloads { _ = try check.run(workload) }
            var load = [UInt64](repeating: 0, count: 6)
            var sent: UInt64 = 0
            for workload in workloads {
                for (rank, batch) in workload.batches.enumerated() {
                    for id in batch.experts.joined() where id >= 0 {
                        load[Int(id)] += 1
                        if rank == world.rank { sent += 1 }
                    }
                }
            }
            let mine = Array(load[world.rank * 2..<world.rank * 2 + 2])
            let statistics = exchange.statistics
            var wrong: [String] = []
            if statistics.expertLoad != mine { wrong.append("load \(statistics.expertLoad), not \(mine)") }
            if statistics.rowsSent != sent { wrong.append("\(statistics.rowsSent) rows sent, not \(sent)") }
            if statistics.rowsReceived != mine.reduce(0, +) { wrong.append("rows received") }
            if statistics.dispatchBytes != sent * 26 + 5 * 24 { wrong.append("\(statistics.dispatchBytes) bytes") }
            if statistics.combineBytes != mine.reduce(0, +) * 20 { wrong.append("combine bytes") }
            if statistics.dispatches != 5 || statistics.combines != 5 { wrong.append("calls") }
            let counts = world.endpoint.counts.calls
            if counts[.dispatch] != 5 || counts[.combine] != 5 { wrong.append("the fabric's counts") }
            return wrong
        }
    }
}
