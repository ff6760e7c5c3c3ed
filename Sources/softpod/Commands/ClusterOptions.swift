internal import ArgumentParser
internal import ClusterFiles
internal import Collectives
internal import Fabric
internal import FoundationEssentials
internal import Launching
internal import NodeRuntime
internal import Topology

/// The flags every command that launches a cluster shares.
struct ClusterOptions: ParsableArguments {
    @Option(
        name: .customLong("dies"),
        help: ArgumentHelp(
            "Dies in the cluster, 1 to 4096. By default as many as the hosts or tasks are for, else 16.",
            valueName: "dies"))
    var givenDies: Int?

    @Option(
        name: .customLong("npus"),
        help: ArgumentHelp("The same in NPUs: each has two dies. Not with --dies.", valueName: "npus"))
    var givenNPUs: Int?

    @Option(
        name: .customLong("dies-per-process"),
        help: ArgumentHelp(
            "Dies each rank process runs as threads. By default what --cluster says, or else 1.", valueName: "dies"))
    var givenDiesPerProcess: Int?

    /// Dies each rank process runs as threads.
    var diesPerProcess: Int { givenDiesPerProcess ?? HostSession.file?.diesPerProcess ?? 1 }

    @Option(
        name: .customLong("deadline"),
        help: ArgumentHelp(
            "The longest any wait may last, in seconds. By default what --cluster says, $HCCL_EXEC_TIMEOUT, or else 60.",
            valueName: "seconds"))
    var givenDeadline: Double?

    @Option(
        name: .customLong("start-deadline"),
        help: ArgumentHelp(
            "How long all ranks may take to connect, in seconds. By default what --cluster says, $HCCL_CONNECT_TIMEOUT, or else 60.",
            valueName: "seconds"))
    var givenStartDeadline: Double?

    @Option(
        help: ArgumentHelp(
            "Bytes of each die's window; suffixes K, M, G. By default what the work needs. Windows lie in /dev/shm, or in a memfd where that is missing or too small.",
            valueName: "bytes"))
    var windowBytes: ByteCount?

    @Option(
        help: ArgumentHelp(
            "Write each rank's last 24 collectives to this new file at the end, one JSON object a line.",
            valueName: "file"))
    var flightRecorder: String?

    @Flag(
        help:
            "Prove by CRC-32C every row, scale and count that dies send each other, blocks of collectives, and partial states of attention: what changes on its way fails by name. Takes more time and memory."
    )
    var integrity = false

    @OptionGroup(title: "Options for several hosts") var hosts: HostOptions

    /// Dies in the cluster, however they were counted.
    var dies: Int { HostSession.dies ?? askedDies ?? 16 }

    private var askedDies: Int? { givenDies ?? givenNPUs.map { $0 * 2 } }

    func validate() throws {
        try DieCount.validate(dies: givenDies, npus: givenNPUs, limit: 4096)
        for (name, value) in [("--deadline", givenDeadline), ("--start-deadline", givenStartDeadline)] {
            guard let value else { continue }
            guard value > 0, value <= 86_400 else {
                throw ValidationError("\(name) must be more than 0 and at most 86400 seconds, not \(value).")
            }
        }
        try Failure.guarded {
            try HostSession.resolve(hosts, askedDies: askedDies, startDeadline: try startDeadline())
        }
        guard (1...dies).contains(diesPerProcess) else {
            throw ValidationError("--dies-per-process must be 1 to --dies (\(dies)), not \(diesPerProcess).")
        }
        if let flightRecorder {
            // Said before the run and not after it.
            guard !FileManager.default.fileExists(atPath: flightRecorder) else {
                throw ValidationError("--flight-recorder: \(flightRecorder) exists; the file must be new.")
            }
            let folder = flightRecorder.split(separator: "/", omittingEmptySubsequences: false).dropLast()
            let path = folder.isEmpty ? "." : folder.joined(separator: "/") + "/"
            guard !flightRecorder.isEmpty, FileManager.default.isWritableFile(atPath: path) else {
                throw ValidationError(
                    "--flight-recorder: \(flightRecorder) cannot be made: no such folder, or not ours.")
            }
        }
        let least = Endpoint.reservedByteCount(dies: dies) + (1 << 12)
        if let windowBytes, windowBytes.value < least {
            throw ValidationError(
                "--window-bytes must be at least \(least) for \(dies) dies, not \(windowBytes.value).")
        }
    }

