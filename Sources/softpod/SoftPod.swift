internal import ArgumentParser
internal import NodeRuntime
internal import SharedMemory
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
            77 permission, 129, 130 and 143 stopped by SIGHUP, SIGINT and SIGTERM, 141 ended because the reader of standard output went away.
            """,
        version: RunFacts.commit,
        subcommands: [
            GenerateCommand.self, RunCommand.self, VerifyCommand.self, ChaosCommand.self, CheckCommand.self,
            BenchCommand.self,
            InfoCommand.self,
            RankTableCommand.self, ManifestCommand.self, KeysCommand.self, RankCommand.self, AgentCommand.self,
        ])

    static func main() {
        ProcessControl.settleInheritance()
        ProcessControl.openStandardDescriptors()
        BusErrors.explain()
        var failure: (any Error)?
        do {
            var command = try parseAsRoot(Array(ProcessControl.arguments.dropFirst()))
            // A rank's agent says what killed it.
            if !(command is RankCommand) { ProcessControl.explainAborts(status: ExitStatus.system.rawValue) }
            try command.run()
        } catch {
            failure = error
        }
        let code = failure.map { exitCode(for: $0) } ?? .success
        let text = failure.map { fullMessage(for: $0) } ?? ""
        // A launcher's other tasks may still wait for a command that has come without them.
        HostSession.withdraw(code.isSuccess ? "" : failure.map { message(for: $0) } ?? "")
        if !text.isEmpty { Report.message(text, isError: !code.isSuccess) }
        let lost = Report.finish(failed: !code.isSuccess)
        exit(withError: code.isSuccess ? lost.map { ExitCode($0.rawValue) } ?? code : code)
    }
}
