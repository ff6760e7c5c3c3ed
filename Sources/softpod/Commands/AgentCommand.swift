internal import ArgumentParser
internal import Launching
internal import NodeRuntime
internal import Workers

/// The agent of one host among several: started by a coordinator, by hand over a remote shell, which hands it an invitation on standard
/// input. Not for people.
struct AgentCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "agent", abstract: "Run the agent of one host (started by a coordinator).", shouldDisplay: false)

    @Option var firstTask = 0
    @Option var tasks = 0
    @Option var taskCount = 0
    @Option var topologyDigest: UInt64 = 0

    func validate() throws {
        let limit = 1 << 20
        guard (0...limit).contains(firstTask), (0...limit).contains(tasks), (0...limit).contains(taskCount) else {
            throw ValidationError("tasks are numbers from 0 to \(limit).")
        }
    }

    func run() throws {
        try Failure.guarded {
            let input = LineReader(0)
            guard let invitation = Self.invitation(input) else {
                throw InputError(
                    .usage, "softpod agent is started by softpod itself and reads an invitation from standard input")
            }
            try RatesSource.hand()
            let identity = HostAgent.Identity(
                tasks: firstTask..<firstTask + tasks, taskCount: taskCount, commit: RunFacts.commit,
                topologyDigest: topologyDigest)
            let status = try HostAgent.serve(invitation, as: identity, input: input) { Report.remark($0) }
            if status != .success { throw status }
        }
    }

    private static func invitation(_ input: LineReader) -> Invitation? {
        while !input.isAtEnd {
            if let line = input.next() { return Invitation(decoding: line) }
            input.fill()
        }
        return input.next().flatMap { Invitation(decoding: $0) }
    }
}
