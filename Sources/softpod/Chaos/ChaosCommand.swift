internal import ArgumentParser
internal import ClusterFiles
internal import Faults
internal import FoundationEssentials
internal import Launching
internal import NodeRuntime

/// Runs a workload under injected faults and judges what came of it.
struct ChaosCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "chaos", abstract: "Run a workload under injected faults, and judge what came of every operation.",
        discussion: """
            Injects the faults of a plan (--faults; without it a plan is drawn from the seed), prints what was injected where and when, \
            which rank or agent noticed what, what was decided, and what every operation came to: O1 bit-exact, O2 a typed failure before \
            the deadline, O3 bit-exact over the ranks that are left. A silent wrong answer, a wait beyond the deadline, an end that the plan does not promise, and anything left \
            behind (process, run folder, shared memory) are violations. The last line is a command that replays the run.

            Workloads:
              operations  checks of softpod verify over and over; by default expert dispatch/combine and KV-sharded attention
              smoke       barrier, all-gather, all-to-all, once, every byte checked
              generate    four texts from --model, each token compared with a run without faults
              soak        random collectives for --seconds, every result checked
              survive     collectives and dispatch/combine, --rounds times ten of them; with --survive ranks that are left go on (O3)

            Waits last at most 5 s unless --deadline says otherwise. Files: cluster/faults; kinds, places and points: softpod info --faults. \
            With --json a row an event and an operation, then an object with seed, outcomes and violations. \
            Exit code 0 without a violation, 1 with one.
            """)

    enum Name: String, ExpressibleByArgument, CaseIterable {
        case operations, smoke, soak, generate, survive
    }

    @OptionGroup var cluster: ClusterOptions
    @Option(
        help: ArgumentHelp("The plan: a YAML file, see docs/faults.md. By default one is drawn.", valueName: "file"))
    var faults: String?
    @Option(help: "Draws the data, and what the plan leaves open; printed, so that a run can be replayed.")
    var seed: UInt64?
    @Option(help: "What to run.") var workload = Name.operations
    @Option(help: ArgumentHelp("Generate: folder of the model.", valueName: "folder")) var model: String?
    @Option(help: ArgumentHelp("Operations: only checks whose name contains this.", valueName: "text"))
    var only: String?
    @Option(help: ArgumentHelp("Operations, survive: how often all of them are run.", valueName: "number")) var rounds =
        4
    @Option(help: ArgumentHelp("Soak: for how long.", valueName: "seconds")) var seconds = 1.0
    @Option(
        name: .customLong("repeat"), help: ArgumentHelp("Run so many seeds, one after the other.", valueName: "number"))
    var repetitions = 1
    @Option(
        help: ArgumentHelp(
            "Inject only these of the plan's faults, by their numbers from 1: 2,5. What is drawn stays the same.",
            valueName: "numbers"))
    var keep: String?
    @Flag(help: "Reduce the first run with a violation to faults of which none can be left out.") var shrink = false
    @OptionGroup var survival: SurvivalOptions
    @OptionGroup var history: HistoryOptions
    @Flag(help: "One JSON object a row instead of tables.") var json = false

    func validate() throws {
        guard (1...1_000_000).contains(repetitions) else {
            throw ValidationError("--repeat must be 1 to 1000000, not \(repetitions).")
        }
        guard (1...100_000).contains(rounds) else {
            throw ValidationError("--rounds must be 1 to 100000, not \(rounds).")
        }
        guard seconds > 0, seconds <= 86_400 else {
            throw ValidationError("--seconds must be more than 0 and at most 86400, not \(seconds).")
        }
        guard only == nil || workload == .operations else { throw ValidationError("--only goes with operations.") }
        guard keep == nil || kept?.isEmpty == false else {
            throw ValidationError("--keep must be numbers from 1 with commas between them, not \(keep ?? "").")
        }
        guard (model != nil) == (workload == .generate) else {
            throw ValidationError("--workload generate and --model go together.")
        }
        guard history.history == nil || repetitions == 1 else {
            throw ValidationError("--history is of one run, and --repeat makes several.")
        }
    }

    /// The numbers of --keep.
    private var kept: Set<Int>? {
        guard let keep else { return nil }
        let numbers = keep.split(separator: ",", omittingEmptySubsequences: false).map { Int($0) }
        return numbers.contains { ($0 ?? 0) < 1 } ? [] : Set(numbers.compactMap { $0 })
    }

    func run() throws {
        try Failure.guarded(cluster) {
            let first = seed ?? UInt64.random(in: 0...UInt64(UInt32.max))
            let source = try faults.map { try FaultSource(path: $0) }
            let folder = try history.prepared()
            let text = workload == .generate ? try ChaosText(self) : nil
            var runs: [ChaosRun.Result] = []
            var shrunk: Set<Int>?
            for number in 0..<UInt64(repetitions) {
                var run = ChaosRun(
                    command: self, source: source, text: text, seed: first &+ number, historyFolder: folder,
                    keep: kept)
                if repetitions > 1 { run.telling = .violations }
                let result: ChaosRun.Result
                do { result = try run.result() } catch let status as ExitStatus {
                    // Of many runs those before it are told all the same.
                    if !runs.isEmpty { try summarise(runs, first: first, shrunk: nil) }
                    throw status
                }
                runs.append(result)
                if shrink, !result.violations.isEmpty {
                    shrunk = try run.shrunk(result.faults)
                    break
                }
            }
            try summarise(runs, first: first, shrunk: shrunk)
        }
    }

    /// A command line whose replay is one run: without --repeat and --shrink, and without the seed that the first run had.
    private static func single(_ arguments: [String]) -> [String] {
        let isMany = arguments.contains { $0 == "--repeat" || $0.hasPrefix("--repeat=") }
        var words: [String] = []
        var isValue = false
        for word in arguments {
            let isLeftOut = ["--repeat"] + (isMany ? ["--seed"] : [])
            defer { isValue = isLeftOut.contains(word) }
            let isOne = isValue || isLeftOut.contains(word) || isLeftOut.contains { word.hasPrefix($0 + "=") }
            if !isOne, word != "--shrink" { words.append(word) }
        }
        return words
    }

    private static let protected =
        "integrity: rows, scales and counts, blocks of collectives and partial states have check words (CRC-32C)"
    private static let unprotected =
        "integrity: off: a bit that changes in a row, a block of a collective or a partial state is not noticed "
        + "(--integrity); flags, counts, headers and messages between hosts are checked"

    /// What all runs came to, and the exit status.
    private func summarise(_ runs: [ChaosRun.Result], first: UInt64, shrunk: Set<Int>?) throws {
        let violations = runs.flatMap(\.violations)
        let report = Report(json: json)
        let bad = runs.first { !$0.violations.isEmpty }
        let kept = shrunk.map { $0.sorted().map(String.init).joined(separator: ",") }
        let replay = WrongResult.command(
            Self.single(CommandLine.arguments),
            with: [("--seed", "\(bad?.seed ?? first)")] + (kept.map { [("--keep", $0)] } ?? []))
        if json {
            report.facts(
                Row([
                    "seed": .integer(Int(truncatingIfNeeded: bad?.seed ?? first)), "runs": .integer(runs.count),
                    "outcomes": .texts(runs.flatMap { $0.outcomes.map(\.verdict) }),
                    "promises": .texts(runs.map(\.promise)), "violations": .texts(violations),
                    "integrity": .text(cluster.integrity ? "crc32c" : "off"),
                    "shrunk": kept.map { .text($0) } ?? .absent, "replay": .text(replay),
                    "commit": .text(RunFacts.commit),
                ]))
        } else {
            let ends = Dictionary(grouping: runs, by: \.promise).sorted { $0.key < $1.key }
                .map { "\($0.value.count) x \($0.key)" }.joined(separator: ", ")
            report.line("verdict: \(ends); \(violations.count) violations")
            report.line(cluster.integrity ? Self.protected : Self.unprotected)
            if let kept { report.line("shrunk: of its faults \(kept) are enough") }
            report.line("replay: \(replay)")
        }
        guard !violations.isEmpty else { return }
        for violation in violations.prefix(8) { Report.remark("violation: \(violation)") }
        throw ExitStatus.wrongResult
    }
}
