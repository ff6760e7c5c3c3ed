internal import NodeRuntime
internal import SharedMemory
internal import Workers

// A coordinator that is stopped: by Ctrl-Z, where all ranks stop with it, or by SIGSTOP or a frozen machine, which it sees by its clock.

extension Coordinator {
    /// Ctrl-Z: the ranks of all hosts stop, then this process; when it goes on, so do they.
    func suspend() {
        guard suspendBy == nil else { return }
        for index in agents.indices {
            agents[index].part.isPaused = false
            send(.pause(run: run), to: index)
        }
        suspendBy = Deadline(after: .seconds(1))
    }

    /// Stops this process when all ranks have stopped, or a host has not said so for a second: then its ranks wait for the others.
    func stopIfSuspended() {
        guard let due = suspendBy else { return }
        let isAwaited = plan != nil && agents.contains { $0.isPresent && !$0.part.isPaused && $0.part.report == nil }
        guard !isAwaited || due.remaining == 0 else { return }
        suspendBy = nil
        ProcessControl.stopSelf()
        for index in agents.indices { send(.resume(run: run), to: index) }
        lookForStop()
    }

    /// Looks by the clock whether this process was stopped, or held up by who reads its output: what agents said meanwhile is still to be read,
    /// and nothing that was to happen by a moment of that time is late.
    func lookForStop() {
        let now = Monotonic.now()
        guard let lost = clockWatch.look(now) else { return }
        LostTime.note(from: now - lost, to: now)
        lastStop = (at: now, nanoseconds: lost)
        for index in agents.indices { agents[index].lastHeard = now }
    }

    /// What a loss may come from that is seen soon after this process was stopped: it stands before the loss.
    var stopClause: String {
        guard hasJustBeenStopped, let lastStop else { return "" }
        return
            "the coordinator (pid \(ProcessControl.id)) did not run for \(lastStop.nanoseconds / 1_000_000_000) s; after that, "
    }

    /// Whether a connection that breaks may have been given up by its other end while this process was stopped.
    var hasJustBeenStopped: Bool {
        guard let lastStop else { return false }
        return Monotonic.now() - lastStop.at < Self.aftermath
    }

    /// Longer than agents wait for a connection that broke, in nanoseconds.
    private static var aftermath: UInt64 { 15_000_000_000 }
}
