internal import FoundationEssentials
internal import SharedMemory
internal import Workers

/// The clusters of this user that run on this host now, found through /proc: an agent is a process that holds a segment whose header names it.
///
/// Everything read there is another process's word. Files that are no segments of this build are passed over, and a rank's process is believed
/// only if it holds the same segment.
struct LiveRuns {
    /// A cluster, or the part of one that is on this host.
    struct Run {
        /// The agent's process.
        var agent: Int
        /// Where the segment can be read again.
        var path: String
        /// Processes that hold the segment.
        var holders: Set<Int>
    }

    /// Runs, in the order of their agents' numbers.
    let runs: [Run]

    /// Looks at every process of this user.
    init() {
        var holders: [SegmentSnapshot.FileIdentity: Set<Int>] = [:]
        var agents: [(process: Int, path: String, file: SegmentSnapshot.FileIdentity)] = []
        for process in Self.names("/proc").compactMap({ Int($0) }) {
            for path in Self.segments(of: process) {
                let snapshot = try? SegmentSnapshot.read(path: path)  // No segment, or gone meanwhile: not one of ours.
                guard let snapshot else { continue }
                holders[snapshot.file, default: []].insert(process)
                if snapshot.agentProcess == process { agents.append((process, path, snapshot.file)) }
            }
        }
        runs = agents.map { Run(agent: $0.process, path: $0.path, holders: holders[$0.file] ?? []) }
            .sorted { $0.agent < $1.agent }
    }

    /// Descriptors of a process that may be segments: shared memory without a name, or memory files.
    private static func segments(of process: Int) -> [String] {
        names("/proc/\(process)/fd").map { "/proc/\(process)/fd/\($0)" }.filter { path in
            let target = try? FileManager.default.destinationOfSymbolicLink(atPath: path)  // Closed since: none.
            guard let target else { return false }
            return target.hasPrefix("/dev/shm/") || target.hasPrefix("/memfd:softpod")
        }
    }

    private static func names(_ folder: String) -> [String] {
        (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []  // Ended, or not ours: none.
    }
}
