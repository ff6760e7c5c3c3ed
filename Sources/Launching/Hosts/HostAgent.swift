internal import Fabric
internal import FoundationEssentials
internal import Messaging
public import NodeRuntime
internal import SharedMemory
public import Workers

/// The life of the agent of one host among several: find the coordinator, be let in, carry out its runs one after the other, go when it
/// says so or is gone.
public final class HostAgent {
    /// Who the agent is, besides what the invitation says.
    public struct Identity: Sendable {
        /// The launcher's tasks this agent stands for; empty where a list of hosts decides.
        public var tasks: Range<Int>
        /// The launcher's tasks in all.
        public var taskCount: Int
        /// The commit the executable was built from.
        public var commit: String
        /// Digest of the topology or rank table this host was given; 0 for none.
        public var topologyDigest: UInt64
        /// Whether the end of standard input means that the coordinator is gone.
        public var watchesInput: Bool

        /// An identity without tasks, that was started through its standard input.
        public init(
            tasks: Range<Int> = 0..<0, taskCount: Int = 0, commit: String, topologyDigest: UInt64 = 0,
            watchesInput: Bool = true
        ) {
            self.tasks = tasks
            self.taskCount = taskCount
            self.commit = commit
            self.topologyDigest = topologyDigest
            self.watchesInput = watchesInput
        }
    }

    private let invitation: Invitation
    private let identity: Identity
    private let remark: @Sendable (String) -> Void
    /// The same of what follows from something that the user has been told.
    private let consequence: @Sendable (String) -> Void
    private let signals: SignalQueue
    private let context: MessageContext
    private let uplink: Uplink
    private let name: String
    private let linkAddress: String
    private let linkKeys: KeyPair?
    private let gatekeeper: Gatekeeper?
    /// What ended the last run here, which the coordinator may not have heard.
    private var untold: String?

    /// Serves a coordinator until the session ends. Call it before any other thread exists.
    ///
    /// - Parameter remark: tells the user something, in one line.
    /// - Returns: what the process should exit with.
    public static func serve(
        _ invitation: Invitation, as identity: Identity, input: LineReader?,
        remark: @escaping @Sendable (String) -> Void
    ) throws -> ExitStatus {
        try HostAgent(invitation, identity, input, remark).serve()
    }

    private init(
        _ invitation: Invitation, _ identity: Identity, _ input: LineReader?,
        _ remark: @escaping @Sendable (String) -> Void
    ) throws {
        self.invitation = invitation
        self.identity = identity
        signals = try SignalQueue()
        ProcessControl.raiseDescriptorLimit()
        name = invitation.name ?? ProcessControl.hostName
        let name = name
        self.remark = { remark("host \(name): \($0)") }
        consequence = { remark(Coordinator.consequence + "host \(name): \($0)") }
        context = try MessageContext()
        linkAddress = try invitation.linkAddress ?? HostAddress.source(toward: invitation.hostName)
        if invitation.serverKey != nil {
            linkKeys = try KeyPair.generate()
            gatekeeper = try Gatekeeper(context: context, allow: []) { remark("host \(name): refused a link: \($0)") }
        } else {
            linkKeys = nil
            gatekeeper = nil
        }
        uplink = try Uplink(invitation, in: context, input: identity.watchesInput ? input : nil)
    }

    private func serve() -> ExitStatus {
        defer { gatekeeper?.stop() }
        uplink.send(
            .hello(
                Introduction(
                    token: invitation.token, host: invitation.host, tasks: identity.tasks,
                    taskCount: identity.taskCount, name: name, process: Int(ProcessControl.id),
                    commit: identity.commit, layoutDigest: SegmentLayout.abiDigest,
                    topologyDigest: identity.topologyDigest, linkKey: linkKeys?.publicKey ?? "")))
        while true {
            do {
                while let message = try uplink.next() {
                    guard case .assignment(let run, let assignment) = message else { continue }
                    if let loss = carryOut(run, assignment) { throw loss }
                }
            } catch let loss as Uplink.Loss {
                return goodbye(loss)
            } catch {
                return goodbye(.lost("the line to the coordinator failed: \(error)"))
            }
            _ = Descriptor.poll(
                [signals.descriptor.number] + uplink.descriptors, milliseconds: uplink.pollMilliseconds)
            if let signal = signals.next() {
                if signal == ProcessControl.suspendSignal {
                    ProcessControl.stopSelf()
                    continue
                }
                uplink.send(.farewell("was stopped by \(ProcessControl.signalName(signal))"))
                uplink.drain(.milliseconds(500))
                return ExitStatus(signal: signal)
            }
        }
    }

