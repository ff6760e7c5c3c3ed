internal import ArgumentParser
internal import Experts
internal import Fabric
internal import FoundationEssentials
internal import Launching
internal import NodeRuntime
internal import Telemetry

/// Dispatch and combine of tokens over all dies.
struct BenchExpertsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "experts",
        abstract: "Dispatch and combine of tokens, beside a bare copy of the same bytes.",
        discussion: """
            Every die brings --tokens rows of --hidden numbers, each for --choices experts drawn evenly from all; the experts answer \
            with what they got. A repetition is timed from a barrier as its slowest die; figures are medians, with the 10th and 90th \
            percentile. bytes is what a die puts in one call, its own rows included, on the average. The limit is one bare copy of \
            those bytes by all dies at once, on one host or several. wrong counts numbers that differ from the oracle's, bit for bit.
            """)

    @OptionGroup var cluster: ClusterOptions
    @Option(help: "Rows that each die brings to a call.") var tokens = 64
    @Option(help: "Numbers in a row.") var hidden = 7168
    @Option(help: "Experts on each die.") var expertsPerDie = 2
    @Option(help: "Experts each row is for. By default 8, or all where there are fewer.") var choices: Int?
    @Option(help: ArgumentHelp("How rows go to the experts: float32, bfloat16 or int8.", valueName: "format"))
    var dispatch = "\(WireFormat.int8)"
    @Option(help: ArgumentHelp("How rows come back: float32 or bfloat16.", valueName: "format"))
    var combine = "\(WireFormat.bfloat16)"
    @Option(help: "Calls that are measured.") var repetitions = 15
    @Option(help: "Decides rows and routing; printed, so that a run can be repeated.") var seed: UInt64?
    @Flag(help: "One JSON object a row instead of a table.") var json = false

    func validate() throws {
        for (name, value, range) in [
            ("--tokens", tokens, 1...65_536), ("--hidden", hidden, 1...65_536),
            ("--experts-per-die", expertsPerDie, 1...4096), ("--repetitions", repetitions, 1...10_000),
        ] where !range.contains(value) {
            throw ValidationError("\(name) must be \(range.lowerBound) to \(range.upperBound), not \(value).")
        }
        guard ExpertsWorkload.Plan.format(dispatch) != nil else {
            throw ValidationError("--dispatch must be float32, bfloat16 or int8, not \(dispatch).")
        }
        guard let back = ExpertsWorkload.Plan.format(combine), back != .int8 else {
            throw ValidationError("--combine must be float32 or bfloat16, not \(combine).")
        }
    }

    func run() throws {
        try Failure.guarded(cluster) {
            let experts = expertsPerDie * cluster.dies
            let plan = ExpertsWorkload.Plan(
                tokens: tokens, hidden: hidden, expertsPerDie: expertsPerDie, choices: choices ?? min(8, experts),
                dispatch: dispatch, combine: combine, repetitions: repetitions,
                seed: seed ?? UInt64.random(in: 0...UInt64(UInt32.max)))
            guard (1...experts).contains(plan.choices) else {
                throw UsageError("--choices must be 1 to the number of experts, \(experts), not \(plan.choices)")
            }
            let layout = try plan.layout(dies: cluster.dies, isProtected: cluster.integrity)
            let outcome = try Failure.launch(
                try cluster.configuration(
                    workload: ExpertsWorkload.self, payload: Array(try JSONEncoder().encode(plan)),
                    windowByteCount: layout.byteCount + (1 << 16)
                        + Endpoint.reservedByteCount(dies: cluster.dies)))
            try Failure.check(outcome)
            let findings = try RunResults.all(ExpertsWorkload.Finding.self, of: outcome)
            Report(json: json).rows(
                rows(findings, plan, outcome),
                title:
                    "experts, \(cluster.dies) dies in \(outcome.processCount) processes, \(tokens) tokens of \(hidden) a die, "
                    + "\(plan.choices) of \(experts) experts, seed \(plan.seed) (measured)",
                columns: [
                    "op", "format", "bytes", "medianMicroseconds", "p10", "p90", "GBps", "limitMicroseconds",
                    "ratioToLimit", "wrong",
                ])
            let wrong = findings.reduce(0) { $0 + $1.wrong }
            if wrong > 0 {
                throw WrongResult.told(
                    ["\(wrong) numbers of combined rows differ"], replay: [("--seed", "\(plan.seed)")])
            }
        }
    }

    private func rows(
        _ findings: [ExpertsWorkload.Finding], _ plan: ExpertsWorkload.Plan, _ outcome: ClusterOutcome
    ) -> [Row] {
        let wrong = findings.reduce(0) { $0 + $1.wrong }
        let both = findings.map { zip($0.dispatch, $0.combine).map { $0 + $1 } }
        let bothCopies = findings.map { zip($0.dispatchCopy, $0.combineCopy).map { $0 + $1 } }
        return [
            (
                "dispatch", plan.dispatch, findings.map(\.dispatchByteCount), findings.map(\.dispatch),
                findings.map(\.dispatchCopy)
            ),
            (
                "combine", plan.combine, findings.map(\.combineByteCount), findings.map(\.combine),
                findings.map(\.combineCopy)
            ),
            (
                "dispatch + combine", "\(plan.dispatch), \(plan.combine)",
                findings.map { $0.dispatchByteCount + $0.combineByteCount }, both, bothCopies
            ),
        ].map { operation, format, byteCounts, times, copies in
            let byteCount = byteCounts.reduce(0, +) / byteCounts.count
            let time = Self.slowest(times)
            let copy = Self.slowest(copies)
            var row = RunFacts(cluster: cluster, outcome: outcome).row
            row.append("op", .text(operation))
            row.append("format", .text(format))
            row.append("tokens", .integer(plan.tokens))
            row.append("hidden", .integer(plan.hidden))
            row.append("experts", .integer(plan.expertsPerDie * cluster.dies))
            row.append("choices", .integer(plan.choices))
            row.append("bytes", .integer(byteCount))
            row.append("medianMicroseconds", .number(time.median / 1e3))
            row.append("p10", .number(time.percentile(0.1) / 1e3))
            row.append("p90", .number(time.percentile(0.9) / 1e3))
            row.append("GBps", .number(Double(byteCount) / time.median))
            row.append("limit", .text("bare copy of the bytes by all dies"))
            row.append("limitMicroseconds", .number(copy.median / 1e3))
            row.append("ratioToLimit", .number(time.median / copy.median))
            row.append("wrong", .integer(wrong))
            row.append("repetitions", .integer(time.count))
            row.append("seed", .integer(Int(truncatingIfNeeded: plan.seed)))
            return row
        }
    }

    /// The slowest die of each repetition.
    private static func slowest(_ times: [[UInt64]]) -> Sample {
        Sample(times[0].indices.map { repetition in Double(times.map { $0[repetition] }.max() ?? 0) })
    }
}
