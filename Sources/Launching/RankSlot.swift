internal import NodeRuntime
internal import SharedMemory
internal import Workers

/// One rank process as its agent sees it.
struct RankSlot {
    let child: ChildProcess
    let log: Descriptor
    let dies: Range<Int>
    var isConnected = false
    /// All its dies are done, and it said so.
    var hasLeft = false
    var end: ChildProcess.End?

    /// `rank 5` or `ranks 8-15`.
    var ranks: String {
        dies.count == 1 ? "rank \(dies.lowerBound)" : "ranks \(dies.lowerBound)-\(dies.upperBound - 1)"
    }

    /// Whether a bus error ended it.
    var hadBusError: Bool {
        if case .killed(let signal) = end { ProcessControl.signalName(signal) == "SIGBUS" } else { false }
    }

    /// What it said of its bus error; nil if it had none, or said nothing.
    private var busError: String? {
        hadBusError ? BusErrors.clause(of: child.id, in: ProcessControl.contents(of: log, limit: 1 << 20)) : nil
    }

    /// How it ended, in a clause.
    var fate: String {
        switch end {
        case .killed(let signal):
            (busError.map { "\($0), and " } ?? "")
                + "was killed by signal \(signal) (\(ProcessControl.signalName(signal)))"
        case .exited(let code): "exited with code \(code)"
        case .unknown: "ended, cause unknown (the system does not let its parent ask)"
        case nil: "runs"
        }
    }

    /// What is known of a rank that others wait for.
    static func describe(_ rank: Int, _ slots: [RankSlot], _ segment: Segment) -> String? {
        guard let slot = slots.first(where: { $0.dies.contains(rank) }) else { return nil }
        let phase = segment.control(of: rank).phase
        let state =
            switch ProcessControl.state(of: slot.child.id) {
            case "T", "t": "is stopped"
            case "Z", nil: "has ended"
            case "R": "computes"
            case "?": "is there"
            default: segment.control(of: rank).waiting == nil ? "sleeps" : "waits itself"
            }
        let clause = waitGraph(slots, segment).clause(of: rank)
        return "rank \(rank) (pid \(slot.child.id)) \(state), in phase \(phase)" + (clause.isEmpty ? "" : "; " + clause)
    }

    /// Who waits for whom among the ranks of this host now.
    private static func waitGraph(_ slots: [RankSlot], _ segment: Segment) -> WaitGraph {
        let now = Monotonic.now()
        return WaitGraph(
            slots.flatMap { slot in
                let state = slot.end == nil ? ProcessControl.state(of: slot.child.id) : nil
                return slot.dies.map { rank in
                    let block = segment.control(of: rank)
                    return WaitGraph.Node(
                        rank: rank, life: WaitGraph.Life(state, block.state),
                        wait: block.waiting.flatMap {
                            WaitGraph.Wait($0, ranks: segment.plan.rankCount, now: now)
                        }, phase: block.phase)
                }
            })
    }

    /// The first die of each process that is stopped.
    static func stopped(_ slots: [RankSlot]) -> [Int] {
        slots.filter { slot in
            guard slot.end == nil, let state = ProcessControl.state(of: slot.child.id) else { return false }
            return state == "T" || state == "t"
        }.map(\.dies.lowerBound)
    }

    /// Keeps the log of a failed process as a file and says where; nil if it is empty.
    func keepLog() -> String {
        let bytes = ProcessControl.contents(of: log, limit: 1 << 20)
        guard !bytes.isEmpty else { return "its log is empty" }
        let lines = String(decoding: bytes, as: UTF8.self).split(separator: "\n")
        if busError != nil, lines.count == 1 { return "its log says no more" }
        let first = lines.first.map { String($0.prefix(200)) } ?? ""
        let name = "softpod-\(ProcessControl.id)-rank\(dies.lowerBound)"
        return RunFolder.keep(bytes, name: name, ending: ".log").map { "log \($0): \(first)" } ?? "log: \(first)"
    }
}
