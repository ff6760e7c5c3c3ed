internal import ArgumentParser
internal import ClusterFiles
internal import Faults
internal import FoundationEssentials
internal import Launching
internal import NodeRuntime

/// Faults and histories, for commands that run a cluster.
struct FaultOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Inject the faults of this plan (YAML, see docs/faults.md), and tell the timeline on standard error.",
            valueName: "file"))
    var faults: String?

    @Option(help: "Draws what the plan leaves open.") var faultSeed: UInt64 = 0

    @OptionGroup var history: HistoryOptions

    /// What a configuration takes for these flags.
    func apply(to configuration: inout ClusterConfiguration) throws {
        configuration.instruments.historyFolder = try history.prepared()
        guard let faults else { return }
        configuration.instruments.faults = try FaultSource(path: faults).drawn(
            ranks: configuration.dieCount, seed: faultSeed)
    }

    /// Tells a line of the timeline as it comes.
    func tell(_ event: ClusterEvent) {
        guard faults != nil, case .noted(_, let note) = event else { return }
        Report.remark("timeline: \(Timeline.milliseconds(note)) ms \(note.kind): \(note.text)")
    }
}

/// Where ranks write what they did.
struct HistoryOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Each rank writes its operations to a file in this folder, which must be new or empty; on every host.",
            valueName: "folder"))
    var history: String?

    /// The folder, made if it is not there.
    func prepared() throws -> String? {
        guard let history else { return nil }
        let files = FileManager.default
        if let found = try? files.contentsOfDirectory(atPath: history) {  // One that is not there is made.
            guard found.isEmpty else {
                throw UsageError("--history: \(history) is not empty; a history has a folder of its own")
            }
        } else {
            do { try files.createDirectory(atPath: history, withIntermediateDirectories: true) } catch {
                throw InputError(.inputOutput, "--history: \(history) cannot be made: \(error)")
            }
        }
        return history
    }
}

/// A plan and the file it is from.
struct FaultSource {
    let path: String
    let plan: FaultPlan

    /// Reads a file.
    init(path: String) throws {
        self.path = path
        plan = try FaultPlanFile.read(path: path)
    }

    /// The plan with everything drawn from a seed.
    func drawn(ranks: Int, seed: UInt64) throws -> [ScheduledFault] {
        var random = CheckRandom(seed: seed)
        return try FaultPlanFile.draw(plan, file: path, ranks: ranks, using: &random)
    }
}

/// What was injected, noticed and decided in a run, in the order of time.
struct Timeline {
    private var notes: [(die: Int, note: RunNote)] = []

    mutating func add(_ die: Int, _ note: RunNote) { notes.append((die, note)) }

    /// The notes, in the order of time.
    var sorted: [(die: Int, note: RunNote)] { notes.sorted { $0.note.nanoseconds < $1.note.nanoseconds } }

    /// Numbers of the faults that were injected.
    var injected: Set<Int> { Set(notes.filter { $0.note.kind == .injected }.map(\.note.fault)) }

    /// Milliseconds since the ranks began, with a digit behind the point.
    static func milliseconds(_ note: RunNote) -> String {
        let tenths = note.nanoseconds / 100_000
        return "\(tenths / 10).\(tenths % 10)"
    }

    /// A row a note.
    var rows: [Row] {
        sorted.map { die, note in
            Row([
                "ms": .number(Double(note.nanoseconds / 1000) / 1000), "event": .text("\(note.kind)"),
                "rank": .integer(die), "fault": note.fault == 0 ? .absent : .integer(note.fault),
                "text": .text(note.text),
            ])
        }
    }
}
