internal import Fabric
internal import FoundationEssentials
internal import Launching
internal import Model
internal import Telemetry
internal import Topology

/// What a generation cost: speed, operations and bytes, expert load, who ran where. All of it measured.
struct GenerationSummary {
    private let command: GenerateCommand
    private let outcome: ClusterOutcome
    private let placement: ModelPlacement
    private let tokens: Int
    private let digest: ResultDigest
    private let experts: Int
    private let results: [(rank: Int, result: GenerateWorkload.Result)]
    private let lost: [Int]

    init(
        command: GenerateCommand, outcome: ClusterOutcome, placement: ModelPlacement, printed: TokenPrinter,
        experts: Int, lost: [Int]
    ) {
        self.lost = lost
        self.command = command
        self.outcome = outcome
        self.placement = placement
        tokens = printed.tokenCount
        digest = printed.digest
        self.experts = experts
        results = outcome.results.enumerated().compactMap { rank, bytes in
            // A die that was lost has no result; the summary then covers the others and says so.
            guard let bytes, let result = try? JSONDecoder().decode(GenerateWorkload.Result.self, from: Data(bytes))
            else { return nil }
            return (rank, result)
        }
    }

    /// Rows each expert received, over all layers and groups, of the dies that handed in a result; nil if none did.
    private var expertLoad: [Int]? {
        guard !results.isEmpty else { return nil }
        var load = [Int](repeating: 0, count: experts)
        for (_, result) in results {
            for (index, expert) in result.experts.enumerated() where index < result.expertLoad.count {
                load[expert] += Int(result.expertLoad[index])
            }
        }
        return load
    }

    private var facts: Row {
        var row = RunFacts(cluster: command.cluster, outcome: outcome).row
        // What no die has reported is not known: never a measured 0.
        let seconds = results.map(\.result.stepNanoseconds).max().map { Double($0) / 1e9 }
        let number = { (value: Double?) -> Field in value.map { .number($0) } ?? .absent }
        row.append("attention", .text(placement.attention.rawValue))
        row.append("ep", .integer(placement.expertParallel))
        row.append("precision", .text(command.place.precision.rawValue))
        row.append("variant", .text(command.place.variant))
        row.append("seed", .integer(Int(truncatingIfNeeded: command.seed)))
        row.append("tokens", .integer(tokens))
        row.append("digest", .text(digest.text))
        row.append("tokensPerSecond", number(seconds.flatMap { $0 > 0 ? Double(tokens) / $0 : nil }))
        row.append("steps", results.map(\.result.steps).max().map { .integer($0) } ?? .absent)
        row.append("startSeconds", outcome.startNanoseconds.map { .number(Double($0) / 1e9) } ?? .absent)
        row.append("loadSeconds", number(results.map(\.result.loadNanoseconds).max().map { Double($0) / 1e9 }))
        row.append("generateSeconds", number(seconds))
        let used = results.isEmpty ? nil : results.map { Double($0.result.cpuNanoseconds) }.reduce(0, +) / 1e9
        row.append("cpuSeconds", number(used))
        row.append("totalSeconds", .number(Double(outcome.totalNanoseconds) / 1e9))
        let load = expertLoad ?? []
        let mean = Double(load.reduce(0, +)) / Double(max(load.count, 1))
        row.append("expertLoadMaxOverMean", number(mean > 0 ? load.max().map { Double($0) / mean } : nil))
        row.append("complete", .flag(results.count + lost.count == command.cluster.dies))
        if command.survival.survive { row.append("lost", .integers(lost)) }
        return row
    }

    private var operations: Row {
        var total = OperationCounts()
        // Of hosts that gave no last report nothing is known, so nothing is known of the sum.
        guard !outcome.counts.contains(nil) else { return Row([:]) }
        for counts in outcome.counts { if let counts { total.add(counts) } }
        var row = Row([:])
        for operation in FabricOperation.allCases {
            if let count = total.calls[operation], count > 0 {
                row.append("\(operation)", .integer(Int(clamping: count)))
            }
        }
        row.append("bytesMoved", .integer(Int(clamping: total.bytes)))
        for (tier, bytes) in zip(Tier.allCases, total.bytesByTier ?? []) {
            row.append("bytes to the \(tier)", .integer(Int(clamping: bytes)))
        }
        let exchanged = results.map(\.result.exchangeBytes).reduce(0, +)
        row.append("exchangeBytes", results.isEmpty ? .absent : .integer(Int(clamping: exchanged)))
        row.append("slowWaits", .integer(Int(clamping: total.slowWaits)))
        row.append("sleeps", .integer(Int(clamping: total.sleeps)))
        return row
    }

    private var places: [Row] {
        results.map { rank, result in
            let place = rank < Supernode.cloudMatrix384.dieCount ? Supernode.cloudMatrix384.place(of: rank) : nil
            return Row([
                "die": .integer(rank), "npu": place.map { .integer($0.npu) } ?? .absent,
                "process": .integer(result.process),
                "experts": .text(Self.range(result.experts)), "requests": .text(Self.range(result.requests)),
                "tokens": .integer(result.tokens), "rowsSent": .integer(Int(result.rowsSent)),
                "rowsReceived": .integer(Int(result.rowsReceived)),
                "exchangeWaitMilliseconds": .number(Double(result.waitNanoseconds) / 1e6),
            ])
        }
    }

    func print(_ report: Report) {
        if report.json {
            let rows = places.map(\.json).joined(separator: ",")
            let load = (expertLoad.map { Field.integers($0) } ?? .absent).json
            let head = facts.json.dropLast()
            let operations = operations.fields.isEmpty ? Field.absent.json : operations.json
            report.line(head + ",\"operations\":\(operations),\"expertLoad\":\(load),\"places\":[\(rows)]}")
            return
        }
        report.facts(facts, title: "summary (measured)")
        if operations.fields.isEmpty {
            report.line("fabric operations: not known, a host gave no last report")
        } else {
            report.facts(operations, title: "fabric operations of all dies (measured)")
        }
        let load = expertLoad ?? []
        if load.contains(where: { $0 > 0 }) {
            report.line("rows each expert received (measured)")
            for start in stride(from: 0, to: load.count, by: 16) {
                let part = load[start..<min(start + 16, load.count)].map(String.init).joined(separator: " ")
                report.line("  \(start)-\(min(start + 16, load.count) - 1): \(part)")
            }
        }
        report.rows(places, title: "who ran where (measured)")
    }

    /// `3-5` for neighbours, else the numbers.
    private static func range(_ numbers: [Int]) -> String {
        guard let first = numbers.first, let last = numbers.last else { return "none" }
        if numbers.count > 1, last - first == numbers.count - 1 { return "\(first)-\(last)" }
        return numbers.map(String.init).joined(separator: " ")
    }
}
