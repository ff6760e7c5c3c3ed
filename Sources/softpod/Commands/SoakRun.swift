internal import FoundationEssentials
internal import Launching
internal import NodeRuntime
internal import Telemetry

/// Runs random collectives for a while and says what came of it: `softpod verify --soak`.
struct SoakRun {
    let command: VerifyCommand
    let seconds: Double

    func run() throws {
        let cluster = command.cluster
        let seed = command.seed ?? UInt64.random(in: 0...UInt64(UInt32.max))
        if !command.json { Report.remark("soak of \(seconds) s, \(cluster.dies) dies, seed \(seed)") }
        let plan = SoakWorkload.Plan(seed: seed, seconds: seconds, largest: command.largest.value)
        let configuration = try cluster.configuration(
            workload: SoakWorkload.self, payload: Array(try JSONEncoder().encode(plan)),
            windowByteCount: SoakWorkload.windowByteCount(dies: cluster.dies, largest: plan.largest))
        let outcome = try Failure.launch(configuration) { event in
            if case .said(_, let bytes) = event { Report.remark(String(decoding: bytes, as: UTF8.self)) }
        }
        try Failure.check(outcome)
        let findings = try RunResults.all(SoakWorkload.Finding.self, of: outcome)
        let wrong = findings.map(\.wrong).reduce(0, +)
        let processes = stride(from: 0, to: findings.count, by: cluster.diesPerProcess).map { findings[$0] }
        // Where a process did not find out, as when the soak was too short for it, the sum is not known.
        let mebibytes = { (bytes: [Int]) -> Field in
            bytes.contains(0) ? .absent : .number(Double(bytes.reduce(0, +)) / 1_048_576)
        }
        var row = RunFacts(cluster: cluster, outcome: outcome).row
        row.append("seed", .integer(Int(truncatingIfNeeded: seed)))
        row.append("seconds", .number(seconds))
        row.append("steps", findings.map(\.steps).max().map { .integer($0) } ?? .absent)
        row.append("comparisons", .integer(findings.map(\.comparisons).reduce(0, +)))
        row.append("wrong", .integer(wrong))
        row.append("timeOuts", .integer(0))
        row.append("earlyMebibytes", mebibytes(processes.map(\.earlyByteCount)))
        row.append("lateMebibytes", mebibytes(processes.map(\.lateByteCount)))
        Report(json: command.json).facts(row, title: "soak: random collectives, every result judged")
        if wrong > 0 {
            throw WrongResult.told(findings.compactMap(\.first), replay: [("--seed", "\(seed)")])
        }
    }
}
