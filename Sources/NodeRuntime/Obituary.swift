internal import SharedMemory
internal import Workers

/// What rank processes do when the agent that should speak for them is gone.
enum Obituary {
    /// Longest wait for the other ranks to end, to tell those that leave from those that were killed with the agent.
    private static let patience = Duration.milliseconds(800)

    /// Ends every wait of the host, removes the run folder, and tells the user, once a host, in one line.
    ///
    /// Ranks that fall at the same moment may be seen only a little later; then a second line names them.
    ///
    /// - Parameters:
    ///   - host: the host as reports name it, where the agent has said so.
    ///   - idle: dies of this process that have not begun, and so leave by this.
    static func agentDied(_ segment: Segment, folder: String, host: String?, idle: Range<Int>) {
        let agent = segment.agentProcess
        let isFirst = segment.publish(
            Verdict(.agentLost, process: agent, text: "the agent (pid \(agent)) is gone"))
        // What the agent published it may not have been able to print.
        let earlier = isFirst ? nil : segment.cluster.verdict.flatMap { $0.code == .agentLost ? nil : $0 }
        RunFolder.remove(folder)
        for die in idle { segment.control(of: die).state = .left }
        guard segment.cluster.claimObituary() else { return }
        let phases = segment.plan.ranks.map { segment.control(of: $0).phase }
        let place = segment.plan.hasFarRanks ? " of host \(host ?? ProcessControl.hostName)" : ""
        // Over several hosts the coordinator names the cause.
        let mark = segment.plan.hasFarRanks ? "consequence: " : ""
        var line = "softpod: \(mark)the agent (pid \(agent))\(place) died in phase \(common(phases)); all ranks end"
        if let earlier { line += "; before that: \(earlier.text)" }
        let known = lostRanks(segment)
        for lost in known.prefix(8) {
            line += "; \(sentence(lost, segment)) as well"
        }
        ProcessControl.write(line + "\n", to: ChildProcess.terminalDescriptor)
        awaitOthers(segment)
        let later = lostRanks(segment).filter { lost in !known.contains { $0.rank == lost.rank } }
        guard !later.isEmpty else { return }
        let names = later.prefix(8).map { sentence($0, segment) + " as well" }.joined(separator: "; ")
        ProcessControl.write("softpod: \(mark)\(names)\n", to: ChildProcess.terminalDescriptor)
    }

    private static func sentence(_ lost: (rank: Int, process: Int), _ segment: Segment) -> String {
        let phase = segment.control(of: lost.rank).phase
        return "rank \(lost.rank) (pid \(lost.process)) is gone in phase \(phase.isEmpty ? "start" : phase)"
    }

    /// Waits until the processes of the other ranks have ended.
    private static func awaitOthers(_ segment: Segment) {
        let deadline = Deadline(after: patience)
        let own = Int(ProcessControl.id)
        for process in Set(segment.plan.ranks.map { segment.control(of: $0).process }).subtracting([0, own]) {
            ProcessControl.awaitEnd(of: Int32(truncatingIfNeeded: process), nanoseconds: deadline.remaining)
        }
    }

    /// Ranks whose process has ended without saying so.
    private static func lostRanks(_ segment: Segment) -> [(rank: Int, process: Int)] {
        segment.plan.ranks.compactMap { rank in
            let control = segment.control(of: rank)
            guard control.process > 0, control.state != .left else { return nil }
            let state = ProcessControl.state(of: Int32(truncatingIfNeeded: control.process))
            return state == nil || state == "Z" ? (rank, control.process) : nil
        }
    }

    /// The phase most ranks are in.
    private static func common(_ phases: [String]) -> String {
        var counts: [String: Int] = [:]
        for phase in phases where !phase.isEmpty { counts[phase, default: 0] += 1 }
        return counts.max { ($0.value, $1.key) < ($1.value, $0.key) }?.key ?? "start"
    }
}
