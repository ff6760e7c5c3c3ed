internal import ArgumentParser
internal import NodeRuntime

/// What an agent starts. Not for people.
struct RankCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rank", abstract: "Run one rank process (started by an agent).", shouldDisplay: false)

    @Option var process: Int
    @Option var address: String
    @Option var folder: String
    @Option var deadlineMilliseconds: Int
    @Option var route: String
    @Flag var linked = false
    @Option var host: String?

    func run() throws {
        try Failure.guarded {
            let options = RankProcess.Options(
                process: process, address: address, folder: folder, deadlineMilliseconds: deadlineMilliseconds,
                route: route, isLinked: linked, host: host)
            let status = try RankProcess.run(options, catalog: WorkloadCatalog.all)
            if status != .success { throw status }
        }
    }
}
