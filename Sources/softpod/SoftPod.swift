internal import ArgumentParser
internal import Workers

/// A supernode in software.
@main
struct SoftPod: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "softpod",
        abstract:
            "A supernode in software: real processes for dies, shared memory for the bus, the real algorithms on top.",
        discussion: """
            Exit codes: 0 success, 1 a wrong result, 64 usage, 65 bad data, 66 no input, 68 unknown host, 69 unavailable, 70 internal error, \
            71 system error, 74 input/output, 75 a rank or the agent was lost or failed, 76 mixed builds or runs, \
            77 permission, 130 and 143 stopped by a signal.
            """,
        version: RunFacts.commit,
        subcommands: [
            GenerateCommand.self, RunCommand.self, VerifyCommand.self, BenchCommand.self, InfoCommand.self,
            RankTableCommand.self, ManifestCommand.self, KeysCommand.self, RankCommand.self, AgentCommand.self,
        ])

    static func main() {
        ProcessControl.openStandardDescriptors()
        do {
            var command = try parseAsRoot()
            try command.run()
        } catch {
            HostSession.withdraw(exitCode(for: error).isSuccess ? "" : message(for: error))
            exit(withError: error)
        }
        // A launcher's other tasks may still wait for a command that has come without them.
        HostSession.withdraw("")
    }
}
