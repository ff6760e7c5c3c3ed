internal import SharedMemory
internal import Workers

/// What rank processes do when the agent that should speak for them is gone.
enum Obituary {
    /// Ends every wait of the host, removes the run folder, and tells the user, once a host, in one line.
    static func agentDied(_ segment: Segment, folder: String) {
        let agent = segment.agentProcess
        segment.publish(Verdict(.agentLost, process: agent, text: "the agent (pid \(agent)) is gone"))
        RunFolder.remove(folder)
        guard segment.cluster.claimObituary() else { return }
        let phases = (0..<segment.plan.dieCount).map { segment.control(of: $0).phase }
        var line = "softpod: the agent (pid \(agent)) died in phase \(common(phases)); all ranks end"
        for lost in lostRanks(segment).prefix(8) {
            line += "; rank \(lost.rank) (pid \(lost.process)) is gone as well, in phase \(phases[lost.rank])"
        }
        ProcessControl.write(line + "\n", to: ChildProcess.terminalDescriptor)
    }

    /// Ranks whose process has ended without saying so.
    private static func lostRanks(_ segment: Segment) -> [(rank: Int, process: Int)] {
        (0..<segment.plan.dieCount).compactMap { rank in
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
