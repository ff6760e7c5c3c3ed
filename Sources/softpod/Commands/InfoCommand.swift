internal import ArgumentParser
internal import Attention
internal import Collectives
internal import Fabric
internal import Kernels
internal import NodeRuntime
internal import SharedMemory
internal import Telemetry
internal import Topology
internal import Workers

/// What this machine is, and what the executable would use on it.
struct InfoCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "info", abstract: "Show the machine, the kernels chosen, the catalogs, and the topology.")

    @OptionGroup var tuning: TuningOptions
    @Flag(help: "One JSON object instead of a table.") var json = false

    func run() throws {
        try Failure.guarded {
            let shape = Supernode.cloudMatrix384
            let policy = WaitPolicy.census(dies: shape.dieCount)
            let few = WaitPolicy.census(dies: 1)
            let memory = ProcessControl.sharedMemoryFreeByteCount()
            let chosen = try tuning.chosen()
            let table = chosen?.table ?? .standard
            var row = Row([
                "version": .text(RunFacts.commit), "host": .text(ProcessControl.hostName),
                "processor": .text(ProcessControl.processorName), "cores": .integer(WaitPolicy.usableCores),
                "sharedMemoryFree": memory.map { .text(Figures.bytes($0)) } ?? .absent,
                "runFolders": .text(RunFolder.parent), "kernels": .text("\(InstructionSet.best)"),
                "kernelsAvailable": .text(InstructionSet.available.map(\.description).joined(separator: " ")),
                "waiting": .text(
                    "dies that fit the cores spin \(few.spinCount) times; others look \(policy.spinCount) times; then "
                        + "give way for \(policy.yieldNanoseconds / 1000) us, then sleep"),
                "transports": .text(TransportCatalog.all.map(\.name).joined(separator: " ")),
                "collectives": .text(CollectiveCatalog.all.map(\.name).joined(separator: " ")),
                "attention": .text(AttentionCatalog.all.map(\.name).joined(separator: " ")),
                "workloads": .text(WorkloadCatalog.all.map { $0.name }.joined(separator: " ")),
                "topology": .text(
                    "CloudMatrix384: \(shape.serverCount) servers x \(shape.npusPerServer) NPUs x \(shape.diesPerNPU) dies "
                        + "= \(shape.npuCount) NPUs, \(shape.dieCount) dies"),
                "tuning": .text(chosen.map { $0.path } ?? "the table that ships"),
            ])
            let report = Report(json: json)
            if json { row.append("tuningTable", .text(table.text)) }
            report.facts(row)
            guard !json else { return }
            report.line("tuning: which algorithm carries out a call; the first rule that fits decides")
            for line in table.text.split(separator: "\n").dropFirst() { report.line("  " + line) }
        }
    }
}