    private func goodbye(_ loss: Uplink.Loss) -> ExitStatus {
        switch loss {
        case .dismissed: return .success
        case .refused(let why):
            remark("refused: \(why)")
            return .mismatch
        case .cancelled(let why):
            consequence("refused: \(why)")
            return .rankLost
        case .withdrawn(let why):
            consequence(why)
            return .rankLost
        case .lost(let why):
            guard let untold, untold != why else {
                remark(why)
                return .rankLost
            }
            remark(untold)
            consequence(why)
            return .rankLost
        }
    }

    /// One run, from the assignment to the report. Returns why the line to the coordinator is no more, if it is not.
    private func carryOut(_ run: UInt32, _ assignment: Assignment) -> Uplink.Loss? {
        do {
            try enter(assignment)
            let membership = try HostMembership(
                run: run, assignment: assignment, uplink: uplink, context: context, keys: linkKeys,
                gatekeeper: gatekeeper, linkAddress: linkAddress, linkPort: invitation.linkPort)
            let outcome = try Agent.run(try configuration(assignment), membership: membership) { _ in }
            let wantsFlights = assignment.wantsFlights || outcome.status != .success
            untold = outcome.report
            if let loss = membership.loss { return loss }
            uplink.send(
                .ended(
                    run: run,
                    HostReport(
                        processCount: outcome.processCount, memory: SegmentMemory(rawValue: outcome.memory),
                        remark: membership.remark, counts: outcome.counts.compactMap { $0 },
                        flights: wantsFlights ? outcome.flights : [])))
        } catch {
            let text = "host \(name): \(error)"
            uplink.send(
                .failed(
                    run: run,
                    HostFailure(verdict: Verdict(.rankFailed, text: text), status: Self.status(of: error), report: text)
                ))
            uplink.send(.ended(run: run, HostReport(processCount: 0, remark: "", counts: [], flights: [])))
        }
        return nil
    }

    private static func status(of error: any Error) -> ExitStatus {
        switch error {
        case let status as ExitStatus: status
        case let error as SharedMemoryError where error.code == .notEnoughSharedMemory: .unavailable
        case let error as SharedMemoryError where error.code == .badPlan: .usage
        case is SharedFileError: .mismatch
        default: .system
        }
    }

    /// Goes where the command was given, and looks whether this host has what the others have.
    private func enter(_ assignment: Assignment) throws {
        if assignment.topologyDigest != identity.topologyDigest, identity.topologyDigest != 0 {
            throw SharedFileError("its topology is another one than the coordinator's")
        }
        // Relative paths of files count from there; where that is not to be had, the files tell.
        _ = FileManager.default.changeCurrentDirectoryPath(assignment.directory)
        // Ranks inherit it; a remote shell does not pass variables on.
        ProcessControl.setVariable("SOFTPOD_COMPARE_CALLS", assignment.comparesCalls ? "1" : "0")
        ProcessControl.setVariable("SOFTPOD_COUNT_TIERS", assignment.countsTiers ? "1" : "0")
        for file in assignment.files { if let fault = file.fault { throw SharedFileError(fault) } }
    }

    private func configuration(_ assignment: Assignment) throws -> ClusterConfiguration {
        let ranks = assignment.plan.hosts[assignment.host].ranks
        var configuration = ClusterConfiguration(
            dieCount: ranks.count, diesPerProcess: min(assignment.diesPerProcess, ranks.count),
            windowByteCount: assignment.windowByteCount,
            deadline: .milliseconds(assignment.deadlineMilliseconds),
            startDeadline: .milliseconds(assignment.startMilliseconds), workload: "")
        if !assignment.route.isEmpty { configuration.route = assignment.route }
        guard let instruments = Instruments(decoding: assignment.instruments) else {
            throw SharedFileError("the faults of the run cannot be read")
        }
        configuration.instruments = instruments
        return configuration
    }
}

/// What a host has otherwise than the others.
struct SharedFileError: Error, CustomStringConvertible {
    var description: String
    init(_ description: String) { self.description = description }
}
