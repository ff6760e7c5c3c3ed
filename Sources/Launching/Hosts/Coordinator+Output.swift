internal import NodeRuntime
internal import SharedMemory
internal import Workers

// What the user reads: one line that names the cause, and what follows from it marked as that.

extension Coordinator {
    /// What a line begins with that tells of a consequence of what was told before.
    static let consequence = "consequence: "
    /// What a line begins with that names a rank that may be the cause, as another host sees it.
    static let suspect = "suspect: "

    /// Agents whose remote shells may have something to say now.
    var talking: [Int] {
        let now = Monotonic.now()
        return agents.indices.filter { agents[$0].output?.isDue(now) ?? false }
    }

    /// Whether a shell that has said too much is to be looked at again soon.
    var hasFlood: Bool { agents.contains { $0.output.map { $0.isExceeded && !$0.isAtEnd } ?? false } }

    /// Takes what an agent's remote shell has printed.
    func hearShell(_ index: Int) { agents[index].output?.fill(passOnMarked) }

    /// Takes the last of what an agent's remote shell has printed.
    func hearLastOfShell(_ index: Int) { agents[index].output?.drain(passOnMarked) }

    /// Passes a line of a remote shell on; one of its agent's is a consequence if the cause has been told.
    private func passOnMarked(_ line: String) {
        let ours = "softpod: "
        guard failure != nil, line.hasPrefix(ours) else { return passOn(line) }
        let text = line.dropFirst(ours.count)
        passOn(text.hasPrefix(Self.consequence) ? line : ours + Self.consequence + text)
    }

    /// Says of which shells not everything was passed on.
    func tellDropped() {
        for agent in agents {
            guard let output = agent.output, output.droppedByteCount > 0 else { continue }
            remark(
                "host \(output.host): its remote shell printed more than \(ShellOutput.mostBytes >> 20) MiB; "
                    + "\(output.droppedByteCount) bytes were dropped")
        }
    }
}
