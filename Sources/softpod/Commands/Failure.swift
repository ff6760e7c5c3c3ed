internal import ArgumentParser
internal import ClusterFiles
internal import Experts
internal import FoundationEssentials
internal import Glibc
internal import Kernels
internal import Launching
internal import Messaging
internal import Model
internal import NodeRuntime
internal import SharedMemory
internal import Topology
internal import Workers

/// Turns whatever goes wrong into one line on standard error and the exit status that says what kind it was.
enum Failure {
    /// Runs a command's body.
    static func guarded(_ body: () throws -> Void) throws {
        do {
            try body()
        } catch let status as ExitStatus {
            throw ExitCode(status.rawValue)
        } catch let code as ExitCode {
            throw code
        } catch let error as ValidationError {
            throw error
        } catch {
            Report.remark("\(error)")
            HostSession.withdraw("\(error)")
            throw ExitCode(status(of: error).rawValue)
        }
    }

    /// Runs the body of a command that launches clusters, and ends its session with other hosts.
    static func guarded(_ cluster: ClusterOptions, _ body: () throws -> Void) throws {
        try guarded {
            defer { HostSession.close() }
            if let fault = InstructionSet.fault { throw UsageError(fault) }
            try body()
        }
    }

    /// Runs a cluster, and tells the user at once what ends it before its time.
    ///
    /// - Parameter tellsLosses: whether ranks without which the run goes on are told of.
    static func launch(
        _ configuration: ClusterConfiguration, tellsLosses: Bool = true,
        onEvent: @escaping (ClusterEvent) -> Void = { _ in }
    ) throws -> ClusterOutcome {
        _ = ignoredVariables
        try RatesSource.hand()
        let tell: (ClusterEvent) -> Void = { event in
            onEvent(event)
            if case .failed(let report) = event { Report.remark(report) }
            if tellsLosses, case .lost(let epoch, _, let report) = event {
                Report.remark("\(report); the run goes on in epoch \(epoch)")
            }
        }
        var configuration = configuration
        configuration.isAbandoned = { Report.readerIsGone }
        let outcome =
            try HostSession.run(configuration, onEvent: tell) ?? Agent.run(configuration, onEvent: tell)
        let flights = FlightReport(flights: outcome.flights)
        if outcome.status == .rankLost, let line = flights.line { Report.remark("last collectives: \(line)") }
        if let file = configuration.flightFile { try flights.write(to: file) }
        return outcome
    }

    /// Names what is set and does nothing here, once a process, before its first cluster.
    private static let ignoredVariables: Void = {
        for variable in AscendVariable.present(in: ProcessInfo.processInfo.environment) {
            if case .ignored(let why) = variable.treatment { Report.remark("\(variable.name) is ignored: \(why)") }
        }
    }()

    /// Ends the command as the cluster ended; ``launch(_:onEvent:)`` has told why.
    static func check(_ outcome: ClusterOutcome) throws {
        guard outcome.status != .success else { return }
        // Every failure has a line; one that came without would be a riddle.
        if outcome.report == nil { Report.remark("the run failed (\(outcome.status)), and no cause was reported") }
        throw outcome.status
    }

    private static func status(of error: any Error) -> ExitStatus {
        switch error {
        case let error as any StatusError: error.exitStatus
        case let error as SharedMemoryError: status(of: error)
        case let error as ModelFileError: status(of: error)
        case let error as ModelError where error.code == .badRow || error.code == .badSampling: .usage
        case let error as ClusterFileError: error.code == .unreadable ? .noInput : .data
        case is RankTableError: .data
        case is ExpertError, is EnvironmentError, is HostPlanError, is ManifestError: .usage
        case let error as SystemError where error.isUnknownHost: .noHost
        case is SystemError, is WorkerError: .system
        case let error as MessagingError where [EAGAIN, ENOMEM, EMFILE, ENFILE].contains(error.errno): .system
        case is MessagingError: .inputOutput
        case is PMIxError: .unavailable
        default: .software
        }
    }

    /// A file that is not there is another matter than one that lies.
    private static func status(of error: ModelFileError) -> ExitStatus {
        FileManager.default.isReadableFile(atPath: error.file) ? .data : .noInput
    }

    private static func status(of error: SharedMemoryError) -> ExitStatus {
        switch error.code {
        case .badPlan: .usage
        case .notEnoughSharedMemory: .unavailable
        case .system: .system
        case .refused: .mismatch
        case .badFile: .noInput
        }
    }
}
