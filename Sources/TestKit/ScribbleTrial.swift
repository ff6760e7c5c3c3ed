internal import Foundation
internal import SharedMemory

/// One run of the program into whose shared memory one word is stored that does not belong there; what is run, which word, and when come
/// from a seed.
///
/// Allowed are the right result and a failure that says what is wrong; where the word is payload, also a changed result.
public struct ScribbleTrial: Sendable {
    /// What came of it.
    public enum Outcome: String, Sendable, CaseIterable {
        /// The right result, as if nothing had been.
        case right
        /// A failure, with a status and a line.
        case refused
        /// Another result, unnoticed: allowed for payload.
        case changed
        /// What must not be: a trap, a hang, a silent failure, a wrong result, something left.
        case broken
    }

    /// A trial's end.
    public struct Report: Sendable, CustomStringConvertible {
        /// The trial.
        public var seed: UInt64
        /// What was run.
        public var command: String
        /// What was stored.
        public var stroke: Scribbler.Stroke
        /// What came of it.
        public var outcome: Outcome
        /// Why, or the first line that was said.
        public var detail: String

        /// Everything in one line, with how to do it again.
        public var description: String {
            "\(outcome.rawValue): \(detail) [\(stroke); softpod \(command); replay: SOFTPOD_TEST_SCRIBBLE=\(seed) swift test "
                + "-c release --filter ScribbleTests]"
        }
    }

    /// What text comes out undisturbed, by any layout.
    private let digest: String
    private static let tokens = 160
    private static let generate = [
        "generate", "--model", ClusterUnderTest.austen, "--precision", "float32", "--json", "--ignore-end",
        "--max-tokens", "\(tokens)",
    ]

    /// Runs undisturbed what is to be disturbed.
    public init() throws {
        let end = try ClusterUnderTest(Self.generate + ["--dies", "1"]).end()
        guard let digest = Self.digest(end) else {
            throw ClusterUnderTest.HarnessError("no digest: \(end.messages)")
        }
        self.digest = digest
    }

    /// The result's digest, if the run says that it is complete.
    private static func digest(_ end: ClusterUnderTest.Ended) -> String? {
        guard let line = end.outputLines.last, line.contains("\"complete\":true"),
            let start = line.range(of: "\"digest\":\"")?.upperBound
        else { return nil }
        return String(line[start...].prefix(16))
    }

    /// What a seed runs: arguments, and how a phase begins in which it is under way.
    private static func program(
        _ random: inout SeededGenerator
    ) -> (arguments: [String], phase: String, hosts: Bool) {
        let dies = [2, 4, 8][Int.random(in: 0..<3, using: &random)]
        let each = [1, 1, 2, dies][Int.random(in: 0..<4, using: &random)]
        let shape = ["--dies", "\(dies)", "--dies-per-process", "\(each)", "--deadline", "1"]
        let hosts = ["--hosts", "localhost:2,127.0.0.2:2", "--deadline", "1"]
        switch Int.random(in: 0..<10, using: &random) {
        case 0..<3: return (["run"] + shape + ["idle"], "barrier loop", false)
        case 3..<5: return (generate + shape, "layer", false)
        case 5: return (generate + shape + ["--attention", "kv-shards"], "layer", false)
        case 6..<9:
            let seed = "\(UInt32.random(in: 0...UInt32.max, using: &random))"
            return (["verify", "--soak", "0.3", "--seed", seed, "--largest", "8K"] + shape, "soak", false)
        default:
            if Bool.random(using: &random) { return (["run"] + hosts + ["idle"], "barrier loop", true) }
            return (generate + hosts, "layer", true)
        }
    }

