internal import ArgumentParser

/// Measures, beside limits taken in the same run.
struct BenchCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bench", abstract: "Measure, as ratios to limits taken in the same run.",
        subcommands: [
            BenchLatencyCommand.self, BenchOrderingCommand.self, BenchCollectivesCommand.self, BenchScaleCommand.self,
            BenchLinkCommand.self, BenchCopyCommand.self, BenchExpertsCommand.self,
            BenchRecoveryCommand.self,
        ])
}
