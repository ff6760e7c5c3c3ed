internal import Faults
internal import Launching
internal import NodeRuntime

/// Decides what every operation of a run under faults came to, and whether that may be. It knows what the dies said, what was injected and how
/// the run ended, and nothing else.
struct ChaosJudge {
    /// What an operation came to.
    struct Outcome: Equatable {
        var number: Int
        var name: String
        /// `O1`, `O2`, `O3`, or `violation`.
        var verdict: String
        var detail: String
        /// The epoch in which all that live have ended it, and their ranks, where the run goes on without those lost.
        var epoch: UInt64 = 0
        var members: [Int] = []
    }

    private let faults: [ScheduledFault]
    private let ranks: Int
    private let diesPerProcess: Int
    private let deadline: UInt64
    /// Ranks that were lost, and without which the run went on.
    private var lost: Set<Int> = []
    /// By operation: its name, and what each rank said last of it.
    private var operations: [Int: (name: String, events: [Int: OperationEvent])] = [:]

    /// Beyond its deadline a wait has this long, in nanoseconds, to be scheduled on a busy machine.
    private static let slack: UInt64 = 2_000_000_000

    /// How the violation of a run begins that shows nothing.
    static let nothingInjected = "nothing was injected"

    init(faults: [ScheduledFault], configuration: ClusterConfiguration) {
        self.faults = faults
        ranks = configuration.dieCount
        diesPerProcess = configuration.diesPerProcess
        deadline = UInt64(max(1, configuration.deadline / .nanoseconds(1)))
    }

    /// Takes what a die said of an operation.
    mutating func take(_ die: Int, _ event: OperationEvent) {
        operations[event.number, default: (event.name, [:])].events[die] = event
    }

    /// The run goes on without some ranks: nothing more is asked of them.
    mutating func lose(_ ranks: Range<Int>) { lost.formUnion(ranks) }

    /// Ranks that share a process with one that a fault of this action has touched.
    private func touched(_ numbers: Set<Int>, _ isSuch: (FaultAction) -> Bool) -> Set<Int> {
        Set(
            faults.filter { numbers.contains($0.number) && isSuch($0.action) }.flatMap { fault in
                if fault.action.disablesHost {
                    return Array(HostSession.hostRanks(of: fault.rank) ?? 0..<ranks)
                }
                let first = fault.rank / diesPerProcess * diesPerProcess
                return Array(first..<min(first + diesPerProcess, ranks))
            })
    }

    /// What each operation that was begun came to.
    ///
    /// - Parameter injected: numbers of the faults that were injected.
    func outcomes(injected: Set<Int>) -> [Outcome] {
        let disabled = touched(injected) { $0.disables || $0.disablesHost }.union(lost)
        let delayed = touched(injected) { action in
            switch action {
            case .stop, .slow: true
            default: false
            }
        }
        return operations.sorted { $0.key < $1.key }.map { number, operation in
            let (verdict, detail) = judge(operation.events, disabled: disabled, delayed: delayed)
            var outcome = Outcome(number: number, name: operation.name, verdict: verdict, detail: detail)
            if let last = operation.events.filter({ !disabled.contains($0.key) }).max(by: { $0.key > $1.key })?.value {
                (outcome.epoch, outcome.members) = (last.epoch, last.members)
            }
            return outcome
        }
    }

    /// What an operation came to that all which live have ended with the right result: agreed on, and over all ranks or those that were left.
    private func judgeRight(_ events: [Int: OperationEvent], disabled: Set<Int>) -> (String, String) {
        let live = events.filter { !disabled.contains($0.key) }
        let epochs = Set(live.map(\.value.epoch)).sorted()
        guard epochs.count <= 1, Set(live.map(\.value.members)).count <= 1 else {
            return ("violation", "members ended it in epochs \(epochs.map(String.init).joined(separator: ", "))")
        }
        let gone = events.filter { $0.value.state == .begun }.map(\.key).sorted()
        guard let members = live.first?.value.members, !members.isEmpty, members.count < ranks else {
            return ("O1", gone.isEmpty ? "bit-exact at all ranks" : "bit-exact; rank \(gone[0]) was lost in it")
        }
        if let silent = members.first(where: { live[$0] == nil && !disabled.contains($0) }) {
            return ("violation", "rank \(silent) is a member of epoch \(epochs[0]) and said nothing of it")
        }
        let masked = live.reduce(0) { $0 + $1.value.masked }
        let share = live.map(\.value.share).min() ?? 1
        let weights =
            masked == 0
            ? ""
            : "; \(masked) choices masked, a token keeps \(Int((share * 100).rounded(.down))) % of its weight or more"
        return ("O3", "bit-exact over \(Self.names(members)) in epoch \(epochs[0])" + weights)
    }