    /// How long all ranks may take to connect: as said, by Ascend's variable, or a minute.
    func startDeadline() throws -> Duration {
        let seconds =
            try givenStartDeadline ?? HostSession.file.map { Double($0.startMilliseconds) / 1000 }
            ?? AscendVariable.connectSeconds(ProcessInfo.processInfo.environment).map(Double.init) ?? 60
        return .milliseconds(Int64(seconds * 1000))
    }

    /// The launch that these flags, and Ascend's variables where a flag is not given, ask for.
    ///
    /// - Parameter files: what ranks read; several hosts must have it alike, and look.
    func configuration(
        workload: any Workload.Type, payload: [UInt8] = [], windowByteCount: Int, files: [String] = []
    ) throws -> ClusterConfiguration {
        let environment = ProcessInfo.processInfo.environment
        let deadline =
            try givenDeadline ?? HostSession.file.map { Double($0.waitMilliseconds) / 1000 }
            ?? AscendVariable.executionSeconds(environment) ?? 60
        let checks = integrity ? CollectiveWorkspace.checkByteCount(ranks: dies) + 4096 : 0
        var configuration = ClusterConfiguration(
            dieCount: dies, diesPerProcess: diesPerProcess,
            windowByteCount: windowBytes?.value ?? windowByteCount + checks,
            deadline: .milliseconds(Int64(deadline * 1000)), startDeadline: try startDeadline(),
            workload: workload.name, payload: payload)
        configuration.flightFile = flightRecorder
        configuration.instruments.integrity = integrity
        if let machine = try HostSession.machine(hosts) {
            let shape = machine.shape
            guard dies <= shape.dieCount else {
                throw UsageError("\(dies) dies were asked for, \(machine.name) has \(shape.dieCount)")
            }
            (configuration.diesPerNPU, configuration.diesPerServer) = (shape.diesPerNPU, shape.diesPerServer)
        }
        if HostSession.hasHosts { configuration.files = try files.map { try SharedFile(path: $0) } }
        return configuration
    }
}

/// A number of dies that may be given in NPUs.
enum DieCount {
    /// Refuses both counts at once, and a count outside 1 to `limit` dies, naming what was counted.
    static func validate(dies: Int?, npus: Int?, limit: Int) throws {
        guard dies == nil || npus == nil else {
            throw ValidationError("--dies and --npus count the same: give one of them (an NPU has two dies).")
        }
        if let dies, !(1...limit).contains(dies) {
            throw ValidationError("--dies must be 1 to \(limit), not \(dies).")
        }
        if let npus, !(1...limit / 2).contains(npus) {
            throw ValidationError("--npus must be 1 to \(limit / 2), not \(npus) (an NPU has two dies).")
        }
    }

    /// A count in both words: `16 dies (8 NPUs)`.
    static func text(_ dies: Int) -> String {
        let npus = (dies + 1) / 2
        return "\(dies) \(dies == 1 ? "die" : "dies") (\(npus) \(npus == 1 ? "NPU" : "NPUs"))"
    }
}

/// A number of bytes with an optional suffix K, M or G (powers of 1024).
struct ByteCount: ExpressibleByArgument, Equatable {
    var value: Int

    init(_ value: Int) { self.value = value }

    /// As help shows a default.
    var defaultValueDescription: String { "\(value)" }

    init?(argument: String) {
        let shifts: [Character: Int] = ["K": 10, "M": 20, "G": 30]
        let shift = argument.last.flatMap { shifts[Character($0.uppercased())] } ?? 0
        guard let number = Int(shift == 0 ? argument[...] : argument.dropLast()), number >= 0 else { return nil }
        let (product, overflow) = number.multipliedReportingOverflow(by: 1 << shift)
        guard !overflow else { return nil }
        value = product
    }
}
