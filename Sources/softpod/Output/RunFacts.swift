internal import Launching
internal import SharedMemory
internal import Workers

/// What every row says about where its figures come from.
struct RunFacts {
    var row: Row

    init(cluster: ClusterOptions, outcome: ClusterOutcome) {
        // A host that gave no last report has not said how many it had.
        self.init(cluster: cluster, processes: outcome.counts.contains(nil) ? nil : outcome.processCount)
        if cluster.integrity { row.append("integrity", "crc32c") }
        row.append("memory", outcome.memory.isEmpty ? .absent : .text(outcome.memory))
    }

    /// The facts of a run that has not ended, for rows that are written while it lasts.
    init(cluster: ClusterOptions, processes: Int?) {
        row = Row([
            "kind": "measured", "host": .text(ProcessControl.hostName), "commit": .text(Self.commit),
            "dies": .integer(cluster.dies), "processes": processes.map { .integer($0) } ?? .absent,
            "cores": .integer(WaitPolicy.usableCores),
        ])
    }

    /// Facts of a run within this process.
    init(dies: Int) {
        row = Row([
            "kind": "measured", "host": .text(ProcessControl.hostName), "commit": .text(Self.commit),
            "dies": .integer(dies), "processes": 1, "cores": .integer(WaitPolicy.usableCores),
        ])
    }

    /// The commit this executable was built from, as the build saw it.
    static var commit: String { builtCommit }
}
