internal import ArgumentParser
internal import Attention
internal import ClusterFiles
internal import Collectives
internal import Fabric
internal import FoundationEssentials
internal import Kernels
internal import NodeRuntime
internal import SharedMemory
internal import Telemetry
internal import Topology
internal import Workers

/// What this machine is, what the executable would use on it, and what it was told.
struct InfoCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "info",
        abstract: "Show the machine, the kernels chosen, the catalogs, the topology, the environment.",
        discussion: """
            Without a flag: the machine and the catalogs. --topology [FILE] draws a machine, --npus [FILE] lists its NPUs and dies \
            with the host and the processes that play them, --environment shows what a launcher's and Ascend's variables say, and \
            what PMIx does. --live [AGENT] looks at the clusters of this user that run now: what each rank does and waits for, since when, and the \
            rank that holds up the others, or the circle they wait in. --faults lists what softpod chaos can inject: kinds, words and bytes by name, points, accesses, tiers.
            """)

    @Flag(help: "One JSON object (a row) instead of a table.") var json = false
    @Flag(help: "Draw the machine of FILE; by default a CloudMatrix384.") var topology = false
    @Flag(help: "List the NPUs and dies of FILE's machine: rank, host, process.") var npus = false
    @Flag(help: "Show what the environment says: launcher, rank, and each of Ascend's variables.") var environment =
        false
    @Flag(help: "List the kinds of faults, the places they overwrite, and the points that set them off.")
    var faults = false
    @Flag(help: "Show running clusters of this user: who waits for whom, and who is to blame.") var live = false
    @Flag(help: "With --environment: meet the other tasks of the launcher as a run would.") var meet = false
    @Option(
        help: ArgumentHelp(
            "With --environment: the longest to wait for the launcher and the other tasks.", valueName: "seconds"))
    var deadline: Int = 30
    @Option(
        help: ArgumentHelp(
            "With --npus: a cluster file (YAML) that says which host runs which dies.", valueName: "file"))
    var cluster: String?
    @Option(help: ArgumentHelp("With --npus: a hostfile; a slot is a die.", valueName: "file")) var hostfile: String?
    @OptionGroup var tuning: TuningOptions
    @Argument(
        help: "A topology file (YAML), with --topology or --npus; the process id of an agent, with --live.") var file:
        String?

    func validate() throws {
        let modes = [topology, npus, environment, faults, live].filter { $0 }.count
        guard modes <= 1 else {
            throw ValidationError("--topology, --npus, --environment, --faults and --live are five questions: ask one.")
        }
        guard (1...86_400).contains(deadline) else { throw ValidationError("--deadline must be 1 to 86400 seconds.") }
        guard environment || !meet else { throw ValidationError("--meet goes with --environment.") }
        guard file == nil || topology || npus || live else {
            throw ValidationError("a file goes with --topology or --npus, an agent with --live.")
        }
        guard npus || (cluster == nil && hostfile == nil) else {
            throw ValidationError("--cluster and --hostfile go with --npus.")
        }
        guard cluster == nil || hostfile == nil else {
            throw ValidationError("--cluster and --hostfile both list hosts: give one of them.")
        }
    }

    func run() throws {
        try Failure.guarded {
            if topology { return try showTopology() }
            if npus { return try showNPUs() }
            if environment { return try showEnvironment() }
            if live { return try LiveReport.show(file, Report(json: json)) }
            if faults { return FaultTable.show(Report(json: json)) }
            try showMachine()
        }
    }

    private func showTopology() throws {
        let machine = try file.map { try TopologyFile.read(path: $0) } ?? .cloudMatrix384
        guard json else {
            for line in TopologyDrawing(machine: machine).lines { Report(json: false).line(line) }
            return
        }
        let shape = machine.shape
        let fabric = machine.planes.first { $0.kind == .unifiedBus }?.fabric
        let unifiedBus = machine.dieBandwidth(on: .unifiedBus)
        Report(json: true).facts(
            Row([
                "kind": "published", "name": .text(machine.name), "servers": .integer(shape.serverCount),
                "npus": .integer(shape.npuCount), "dies": .integer(shape.dieCount),
                "subPlanes": fabric.map { .integer($0.subPlanes) } ?? .absent,
                "l2Chips": fabric.map { .integer($0.l2Count) } ?? .absent,
                "ubBytesPerSecondPerDie": unifiedBus.map { .integer($0) } ?? .absent,
                "hosts": .integer(machine.hosts.count), "digest": .text(TopologyDrawing.hexadecimal(machine.digest)),
            ]))
    }

    private func showNPUs() throws {
        let (plan, machine) = try PlanSource(cluster: cluster, hostfile: hostfile).plan(topology: file)
        let table = NPUTable(plan: plan, machine: machine, processes: RunningRanks.byDie())
        Report(json: json).rows(table.rows, title: table.title)
    }

    private func showEnvironment() throws {
        let variables = ProcessInfo.processInfo.environment
        let table = EnvironmentTable(launch: try LaunchEnvironment.discover(variables), variables: variables)
        Report(json: json).facts(table.launchRow, title: "launcher")
        if let row = try AllocationTable.row(variables, isMeeting: meet, patience: .seconds(deadline)) {
            Report(json: json).facts(row, title: "task of an allocation")
        }
        Report(json: json).rows(table.variableRows, title: "variables of Ascend")
    }

    private func showMachine() throws {
        let shape = Supernode.cloudMatrix384
        let policy = WaitPolicy.census(dies: shape.dieCount)
        let few = WaitPolicy.census(dies: 1)
        let outlook = SegmentMemory.outlook
        let memory = outlook.freeByteCount
        let variables = AscendVariable.present(in: ProcessInfo.processInfo.environment)
        let chosen = try tuning.chosen()
        let source = try RatesSource.find()
        let counts = Set([source.rates[.cores], 8, 16]).filter { $0 > 1 }
        let models = counts.sorted().map { dies in
            CostModel(source.rates, members: dies, sharesCores: dies > source.rates[.cores])
        }
        var row = Row([
            "version": .text(RunFacts.commit), "host": .text(ProcessControl.hostName),
            "processor": .text(ProcessControl.processorName), "cores": .integer(WaitPolicy.usableCores),
            "memory": .text(outlook.memory.rawValue + (outlook.obstacle.map { ": \($0)" } ?? "")),
            "sharedMemoryFree": memory.map { .text(Figures.bytes($0)) } ?? .absent,
            "memfdFree": MemoryBudget.availableByteCount().map { .text(Figures.bytes($0)) } ?? .absent,
            "runFolders": .text(RunFolder.parent),
            "kernels": .text("\(InstructionSet.best)" + (InstructionSet.fault.map { "; \($0)" } ?? "")),
            "kernelsAvailable": .text(InstructionSet.available.map(\.description).joined(separator: " ")),
            "waiting": .text(
                "dies that fit the cores spin \(few.spinCount) times; others look \(policy.spinCount) times; then "
                    + "give way for \(policy.yieldNanoseconds / 1000) us, then sleep"),
            "largeCopies": .text(
                (CopyPolicy.loop.map { "from \(Figures.bytes($0.byteCount)) by \($0.name)" } ?? "by the C library")
                    + (CopyPolicy.canStream
                        ? ", above \(Figures.bytes(CopyPolicy.machine.streamByteCount)) past the caches" : "")),
            "transports": .text(TransportCatalog.all.map(\.name).joined(separator: " ")),
            "collectives": .text(CollectiveCatalog.all.map(\.name).joined(separator: " ")),
            "attention": .text(AttentionCatalog.all.map(\.name).joined(separator: " ")),
            "workloads": .text(WorkloadCatalog.all.map { $0.name }.joined(separator: " ")),
            "topology": .text(
                "CloudMatrix384: \(shape.serverCount) servers x \(shape.npusPerServer) NPUs x \(shape.diesPerNPU) dies "
                    + "= \(shape.npuCount) NPUs, \(shape.dieCount) dies"),
            "ascendVariables": variables.isEmpty
                ? .absent : .text(variables.map(EnvironmentTable.short).joined(separator: "; ")),
            "comparesCalls": .text(Endpoint.comparesCalls ? "yes (SOFTPOD_COMPARE_CALLS=1)" : "no"),
            "countsTiers": .text(Endpoint.countsTiers ? "yes (SOFTPOD_COUNT_TIERS=1)" : "no"),
            "tuning": .text(chosen.map { $0.path } ?? "by the rates of the machine"),
            "ratesFrom": .text(source.place),
        ])
        let report = Report(json: json)
        for kind in MachineRates.Kind.allCases where kind != .cores {
            row.append(
                kind.name + (kind.unit == "MB/s" ? "MBps" : kind.unit == "ns" ? "Nanoseconds" : "Bytes"),
                .integer(source.rates[kind]))
        }
        let table = chosen?.table ?? TuningTable(models.flatMap(\.table.rules))
        if json { row.append("tuningTable", .text(table.text)) }
        report.facts(row)
        if !json {
            report.line(
                chosen == nil
                    ? "tuning: what is chosen for teams of \(models.map { "\($0.members)" }.joined(separator: ", ")) dies of one "
                        + "host"
                    : "tuning: which algorithm carries out a call; the first rule that fits decides, else the rates do")
            for line in table.text.split(separator: "\n").dropFirst() { report.line("  " + line) }
            Report(json: false).rows(
                EnvironmentTable.rows(AscendVariable.all, ProcessInfo.processInfo.environment),
                title: "variables of Ascend, and what becomes of them here")
        }
    }
}
