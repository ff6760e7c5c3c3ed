internal import Foundation
internal import Glibc
internal import SharedMemory
internal import Workers

/// Processes that are stopped and go on, and what a test may say of the lines it has heard.
extension ClusterUnderTest {
    /// Hears what it says for so long, unless it ends before. Whether it still runs.
    public func runs(milliseconds: Int) -> Bool {
        let deadline = Deadline(after: .milliseconds(milliseconds))
        while deadline.remaining > 0 {
            guard read(milliseconds: Int(deadline.remaining / 1_000_000) + 1) else { return false }
        }
        return true
    }

    /// The processes of the cluster that stand still for so long: stops all of them, then lets them go on.
    public func freeze(_ processes: [Int32], milliseconds: Int) {
        for pid in processes { signal(pid: pid, SIGSTOP) }
        _ = runs(milliseconds: milliseconds)
        for pid in processes { signal(pid: pid, SIGCONT) }
    }

    /// The state letter of a process: T for one that is stopped; nil when it is gone.
    public func state(of pid: Int32) -> Character? { ProcessControl.state(of: pid) }

    /// The cluster's processes as they are now, without waiting for any: id, parent, and words of the command line.
    public func family() -> [(pid: Int32, parent: Int32, words: [String])] {
        marked().map { ($0, Self.parent(of: $0) ?? 0, Self.words("/proc/\($0)/cmdline")) }
    }

    /// Waits until a process is in a state.
    public func await(_ pid: Int32, state: Character) throws {
        while self.state(of: pid) != state {
            try checkPatience("process \(pid) does not come into state \(state)")
            guard read(milliseconds: 2) else { throw HarnessError("it ended: " + lines.joined(separator: "\n")) }
        }
    }
}

extension ClusterUnderTest.Ended {
    /// Lines that name a cause: not marked as a consequence or a suspicion, no list of calls, and not what a generation says of itself.
    public var headlines: [String] {
        messages.filter { line in
            line.hasPrefix("softpod: ") && !line.contains(" processes x ")
                && !["consequence: ", "suspect: ", "last collectives: "].contains {
                    line.dropFirst("softpod: ".count).hasPrefix($0)
                }
        }
    }
}
