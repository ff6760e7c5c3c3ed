internal import ArgumentParser
internal import ClusterFiles
internal import FoundationEssentials
internal import NodeRuntime
internal import Topology

/// Where ranks and hosts come from, for commands that describe a cluster over hosts without starting it.
struct PlanOptions: ParsableArguments {
    @Option(help: ArgumentHelp("A cluster file (YAML): hosts and the dies of each.", valueName: "file"))
    var cluster: String?

    @Option(help: ArgumentHelp("A hostfile (\"host slots=4\" or \"host:4\"); a slot is a die.", valueName: "file"))
    var hostfile: String?

    @Option(help: "Dies to place on the hostfile's slots. By default all of them.")
    var dies: Int?

    @Option(help: ArgumentHelp("The same in NPUs: each has two dies.", valueName: "npus"))
    var npus: Int?

    func validate() throws {
        guard cluster == nil || hostfile == nil else {
            throw ValidationError("--cluster and --hostfile both list hosts: give one of them.")
        }
        guard cluster == nil || (dies == nil && npus == nil) else {
            throw ValidationError("--dies and --npus go with --hostfile: a cluster file says the dies of each host.")
        }
        try DieCount.validate(dies: dies, npus: npus, limit: HostPlan.maximumDieCount)
    }

    /// What the flags name.
    var source: PlanSource { PlanSource(cluster: cluster, hostfile: hostfile, dies: dies ?? npus.map { $0 * 2 }) }
}

/// The files a plan is made from.
struct PlanSource {
    var cluster: String?
    var hostfile: String?
    /// Dies to place; nil for all there is room for.
    var dies: Int?

    /// The plan and the machine: that of `topology`, else that of the cluster file, else a CloudMatrix384.
    ///
    /// - Throws: what the files say wrong, and a plan that does not fit the machine. Without a list of hosts, the machine's own
    ///   hosts are the plan.
    func plan(topology: String?) throws -> (plan: HostPlan, machine: Machine) {
        let file = try cluster.map { try ClusterFile.read(path: $0) }
        let machine = try topology.map { try TopologyFile.read(path: $0) } ?? file?.machine() ?? .cloudMatrix384
        let plan: HostPlan
        if let file {
            plan = file.plan
        } else if let hostfile {
            plan = try HostPlan(filling: HostFile.read(path: hostfile), dies: dies, usingMaximum: dies != nil)
        } else {
            plan = try Self.hosts(of: machine, dies: dies)
        }
        try plan.check(against: machine)
        return (plan, machine)
    }

    /// The hosts a machine names, each with all dies of its servers; `*` becomes this host.
    private static func hosts(of machine: Machine, dies: Int?) throws -> HostPlan {
        let offers = machine.hosts.sorted { $0.servers.lowerBound < $1.servers.lowerBound }.map {
            HostOffer(name: $0.name == "*" ? "localhost" : $0.name, slots: machine.dies(of: $0).count)
        }
        return try HostPlan(filling: offers, dies: dies)
    }
}

/// Where a command's text goes.
struct OutputOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Write a new file instead of standard output; one that is there is not replaced.", valueName: "file"))
    var output: String?

    /// Writes the text.
    func write(_ text: String) throws {
        guard let output else { return Report(json: false).text(text) }
        do {
            try Data(text.utf8).write(to: URL(filePath: output), options: .withoutOverwriting)
        } catch {
            throw InputError(.inputOutput, "\(Printable.line(output)) could not be written: \(reason(error))")
        }
    }

    private func reason(_ error: any Error) -> String {
        let code = (error as? CocoaError)?.code
        return code == .fileWriteFileExists ? "it is there already" : "no such folder, no room, or no permission"
    }
}
