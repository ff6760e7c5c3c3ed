internal import ArgumentParser
internal import ClusterFiles
internal import NodeRuntime
internal import Topology

/// Ascend's rank tables: made, checked, converted.
struct RankTableCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ranktable", abstract: "Write, check and convert Ascend rank tables (1.0, 1.2, 2.0).",
        discussion: """
            A device is a die is a rank: a full CloudMatrix384 has 384 NPUs and 768 ranks. Nothing is started.
            """,
        subcommands: [Write.self, Check.self, Convert.self])

    /// The version, as people write it.
    struct Format: ExpressibleByArgument {
        var version: RankTable.Version
        static let allValueStrings = RankTable.Version.allCases.map(\.rawValue)

        init?(argument: String) {
            guard let version = RankTable.Version(rawValue: argument) else { return nil }
            self.version = version
        }
    }

    struct Write: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Write the table of a plan on a machine.",
            discussion: """
                Addresses of devices are made up (198.18.0.0/15, set aside for benchmarks), since emulated dies have none.
                """)

        @Option(help: "The file's version: 1.0 (servers), 1.2 (SuperPoDs) or 2.0 (network layers and planes).")
        var format: Format
        @OptionGroup var plan: PlanOptions
        @Option(
            help: ArgumentHelp("The machine; by default the cluster file's, else a CloudMatrix384.", valueName: "file"))
        var topology: String?
        @OptionGroup var output: OutputOptions

        func run() throws {
            try Failure.guarded {
                let (hosts, machine) = try plan.source.plan(topology: topology)
                let table = try RankTable(version: format.version, plan: hosts, machine: machine)
                try output.write(table.json)
                Report.remark(RankTableCommand.summary(table) + "; addresses of devices are made up")
            }
        }
    }

    struct Check: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Check a table against HCCL's rules, and against a machine if one is named.")

        @Argument(help: "The rank table file.") var file: String
        @Option(help: ArgumentHelp("A topology file: every server must have all its dies.", valueName: "file"))
        var topology: String?

        func run() throws {
            try Failure.guarded {
                let table = try RankTable.read(path: file)
                if let topology {
                    do { try table.check(against: TopologyFile.read(path: topology)) } catch let error as RankTableError
                    {
                        throw InputError(.data, "\(Printable.line(file)): \(error)")
                    }
                }
                Report(json: false).line(
                    "\(Printable.line(file)): \(RankTableCommand.summary(table)); no rule is broken")
            }
        }
    }

    struct Convert: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Write a table in another version, and say what that leaves out or makes up.")

        @Argument(help: "The rank table file.") var file: String
        @Option(help: "The version to write: 1.0, 1.2 or 2.0.") var format: Format
        @OptionGroup var output: OutputOptions

        func run() throws {
            try Failure.guarded {
                let table = try RankTable.read(path: file)
                do {
                    let (converted, remarks) = try table.convert(to: format.version)
                    try output.write(converted.json)
                    for remark in remarks { Report.remark(remark) }
                } catch let error as RankTableError {
                    throw InputError(.data, "\(Printable.line(file)): \(error)")
                }
            }
        }
    }

    /// A table in one line: both counts, named.
    static func summary(_ table: RankTable) -> String {
        let pods = table.superPods.isEmpty ? "" : ", \(table.superPods.count) SuperPoDs"
        return "version \(table.version.rawValue), \(table.servers.count) servers, \(table.npuCount) NPUs, "
            + "\(table.rankCount) ranks (dies)\(pods)"
    }
}
