internal import Fuzzing
internal import NodeRuntime
internal import Synchronization
internal import Workers

/// `softpod verify --fuzz`: hostile inputs, to everything that reads what comes from outside.
struct FuzzSoak {
    let command: VerifyCommand
    let count: UInt64

    /// An input that takes longer than this is one that hangs.
    private static let patience = 30

    func run() throws {
        let seed = command.seed ?? UInt64.random(in: 0...UInt64(UInt32.max))
        let targets = FuzzTarget.all.filter { target in command.only.map { target.name.contains($0) } ?? true }
        guard !targets.isEmpty else { throw UsageError("no target's name contains \(command.only ?? "")") }
        if !command.json { Report.remark("\(targets.count) targets, \(count) inputs, seed \(seed)") }
        var rows: [Row] = []
        var findings: [String] = []
        for (target, share) in zip(targets, FuzzTarget.shares(of: count, over: targets)) {
            let outcome = try watch(target, share, seed)
            rows.append(row(outcome, seed))
            if let finding = outcome.finding { findings.append(finding) }
        }
        let columns = ["target", "inputs", "understood", "inputsPerSecond", "slowestMs", "memoryBefore", "memoryAfter"]
        Report(json: command.json).rows(rows, title: "fuzz, seed \(seed)", columns: columns)
        if !findings.isEmpty { throw WrongResult.told(findings, replay: [("--seed", "\(seed)")]) }
    }

    private func row(_ outcome: FuzzOutcome, _ seed: UInt64) -> Row {
        let rate = Double(outcome.inputs) / (Double(max(outcome.nanoseconds, 1)) / 1e9)
        return Row([
            "target": .text(outcome.name), "inputs": .integer(Int(outcome.inputs)),
            "understood": .integer(Int(outcome.understood)), "inputsPerSecond": .integer(Int(rate)),
            "slowestMs": .number(Double(outcome.slowest.nanoseconds) / 1e6),
            "slowestInput": .integer(Int(clamping: outcome.slowest.input)),
            "memoryBefore": .integer(outcome.memoryBefore), "memoryAfter": .integer(outcome.memoryAfter),
            "seed": .integer(Int(truncatingIfNeeded: seed)),
            "finding": outcome.finding.map { .text($0) } ?? .absent, "kind": "measured",
            "commit": .text(RunFacts.commit),
        ])
    }

    /// Runs one target on a thread of its own, and says every second how far it is; an input that hangs ends the process.
    private func watch(_ target: FuzzTarget, _ share: UInt64, _ seed: UInt64) throws -> FuzzOutcome {
        let progress = FuzzProgress()
        let first = command.first
        let done = try Event()
        // The lock orders the thread's writing before our reading.
        let result = Box()
        let worker = try Worker.start(name: "fuzz", stackByteCount: 8 << 20) {
            let outcome = Result { try target.run(count: share, seed: seed, first: first, progress: progress) }
            result.value.withLock { $0 = outcome }
            done.raise()
        }
        var last: (input: UInt64, seconds: Int) = (.max, 0)
        while !Descriptor.poll([done.descriptor.number], milliseconds: 1000)[0] {
            let input = progress.input
            last = input == last.input ? (input, last.seconds + 1) : (input, 0)
            Report.remark("\(target.name): input \(input) of \(first)...\(first + share - 1)")
            guard last.seconds < Self.patience else {
                let status = WrongResult.told(
                    ["\(target.name), seed \(seed), input \(input) does not end"], replay: [("--seed", "\(seed)")])
                ProcessControl.exitNow(status.rawValue)
            }
        }
        worker.join()
        guard let outcome = result.value.withLock({ $0 }) else {
            throw InputError(.software, "the thread of \(target.name) ended without an outcome")
        }
        return try outcome.get()
    }

    private final class Box: Sendable {
        let value = Mutex<Result<FuzzOutcome, any Error>?>(nil)
    }
}
