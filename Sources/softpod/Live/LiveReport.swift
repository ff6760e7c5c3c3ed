internal import Launching
internal import NodeRuntime
internal import SharedMemory
internal import Workers

/// What one running cluster is doing: a row a rank, who waits for whom, and the one that holds up the others.
struct LiveReport {
    private let run: LiveRuns.Run
    private let now: SegmentSnapshot
    private let before: SegmentSnapshot
    let graph: WaitGraph

    /// Between the two looks that tell whether a rank gets on, in milliseconds.
    private static let milliseconds = 200

    /// Looks twice.
    ///
    /// - Throws: ``SharedMemoryError`` if the segment is gone meanwhile.
    init(_ run: LiveRuns.Run) throws(SharedMemoryError) {
        self.run = run
        before = try SegmentSnapshot.read(path: run.path)
        _ = Descriptor.poll([], milliseconds: Self.milliseconds)  // There is nothing to read: it only takes the time.
        let now = try SegmentSnapshot.read(path: run.path)
        self.now = now
        graph = WaitGraph(
            now.dies.map { die in
                WaitGraph.Node(
                    rank: die.rank, life: Self.life(die, run),
                    wait: die.waiting.flatMap { WaitGraph.Wait($0, ranks: now.plan.rankCount, now: now.takenAt) },
                    phase: die.phase)
            })
    }

    private static func life(_ die: SegmentSnapshot.Die, _ run: LiveRuns.Run) -> WaitGraph.Life {
        // A process that does not hold the segment is not the rank's, whatever the word says.
        guard run.holders.contains(die.process), let id = Int32(exactly: die.process) else {
            return die.process == 0 ? .absent : .gone
        }
        return WaitGraph.Life(ProcessControl.state(of: id), die.state)
    }

    /// Whether a rank did anything between the two looks: an operation, or a sign of life.
    private func hasMoved(_ index: Int) -> Bool {
        guard before.dies.indices.contains(index) else { return true }
        let (old, new) = (before.dies[index], now.dies[index])
        return old.counters != new.counters || old.phase != new.phase || old.flight != new.flight
    }

    private func last(_ die: SegmentSnapshot.Die, _ count: Int) -> String {
        die.flight.suffix(count).map { "\(FlightReport.operation($0)) #\($0.number) \($0.state)" }.joined(
            separator: ", ")
    }

    /// A row a rank.
    var rows: [Row] {
        now.dies.enumerated().map { index, die in
            let node = graph.nodes[index]
            let awaited = graph.awaited(by: die.rank)
            var row = Row([
                "rank": .integer(die.rank), "process": .integer(die.process), "state": .text(node.life.rawValue),
                "moves": .text(hasMoved(index) ? "yes" : "no"), "phase": .text(die.phase),
            ])
            row.append("waitsIn", node.wait.map { .text($0.operation) } ?? .absent)
            row.append("waitsFor", awaited.isEmpty ? .absent : .text(WaitGraph.list(awaited)))
            row.append("word", node.wait.map { .integer($0.wordOffset) } ?? .absent)
            row.append("sinceMilliseconds", node.wait.map { .integer(Int($0.nanoseconds / 1_000_000)) } ?? .absent)
            row.append("last", die.flight.isEmpty ? .absent : .text(last(die, 1)))
            return row
        }
    }

    /// The one line: who is to blame, what it was doing, which ranks wait for it, since when, whether it gets on, and its last operations.
    var diagnosis: String {
        if let verdict = now.verdict { return "ending: \(verdict.text)" }
        if let root = graph.root { return line(root) }
        if let cycle = graph.cycle, let first = cycle.first {
            let names = cycle.map { rank in
                "rank \(rank)" + (graph.nodes.first { $0.rank == rank }?.wait.map { " (in \($0.operation))" } ?? "")
            }
            return "a circle: " + names.joined(separator: " waits for ") + " waits for rank \(first), since "
                + "\(graph.longestWait(for: first) / 1_000_000) ms"
        }
        return "no rank holds up another"
    }

    private func line(_ rank: Int) -> String {
        guard let index = now.dies.firstIndex(where: { $0.rank == rank }) else { return "" }
        let (die, node) = (now.dies[index], graph.nodes[index])
        let operations = last(die, 3)
        return
            "rank \(rank) (pid \(die.process)) \(Self.verb(node.life)), in phase \(die.phase.isEmpty ? "start" : die.phase); "
            + graph.clause(of: rank)
            + (hasMoved(index) ? "; it got on within " : "; it did nothing in ") + "the last \(Self.milliseconds) ms"
            + (operations.isEmpty ? "" : "; its last operations: \(operations)")
    }

    private static func verb(_ life: WaitGraph.Life) -> String {
        switch life {
        case .computes: "computes"
        case .sleeps: "sleeps"
        case .stopped: "is stopped"
        case .gone: "is gone"
        case .left: "has left"
        case .absent: "has not come"
        }
    }

    /// Prints it.
    func show(_ report: Report) {
        let plan = now.plan
        report.rows(
            rows,
            title: "agent \(run.agent): \(plan.dieCount) of \(plan.rankCount) ranks, epoch \(now.epoch), "
                + "\(run.holders.count - 1) rank processes")
        guard report.json else { return report.line("diagnosis: " + diagnosis) }
        report.facts(
            Row([
                "agent": .integer(run.agent), "ranks": .integer(plan.rankCount), "here": .integer(plan.dieCount),
                "epoch": .integer(Int(clamping: now.epoch)), "root": graph.root.map { .integer($0) } ?? .absent,
                "waiters": .integers(graph.root.map { graph.waiters(of: $0) } ?? []),
                "cycle": .integers(graph.root == nil ? graph.cycle ?? [] : []), "diagnosis": .text(diagnosis),
            ]))
    }

    /// All runs of this user, or the one of an agent.
    static func show(_ name: String?, _ report: Report) throws {
        let found = LiveRuns().runs
        let chosen = try name.map { name in
            guard let process = Int(name) else { throw UsageError("--live takes an agent's process id, not \(name)") }
            let runs = found.filter { $0.agent == process }
            guard !runs.isEmpty else {
                throw InputError(.noInput, "no agent of this user that runs a cluster has the process id \(process)")
            }
            return runs
        }
        if (chosen ?? found).isEmpty { Report.remark("no cluster of this user runs here") }
        for run in chosen ?? found {
            // One that ends meanwhile is no error, unless it was asked for.
            do { try LiveReport(run).show(report) } catch {
                if name != nil { throw InputError(.noInput, "the run of agent \(run.agent) has just ended") }
            }
        }
    }
}
