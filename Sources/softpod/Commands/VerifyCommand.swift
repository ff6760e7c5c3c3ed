internal import ArgumentParser
internal import Fabric
internal import FoundationEssentials
internal import Launching
internal import NodeRuntime

/// Judges every catalog entry, or a model, on a live cluster.
struct VerifyCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify", abstract: "Judge every catalog entry against the oracle, or a model against a text.",
        discussion: """
            Without --model: transports, teams, every collective in every form, expert exchange in every wire format, \
            every attention variant, and the gate, on a live cluster, over every transport. Exit code 1 if anything is wrong.

            With --soak: random collectives for that many seconds, by every algorithm, on many teams, with pauses; every result \
            judged. Exit code 1 if anything is wrong.

            With --fuzz: so many hostile inputs, dealt out to everything that reads what comes from outside (messages, \
            files, environments, shared memory). A line a second says how far it is; --seed and --first replay. Exit code 1 if \
            anything is wrong.

            With --schedules: so many random schedules of the protocols in simulation: which rank runs next, which put or \
            signal arrives next and which rank dies at which step are drawn from --seed. Results are judged bit for bit; a \
            rank's death must end in typed failures that name it; none may hang or lose a wake-up. What breaks is made as \
            small as it can be, and printed as a --schedule, which replays it. Exit code 1 if anything is wrong.

            With --model: reads a text in windows (teacher forcing) and prints perplexity, top1 (the share of tokens that \
            were the likeliest) and agreementWithFloat32 (the share of positions where the likeliest token is float32's). \
            The text is --text, or the held-out text of golden.json beside the model.
            """)

    @OptionGroup var cluster: ClusterOptions
    @Option(help: ArgumentHelp("Folder of a model to judge instead of the catalogs.", valueName: "folder"))
    var model: String?
    @OptionGroup(title: "Options with --model") var score: ScoreOptions
    @OptionGroup(title: "Options with --model") var place: PlacementOptions
    @Option(help: "Decides the made-up data; printed, so that a failure can be replayed.") var seed: UInt64?
    @Option(help: ArgumentHelp("Only entries whose name contains this.", valueName: "text")) var only: String?
    @Option(help: ArgumentHelp("Run random collectives for this long instead.", valueName: "seconds"))
    var soak: Double?
    @Option(help: ArgumentHelp("Feed this many hostile inputs to all readers instead.", valueName: "count"))
    var fuzz: UInt64?
    @Option(help: ArgumentHelp("Run this many simulated schedules instead.", valueName: "count")) var schedules: Int?
    @Option(help: ArgumentHelp("Replay one simulated schedule, as --schedules printed it.", valueName: "text"))
    var schedule: String?
    @Option(
        help: ArgumentHelp("Number of the first input or schedule, with --fuzz or --schedules.", valueName: "number"))
    var first: UInt64 = 0
    @Option(help: ArgumentHelp("Bytes of the largest block of --soak.", valueName: "bytes"))
    var largest = ByteCount(16 << 10)
    @Flag(help: "One JSON object a row instead of a table.") var json = false

    func validate() throws {
        if let soak, !(soak > 0 && soak <= 86_400) {
            throw ValidationError("--soak must be more than 0 and at most 86400 seconds, not \(soak).")
        }
        guard (8...(16 << 20)).contains(largest.value) else {
            throw ValidationError("--largest must be 8 to 16M, not \(largest.value).")
        }
        if let fuzz, !(1...1_000_000_000_000).contains(fuzz) || first > 1_000_000_000_000 {
            throw ValidationError("--fuzz and --first must be at most 1000000000000, and --fuzz at least 1.")
        }
        if fuzz == nil, schedules == nil, first != 0 {
            throw ValidationError("--first goes with --fuzz or --schedules.")
        }
        if let schedules, !(1...100_000_000).contains(schedules) || first > 1_000_000_000_000 {
            throw ValidationError("--schedules must be 1 to 100000000.")
        }
        let asked = [
            ("--fuzz", fuzz != nil), ("--soak", soak != nil), ("--model", model != nil),
            ("--schedules", schedules != nil), ("--schedule", schedule != nil),
        ].filter(\.1).map(\.0)
        if asked.count > 1 { throw ValidationError("\(asked[0]) and \(asked[1]) are two different things to do.") }
    }

    func run() throws {
        try Failure.guarded(cluster) {
            if let fuzz { return try FuzzSoak(command: self, count: fuzz).run() }
            if let model { return try ModelScore(command: self, folder: model).run() }
            if let schedules { return try ScheduleCheck(command: self).run(schedules) }
            if let schedule { return try ScheduleCheck(command: self).replay(schedule) }
            if let soak { return try SoakRun(command: self, seconds: soak).run() }
            try judgeCatalogs()
        }
    }

    private func judgeCatalogs() throws {
        let seed = seed ?? UInt64.random(in: 0...UInt64(UInt32.max))
        let checks = CheckCatalog.all.filter { check in only.map { check.name.contains($0) } ?? true }
        guard !checks.isEmpty else { throw UsageError("no catalog entry's name contains \(only ?? "")") }
        if !json { Report.remark("\(checks.count) checks, \(cluster.dies) dies, seed \(seed)") }
        var failed: [(check: String, line: String)] = []
        for route in TransportCatalog.all where route.crossesHosts == HostSession.hasHosts {
            let plan = VerifyWorkload.Plan(seed: seed, checks: checks.map(\.name))
            var configuration = try cluster.configuration(
                workload: VerifyWorkload.self, payload: Array(try JSONEncoder().encode(plan)),
                windowByteCount: CheckBench.windowByteCount(cluster))
            configuration.route = route.name
            let progress = Progress(total: checks.count, what: route.name)
            let outcome = try Failure.launch(configuration) { event in
                if case .said(_, let bytes) = event { progress.advance(String(decoding: bytes, as: UTF8.self)) }
                if case .failed = event { progress.finish() }
            }
            progress.finish()
            try Failure.check(outcome)
            failed += try report(outcome, checks, route.name, seed)
        }
        guard !failed.isEmpty else { return }
        // A check's data follow from its name and the seed, so it can be replayed alone.
        let names = Set(failed.map(\.check))
        var options = [(flag: "--seed", value: "\(seed)")]
        if let name = names.first, names.count == 1 { options.insert(("--only", name), at: 0) }
        throw WrongResult.told(failed.map { "\($0.check): \($0.line)" }, replay: options)
    }

    /// Prints what was found over one transport, and returns the checks that failed.
    private func report(
        _ outcome: ClusterOutcome, _ checks: [any Check], _ route: String, _ seed: UInt64
    ) throws -> [(check: String, line: String)] {
        var totals = [Finding](repeating: Finding(), count: checks.count)
        for (rank, findings) in try RunResults.all([Finding].self, of: outcome).enumerated() {
            guard findings.count == checks.count else {
                throw InputError(.software, "rank \(rank) made \(findings.count) of \(checks.count) checks")
            }
            for (index, finding) in findings.enumerated() { totals[index].add(finding) }
        }
        let rows = zip(checks, totals).map { check, total in
            Row([
                "entry": .text(check.name), "transport": .text(route), "dies": .integer(cluster.dies),
                "processes": .integer(outcome.processCount), "judge": .text(check.judge),
                "comparisons": .integer(total.trials), "error": total.error.map { .number($0) } ?? .absent,
                "nearTies": total.nearTies.map { .integer($0) } ?? .absent,
                "wrong": .integer(total.wrong), "digest": .text(total.digest.text),
                "seed": .integer(Int(truncatingIfNeeded: seed)),
                "first": total.first.map { .text($0) } ?? .absent, "kind": "measured",
                "commit": .text(RunFacts.commit),
            ])
        }
        let columns = ["entry", "judge", "comparisons", "error", "nearTies", "wrong"]
        Report(json: json).rows(rows, title: "\(route), \(cluster.dies) dies", columns: columns)
        var digest = ResultDigest()
        for total in totals { digest.add(total.digest.value) }
        if !json { Report.remark("\(route): digest of all results \(digest.text)") }
        return zip(checks, totals).filter { $1.wrong > 0 }.map { check, total in
            (check.name, (total.first ?? "no place is known") + " (\(total.wrong) of \(total.trials), \(route))")
        }
    }
}
