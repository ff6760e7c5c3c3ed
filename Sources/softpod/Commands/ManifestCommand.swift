internal import ArgumentParser
internal import ClusterFiles
internal import Topology

/// YAML for engines of containers: generated and read back, never run from here.
struct ManifestCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "manifest", abstract: "Generate Compose, JobSet or LeaderWorkerSet YAML from a cluster.",
        discussion: """
            One container a host, told by SOFTPOD_RANK, SOFTPOD_SIZE and SOFTPOD_RENDEZVOUS which of how many it is and where to \
            meet. The YAML is checked by reading it back; no engine runs it here, and the file says so. A run over several hosts \
            comes with a later version: by default a container shows what it was told.
            """)

    /// The engine, by the word for its file.
    enum Kind: String, ExpressibleByArgument, CaseIterable {
        case compose, jobset, leaderworkerset
    }

    @Argument(help: "What to generate.") var kind: Kind
    @Option(help: ArgumentHelp("A cluster file (YAML) with the hosts. Not with --hosts.", valueName: "file"))
    var cluster: String?
    @Option(help: "Hosts, named host-0, host-1, ...; with --dies-per-host or --npus-per-host.")
    var hosts: Int?
    @Option(help: "Dies of each host.") var diesPerHost: Int?
    @Option(help: "The same in NPUs: each has two dies.") var npusPerHost: Int?
    @Option(help: "The name of the whole. By default the cluster file's, else softpod.") var name: String?
    @Option(help: "The container image.") var image = "softpod:latest"
    @Option(help: "Port of the rendezvous on the first host.") var port = 29_400
    @Option(help: ArgumentHelp("Size of a container's /dev/shm; suffixes K, M, G.", valueName: "bytes"))
    var sharedMemory = ByteCount(1 << 30)
    @OptionGroup var output: OutputOptions
    @Argument(parsing: .postTerminator, help: "After --: what a container runs. By default softpod info --environment.")
    var command: [String] = []

    func validate() throws {
        guard (cluster == nil) != (hosts == nil) else {
            throw ValidationError("give the hosts by --cluster FILE or by --hosts N, and not by both.")
        }
        let isCounted = diesPerHost != nil || npusPerHost != nil
        guard isCounted == (hosts != nil), diesPerHost == nil || npusPerHost == nil else {
            throw ValidationError(
                "--hosts goes with --dies-per-host or --npus-per-host, one of the two (an NPU has two dies).")
        }
        if let hosts, !(1...HostPlan.maximumHostCount).contains(hosts) {
            throw ValidationError("--hosts must be 1 to \(HostPlan.maximumHostCount), not \(hosts).")
        }
        if let npusPerHost, !(1...HostPlan.maximumDieCount / 2).contains(npusPerHost) {
            throw ValidationError("--npus-per-host must be 1 to \(HostPlan.maximumDieCount / 2), not \(npusPerHost).")
        }
    }

    func run() throws {
        try Failure.guarded {
            let file = try cluster.map { try ClusterFile.read(path: $0) }
            _ = try file?.machine()  // A cluster file that does not fit its own topology is refused here too.
            let plan = try file?.plan ?? counted()
            let manifest = try ManifestPlan(
                name: name ?? file?.name ?? "softpod", plan: plan, image: image,
                command: command.isEmpty ? ["softpod", "info", "--environment"] : command, port: port,
                sharedMemoryByteCount: sharedMemory.value)
            guard let engine = Manifest(rawValue: kind.rawValue) else { return }
            try output.write(engine.text(manifest))
            Report.remark(
                "\(kind.rawValue): \(plan.hosts.count) containers, \(DieCount.text(plan.rankCount)). \(Manifest.notice)"
            )
        }
    }

    private func counted() throws -> HostPlan {
        let dies = diesPerHost ?? (npusPerHost ?? 1) * 2
        let offers = (0..<(hosts ?? 1)).map { HostOffer(name: "host-\($0)", slots: dies) }
        return try HostPlan(filling: offers)
    }
}