    /// Does what the seed says; nil where the run was over, and well, before a word could be stored, as on a machine that has no time for
    /// the test.
    public func run(seed: UInt64) throws -> Report? {
        var random = SeededGenerator(seed: seed)
        let (arguments, phase, hosts) = Self.program(&random)
        let cluster = try ClusterUnderTest(arguments)
        let scribbler: Scribbler
        do {
            let victim = hosts ? try cluster.ranks(of: cluster.agents(2)[0], 2)[0] : try cluster.rank(0)
            scribbler = try Scribbler(rankProcess: victim, hasFarRanks: hosts)
        } catch {
            guard try cluster.end().code == 0 else { throw error }
            return nil
        }
        // The phase is the first rank's own; a run that is over before is over.
        while !scribbler.phase.hasPrefix(phase), !scribbler.isOver, cluster.read(milliseconds: 1) {}
        let moment = Monotonic.now() + UInt64.random(in: 0...(hosts ? 60_000_000 : 30_000_000), using: &random)
        while Monotonic.now() < moment {}
        var kinds = scribbler.kinds
        kinds += Array(repeating: "teamSlot", count: 5) + ["heap", "heap", "epoch", "counters", "boardWords"]
        if hosts { kinds += Array(repeating: "port", count: 4) + Array(repeating: "linkWords", count: 6) }
        let stroke = try scribbler.scribble(kinds[Int.random(in: 0..<kinds.count, using: &random)], &random)
        if arguments.contains("idle") {
            // It has no end of its own: long enough for those that meet to stumble, in one of three for a deadline to pass.
            let patience: UInt64 = Int.random(in: 0..<3, using: &random) == 0 ? 1_300_000_000 : 60_000_000
            let until = Monotonic.now() + patience
            while Monotonic.now() < until, cluster.read(milliseconds: 10) {}
            cluster.signalAgent(2)
        }
        let (outcome, detail) = judge(try cluster.end(), arguments, stroke)
        return Report(
            seed: seed, command: arguments.joined(separator: " "), stroke: stroke, outcome: outcome, detail: detail)
    }

    private func judge(
        _ end: ClusterUnderTest.Ended, _ arguments: [String], _ stroke: Scribbler.Stroke
    ) -> (Outcome, String) {
        let said = end.messages.joined(separator: " | ")
        if let number = end.signal { return (.broken, "the program was killed by signal \(number): \(said)") }
        let traps = ["Fatal error", "SIGILL", "SIGTRAP", "SIGABRT", "SIGSEGV", "SIGBUS", "SIGFPE"]
        if traps.contains(where: { said.contains($0) || end.output.contains($0) }) {
            return (.broken, "a trap: \(said)")
        }
        guard end.leftovers == [] else { return (.broken, "left: \(end.leftovers); \(said)") }
        let isWrong: Bool
        switch end.code {
        case 0: isWrong = arguments.contains("generate") && Self.digest(end) != digest
        case 1: isWrong = true
        case 130 where arguments.contains("idle"): isWrong = false
        default:
            // A consequence alone is no cause.
            let lines = end.messages.filter { $0.hasPrefix("softpod: ") && !$0.contains("last collectives") }
            return lines.isEmpty ? (.broken, "status \(end.code ?? -1) without a line") : (.refused, lines[0])
        }
        guard isWrong else { return (.right, "status \(end.code ?? -1)") }
        return (stroke.isPayload ? .changed : .broken, "a wrong result, status \(end.code ?? -1): \(said)")
    }
}

/// How often which kind of word came to what.
public struct ScribbleCount: Sendable {
    private var counts: [String: [ScribbleTrial.Outcome: Int]] = [:]

    /// Nothing yet.
    public init() {}

    /// Counts one more.
    public mutating func add(_ report: ScribbleTrial.Report) {
        counts[report.stroke.kind, default: [:]][report.outcome, default: 0] += 1
    }

    /// A line for each kind of word, and one for all.
    public var lines: [String] {
        func line(_ name: String, _ count: [ScribbleTrial.Outcome: Int]) -> String {
            name + ": "
                + ScribbleTrial.Outcome.allCases.map { "\($0.rawValue) \(count[$0] ?? 0)" }.joined(separator: ", ")
        }
        let all = counts.values.reduce(into: [:]) { sum, count in sum.merge(count) { $0 + $1 } }
        return counts.sorted { $0.key < $1.key }.map { line($0.key, $0.value) } + [line("all", all)]
    }
}
