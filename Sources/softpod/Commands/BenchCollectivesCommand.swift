internal import ArgumentParser
internal import Collectives
internal import FoundationEssentials
internal import Launching
internal import NodeRuntime
internal import SharedMemory
internal import Tensors

/// Collectives by all their algorithms, beside floors made of limits measured in the same run.
struct BenchCollectivesCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "collectives",
        abstract: "Collectives by each algorithm, size and fraction, as ratios to a floor; gains; choice; tuning.",
        discussion: """
            bytes is what nccl-tests means by size: the block of one die for broadcast, reduce, allreduce and \
            sendreceive; the whole buffer of all blocks for allgather, reducescatter, alltoall, gather and scatter \
            (a block is that over the members, rounded down to whole elements, one at least). allgatherv and \
            alltoallv count as if all blocks were the longest; their bandwidths count what is moved.

            A call is timed from a barrier over a loop without barriers, as the slowest member's mean; figures are \
            the median, 10th and 90th percentile of batches. algGBps is bytes over the median, busGBps that times \
            2(n-1)/n for allreduce, (n-1)/n for allgather, reducescatter, alltoall, gather and scatter, 1 for the \
            others. wrong counts elements that differ from the oracle's result after the last batch, over all \
            members.

            floorMicroseconds = one raw barrier of the same processes + bytes copied / copy rate + bytes written \
            again / fill rate + bytes folded / fold rate. All are the best of batches measured beside the row by \
            bare loops: rates on as many dies as there are cores, over as many bytes as the row's sources and \
            destinations have. For n members: broadcast copies B and writes (n-1) B; allgather of S in all copies S \
            and writes (n-1) S; alltoall copies n S; gather and scatter copy S; sendreceive copies n B; allreduce \
            folds n B and writes n B; reduce folds n B and writes B; reducescatter folds n S and writes S. In place, \
            a member's own block need not be copied.

            Where other programs run, absolute figures mean little; ratios of one run mean more.
            """)

    @OptionGroup var cluster: ClusterOptions
    @OptionGroup(title: "What is measured") var sweep: CollectiveSweep
    @OptionGroup var tuning: TuningOptions

    @Option(help: "table, nccl, osu, hccl or json.") var format: CollectiveFormat?
    @Flag(help: "The same as --format json.") var json = false
    @Flag(help: "What concurrent push and pull gains over the better of push and pull, for each operation and size.")
    var gains = false
    @Flag(help: "What automatic chooses beside the best algorithm of the same run, for each operation and size.")
    var choice = false
    @Option(
        help: ArgumentHelp("Measure every algorithm and write the fastest as a tuning table.", valueName: "file"))
    var tune: String?

    func validate() throws {
        if let format, json, format != .json {
            throw ValidationError("--json and --format \(format.rawValue) contradict each other.")
        }
        if gains, tune != nil { throw ValidationError("--gains and --tune are two runs.") }
        if choice, gains || tune != nil { throw ValidationError("--choice, --gains and --tune are runs of their own.") }
        if choice, sweep.team == .random { throw ValidationError("--choice has no team that leaves dies out.") }
        if gains || choice, chosenFormat.isBySection {
            throw ValidationError("--gains and --choice have the formats table and json.")
        }
        if gains, !sweep.algorithm.isEmpty { throw ValidationError("--gains chooses the algorithms itself.") }
        if let seconds = sweep.rowSeconds,
            seconds / Double(max(sweep.repetitions, 1)) > (cluster.givenDeadline ?? 60) / 2
        {
            // Dies outside a team wait for the batch.
            throw ValidationError("--row-seconds over --repetitions must be at most half of --deadline.")
        }
        if tune == "" { throw ValidationError("--tune needs the name of a file.") }
        if tune != nil, sweep.team != .world { throw ValidationError("--tune measures the world.") }
    }

    private var chosenFormat: CollectiveFormat { json ? .json : format ?? .table }

    func run() throws {
        try Failure.guarded(cluster) {
            if let tune {
                try HostSession.requireOneHost("--tune measures a table of one host's dies, by their number")
                try TuningFile.check(tune)
            }
            let mode: CollectiveSweep.Mode = gains ? .gains : choice ? .choice : tune == nil ? .rows : .tuning
            let seed = sweep.seed ?? UInt64.random(in: 0...UInt64(UInt32.max))
            let tuningText = try tuning.text()
            var all: [(dies: Int, figure: CollectiveFigure)] = []
            var wrong = 0
            for dies in sweep.dies(cluster, mode) {
                var plan = try sweep.plan(mode, chosenFormat, dies: dies, seed: seed)
                plan.tuning = tuningText
                plan.showsChoice = choice
                let figures = try measure(plan, dies: dies)
                wrong += figures.compactMap(\.wrong).reduce(0, +)
                all += figures.map { (dies, $0) }
            }
            if gains { GainsTable(all).print(Report(json: chosenFormat == .json)) }
            if choice { ChoiceTable(all).print(Report(json: chosenFormat == .json)) }
            if wrong > 0 {
                let rows = all.filter { ($0.figure.wrong ?? 0) > 0 }.map { dies, figure in
                    "\(figure.wrong ?? 0) elements of \(figure.operation) by \(figure.algorithm), \(figure.byteCount) bytes, \(dies) dies"
                }
                throw WrongResult.told(rows, replay: [("--seed", "\(seed)")])
            }
            if let tune { try TuningFile.write(all, to: tune) }
        }
    }

    /// Runs one cluster and writes its rows as they come.
    private func measure(_ plan: CollectivePlan, dies: Int) throws -> [CollectiveFigure] {
        var options = cluster
        options.givenDies = dies
        options.givenNPUs = nil
        options.givenDiesPerProcess = min(cluster.diesPerProcess, dies)
        let configuration = try options.configuration(
            workload: CollectivesWorkload.self, payload: Array(try JSONEncoder().encode(plan)),
            windowByteCount: try plan.windowByteCount(dies: dies))
        var facts = RunFacts(cluster: options, processes: configuration.processCount).row
        facts.append("seed", .integer(Int(truncatingIfNeeded: plan.seed)))
        var writer = CollectiveWriter(
            format: chosenFormat, facts: facts, type: plan.type, reduction: plan.reduction, isInPlace: plan.isInPlace)
        if chosenFormat != .json {
            writer.report.line(
                "# \(dies) dies in \(configuration.processCount) processes on \(WaitPolicy.usableCores) cores, seed "
                    + "\(plan.seed), commit \(RunFacts.commit) (measured)")
        }
        var figures: [CollectiveFigure] = []
        let progress = Progress(total: plan.groups.reduce(0) { $0 + $1.algorithms.count }, what: "\(dies) dies")
        let outcome = try Failure.launch(configuration) { event in
            guard case .said(_, let bytes) = event,
                // What a die of this build says can be read; anything else is no row.
                let said = try? JSONDecoder().decode(CollectiveEvent.self, from: Data(bytes))
            else { return }
            for limit in said.limits { writer.limit(limit) }
            for figure in said.figures {
                figures.append(figure)
                if gains || choice {
                    progress.advance("\(figure.operation) \(figure.byteCount)")
                } else {
                    writer.figure(figure)
                }
            }
        }
        progress.finish()
        try Failure.check(outcome)
        if !gains, !choice { writer.finish() }
        return figures
    }
}
