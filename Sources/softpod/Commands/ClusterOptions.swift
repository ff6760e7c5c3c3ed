internal import ArgumentParser
internal import Fabric
internal import Launching
internal import NodeRuntime

/// The flags every command that launches a cluster shares.
struct ClusterOptions: ParsableArguments {
    @Option(help: "Dies in the cluster (an NPU has two). 1 to 4096.")
    var dies: Int = 16

    @Option(help: "Dies each rank process runs as threads.")
    var diesPerProcess: Int = 1

    @Option(help: ArgumentHelp("The longest any wait may last, in seconds.", valueName: "seconds"))
    var deadline: Double = 60

    @Option(help: ArgumentHelp("How long all ranks may take to connect, in seconds.", valueName: "seconds"))
    var startDeadline: Double = 60

    @Option(
        help: ArgumentHelp(
            "Bytes of each die's window; suffixes K, M, G. By default what the work needs.", valueName: "bytes"))
    var windowBytes: ByteCount?

    func validate() throws {
        guard (1...4096).contains(dies) else { throw ValidationError("--dies must be 1 to 4096, not \(dies).") }
        guard (1...dies).contains(diesPerProcess) else {
            throw ValidationError("--dies-per-process must be 1 to --dies (\(dies)), not \(diesPerProcess).")
        }
        for (name, value) in [("--deadline", deadline), ("--start-deadline", startDeadline)] {
            guard value > 0, value <= 86_400 else {
                throw ValidationError("\(name) must be more than 0 and at most 86400 seconds, not \(value).")
            }
        }
        let least = Endpoint.reservedByteCount(dies: dies) + (1 << 12)
        if let windowBytes, windowBytes.value < least {
            throw ValidationError(
                "--window-bytes must be at least \(least) for \(dies) dies, not \(windowBytes.value).")
        }
    }

    /// The launch that these flags ask for.
    func configuration(workload: any Workload.Type, payload: [UInt8] = [], windowByteCount: Int) -> ClusterConfiguration
    {
        ClusterConfiguration(
            dieCount: dies, diesPerProcess: diesPerProcess, windowByteCount: windowBytes?.value ?? windowByteCount,
            deadline: .milliseconds(Int64(deadline * 1000)), startDeadline: .milliseconds(Int64(startDeadline * 1000)),
            workload: workload.name, payload: payload)
    }
}

/// A number of bytes with an optional suffix K, M or G (powers of 1024).
struct ByteCount: ExpressibleByArgument, Equatable {
    var value: Int

    init?(argument: String) {
        let shifts: [Character: Int] = ["K": 10, "M": 20, "G": 30]
        let shift = argument.last.flatMap { shifts[Character($0.uppercased())] } ?? 0
        guard let number = Int(shift == 0 ? argument[...] : argument.dropLast()), number >= 0 else { return nil }
        let (product, overflow) = number.multipliedReportingOverflow(by: 1 << shift)
        guard !overflow else { return nil }
        value = product
    }
}