    private func judge(
        _ events: [Int: OperationEvent], disabled: Set<Int>, delayed: Set<Int>
    ) -> (String, String) {
        func ranks(_ state: OperationEvent.State) -> [Int] {
            events.filter { $0.value.state == state }.map(\.key).sorted()
        }
        if let rank = ranks(.wrong).first {
            return ("violation", "a silent wrong answer: \(events[rank]?.detail ?? "rank \(rank)")")
        }
        let silent = ranks(.begun).filter { !disabled.contains($0) }
        if let rank = silent.first {
            return ("violation", "rank \(rank) began it and never said what came of it")
        }
        let late = events.first {
            $0.value.elapsed > deadline + Self.slack && $0.value.state == .failed && !delayed.contains($0.key)
        }
        if let (rank, event) = late {
            return (
                "violation", "rank \(rank) failed \(event.elapsed / 1_000_000) ms after it began, beyond the deadline"
            )
        }
        // What a rank said that was lost later is not what the run goes on with.
        let failed = ranks(.failed).filter { !lost.contains($0) }
        guard let first = failed.first, let event = events[first] else {
            return judgeRight(events, disabled: disabled)
        }
        let codes = Set(failed.compactMap { events[$0]?.code }).sorted().joined(separator: ", ")
        let right = ranks(.right)
        let blamed = Set(failed.flatMap { events[$0]?.peers ?? [] }).sorted()
        let whom = blamed.isEmpty ? "" : ", blaming " + Self.names(blamed)
        let others = right.isEmpty ? "" : "; bit-exact at " + Self.names(right)
        return (
            "O2", "\(codes) at \(Self.names(failed)) within \(event.elapsed / 1_000_000) ms\(whom)\(others)"
        )
    }

    static func names(_ ranks: [Int]) -> String {
        (ranks.count == 1 ? "rank " : "ranks ") + ranks.map(String.init).joined(separator: ", ")
    }

    /// What is wrong with a run as a whole: its end, what it promised, and what of it is left.
    func violations(
        _ outcome: ClusterOutcome, _ outcomes: [Outcome], injected: Set<Int>, promises: Set<FaultPromise>,
        leftovers: [String]
    ) -> [String] {
        var found = outcomes.filter { $0.verdict == "violation" }.map {
            "\($0.name) (operation \($0.number)): \($0.detail)"
        }
        found += leftovers.map { "left behind: \($0)" }
        switch outcome.status {
        case .success:
            if let failed = outcomes.first(where: { $0.verdict == "O2" }) {
                found.append("the run ended as a success, and operation \(failed.number) had failed")
            }
        case .software: found.append("the run ended with an internal error: \(outcome.report ?? "without a word")")
        default: if outcome.report == nil { found.append("the run failed without a word (\(outcome.status))") }
        }
        let promise = Self.promise(outcome, outcomes)
        if found.isEmpty, !promises.contains(promise) {
            let promised = promises.map(\.rawValue).sorted().joined(separator: " or ")
            found.append("the run came to \(promise.rawValue), and \(promised) was promised")
        }
        if injected.isEmpty, !faults.isEmpty, outcome.startNanoseconds != nil {
            found.append(Self.nothingInjected + ": the run had ended, or never came to what sets the faults off")
        }
        return found
    }

    /// What the run as a whole came to.
    static func promise(_ outcome: ClusterOutcome, _ outcomes: [Outcome]) -> FaultPromise {
        if outcome.status == .success { return outcomes.contains { $0.verdict == "O3" } ? .degraded : .right }
        return outcome.startNanoseconds == nil ? .refused : .failed
    }
}
