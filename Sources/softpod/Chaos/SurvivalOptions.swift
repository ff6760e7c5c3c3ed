internal import ArgumentParser
internal import Launching

/// Whether a run goes on without ranks that are lost, for commands whose workload knows how.
struct SurvivalOptions: ParsableArguments {
    @Flag(
        help: ArgumentHelp(
            "Go on without ranks that are lost: the others agree, shrink their team, and do what was interrupted again. With generate, and with the workload survive; on one host."
        ))
    var survive = false

    @Option(
        help: ArgumentHelp(
            "With --survive: how long a rank may be stopped before it is taken for lost, and killed.",
            valueName: "seconds"))
    var lease = 0.5

    func validate() throws {
        guard (0.02...3600).contains(lease) else {
            throw ValidationError("--lease must be 0.02 to 3600 seconds, not \(lease).")
        }
    }

    /// What a configuration takes for these flags.
    func apply(to configuration: inout ClusterConfiguration) throws {
        guard survive else { return }
        guard [SurviveWorkload.name, GenerateWorkload.name].contains(configuration.workload) else {
            throw UsageError(
                "--survive goes with generate and the workload survive: \(configuration.workload) ends with the first rank that is lost"
            )
        }
        try HostSession.requireOneHost("--survive knows of one host's ranks only")
        configuration.survives = true
        configuration.lease = .milliseconds(Int64(lease * 1000))
    }
}
