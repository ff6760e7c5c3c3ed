internal import Fabric
internal import FoundationEssentials
internal import Messaging
internal import NodeRuntime
internal import SharedMemory
internal import Workers

/// Runs clusters over several hosts: starts or awaits their agents, tells them what each run is, and sees to it that all of them end.
///
/// One session serves any number of runs, one after the other. The phases of a run: gathering, until every agent has introduced itself and
/// is one of ours; making, until every host has its segment and its switch an address; linking, until switches and rank processes are
/// there; running, until all dies of all hosts are done or something ends the run; ending, until every host has reported.
///
/// Whatever goes wrong before the ranks begin is told to every host in words, and ends the session.
public final class Coordinator {
    enum Phase { case gathering, making, linking, running, ending }

    let roster: HostRoster
    let context: MessageContext
    let socket: Socket
    let monitor: SocketMonitor
    /// How connections to the rendezvous failed, each way once.
    var handshakeFaults: [String] = []
    private let gatekeeper: Gatekeeper?
    let signals: SignalQueue
    let token: [UInt8]
    /// The coordinator's address with its port.
    let address: String
    let remark: @Sendable (String) -> Void
    /// Takes a line of a remote shell as it is, for the user to read.
    public var passOn: (String) -> Void = { _ in }
    var agents: [AgentSlot] = []
    private var lastRun: UInt32 = 0
    /// Why there can be no further run.
    var broken: String?
    /// Strangers the user has been told of.
    var strangerCount = 0

    // The run under way.
    var phase = Phase.gathering
    var configuration: ClusterConfiguration
    var onEvent: (ClusterEvent) -> Void = { _ in }
    var plan: LinkPlan?
    var results: [[UInt8]?] = []
    var failure: HostFailure?
    var deadline = Deadline(after: .zero)
    private var begunAt: UInt64 = 0
    private var connectedAt: UInt64?
    private var endingSince: UInt64?
    var interruptedAt: UInt64?
    /// Sees by the clock that this process was stopped. Turns take a second at most where nothing holds them up.
    var clockWatch = ClockWatch(at: Monotonic.now(), tolerance: 2_000_000_000)
    /// When this process was stopped last, and for how long.
    var lastStop: (at: UInt64, nanoseconds: UInt64)?
    /// Until when hosts may say that their ranks are stopped, where the user has suspended this process.
    var suspendBy: Deadline?

    /// Binds the coordinator's address and starts the agents there are to start.
    ///
    /// - Parameter remark: tells the user something, in one line.
    public init(_ roster: HostRoster, remark: @escaping @Sendable (String) -> Void) throws {
        self.roster = roster
        self.remark = remark
        configuration = ClusterConfiguration(dieCount: 1, windowByteCount: 1, workload: "")
        signals = try SignalQueue()
        context = try MessageContext()
        var random = SystemRandomNumberGenerator()
        token = (0..<Introduction.tokenByteCount).map { _ in UInt8.random(in: 0...255, using: &random) }
        if let keys = roster.keys {
            gatekeeper = try Gatekeeper(context: context, allow: keys.allow.union([keys.agents.publicKey])) {
                remark("refused at the rendezvous: \($0)")
            }
            socket = try Socket(.router, in: context, security: .server(keys.server), probesPeer: true)
        } else {
            gatekeeper = nil
            socket = try Socket(.router, in: context, probesPeer: true)
        }
        monitor = try SocketMonitor(socket)
        address = try socket.bind(roster.address)
        do { try startAgents() } catch {
            close()
            throw error
        }
    }

    /// What an agent that a launcher started needs to come here.
    ///
    /// - Parameter host: this machine's address as others write it, where the coordinator took all of them.
    public func invitation(reachedBy host: String?, patience: Duration) -> Invitation {
        var place = address
        let port = address[address.index(after: address.lastIndex(of: ":") ?? address.startIndex)...]
        if let host, address.hasPrefix("tcp://0.0.0.0:") || address.hasPrefix("tcp://[::]:") {
            place = "tcp://\(HostAddress.bracketed(host)):\(port)"
        }
        return Invitation(
            address: place, keys: roster.keys?.agents, serverKey: roster.keys?.server.publicKey, token: token,
            patienceMilliseconds: max(1, Int(patience / .milliseconds(1))))
    }

    /// Runs a cluster to its end.
    ///
    /// - Throws: what prevents a start here. What goes wrong later, and on other hosts, is in the outcome.
    public func run(
        _ configuration: ClusterConfiguration, onEvent: @escaping (ClusterEvent) -> Void = { _ in }
    ) throws -> ClusterOutcome {
        if let broken { throw SystemError(rule: "no further run on these hosts: \(broken)") }
        begin(configuration, onEvent)
        while !isOver {
            try turn()
        }
        return outcome()
    }

    /// Gathers the agents for a run.
    func begin(_ configuration: ClusterConfiguration, _ onEvent: @escaping (ClusterEvent) -> Void) {
        self.configuration = configuration
        self.onEvent = onEvent
        lastRun &+= 1
        begunAt = Monotonic.now()
        deadline = Deadline(after: configuration.startDeadline)
        results = Array(repeating: nil, count: configuration.dieCount)
        (failure, plan, connectedAt, endingSince) = (nil, nil, nil, nil)
        for index in agents.indices {
            agents[index].part = AgentSlot.Part()
            agents[index].lastHeard = begunAt
            agents[index].output?.begin()
        }
        phase = .gathering
        clockWatch = ClockWatch(at: begunAt, tolerance: clockWatch.tolerance)
    }

    /// The number of the run under way.
    var run: UInt32 { lastRun }

    var isOver: Bool {
        guard phase == .ending else { return false }
        return agents.allSatisfy { !$0.isPresent || $0.part.report != nil || plan == nil }
    }

    private func turn() throws {
        try advance()
        let watched = agents.indices.filter { agents[$0].child != nil && agents[$0].end == nil }
        let talking = self.talking
        let numbers =
            [signals.descriptor.number, socket.descriptor, monitor.descriptor]
            + watched.compactMap { agents[$0].child?.descriptor.number }
            + talking.compactMap { agents[$0].output?.descriptor }
        let milliseconds = socket.isReadable ? 0 : pollMilliseconds
        clockWatch.willSleep(UInt64(milliseconds) * 1_000_000)
        let ready = Descriptor.poll(numbers, milliseconds: milliseconds)
        lookForStop()
        for _ in 0..<Self.messagesPerTurn {
            guard let frames = try socket.receive() else { break }
            take(frames)
        }
        try watchConnections()
        for (place, index) in talking.enumerated() where ready[3 + watched.count + place] { hearShell(index) }
        for (place, index) in watched.enumerated() where ready[place + 3] { reap(index) }
        while let signal = signals.next() { interrupt(signal) }
        endIfAbandoned()
        if phase != .running, deadline.remaining == 0 { deadlinePassed() }
        lookForSilence()
        stopIfSuspended()
    }

    /// Messages read before the clock, the signals and the agents' processes are looked at again: an agent that never stops talking does
    /// not hold up the rest.
    private static let messagesPerTurn = 1024

    private var pollMilliseconds: Int {
        let longest = suspendBy != nil || hasFlood ? Int(ShellOutput.pause / 1_000_000) : 1000
        return phase == .running ? longest : min(longest, Int(deadline.remaining / 1_000_000) + 1)
    }

    /// Goes to the next phase when all agents are ready for it.
    func advance() throws {
        switch phase {
        case .gathering where hasGathered: try makePlan()
        case .making where agents.allSatisfy({ $0.part.address != nil }):
            phase = .linking
            let links = agents.map { $0.part.address ?? "" }
            for index in agents.indices { send(.links(run: run, links), to: index) }
        case .linking where agents.allSatisfy(\.part.isConnected):
            phase = .running
            connectedAt = Monotonic.now()
            for index in agents.indices {
                send(.start(run: run, workload: configuration.workload, payload: configuration.payload), to: index)
            }
            onEvent(.started)
        case .running where agents.allSatisfy(\.part.isDone): finish()
        default: break
        }
    }

    /// Tells every host that the run is over.
    func leave(_ verdict: Verdict?, within time: Duration) {
        phase = .ending
        endingSince = endingSince ?? Monotonic.now()
        deadline = Deadline(after: time)
        for index in agents.indices { send(.stop(run: run, verdict), to: index) }
    }

    /// Sends to an agent that has introduced itself.
    func send(_ message: HostMessage, to index: Int) {
        guard agents[index].isPresent, let route = agents[index].route else { return }
        send(message, to: route)
    }

    func send(_ message: HostMessage, to route: [UInt8]) {
        _ = try? socket.send([route, message.encoded])  // its end, its silence or a deadline tells of such an agent
    }

    /// Something ends the run.
    func fail(_ cause: HostFailure, isSilent: Bool = false) {
        guard failure == nil else { return }
        failure = cause
        if !isSilent { onEvent(.failed(report: cause.report)) }
        if phase == .gathering || phase == .making && plan == nil {
            // No host has begun; all are told why none will.
            for index in agents.indices { send(.cancelled(cause.report), to: index) }
            broken = cause.report
        }
        leave(cause.verdict, within: .seconds(4))
    }

    private func deadlinePassed() {
        if phase == .ending {
            let missing = agents.filter { $0.isPresent && $0.part.report == nil }.map(\.name)
            if failure == nil {
                failure = HostFailure(
                    verdict: Verdict(.agentLost, text: "no report"), status: .rankLost,
                    report: "no last report from host \(missing.joined(separator: ", "))")
                onEvent(.failed(report: failure?.report ?? ""))
            }
            broken = broken ?? "host \(missing.joined(separator: ", ")) did not report the end of a run"
            for index in agents.indices where agents[index].part.report == nil { agents[index].route = nil }
            return
        }
        let text = "not all hosts were ready within \(configuration.startDeadline): " + missingText
        fail(HostFailure(verdict: Verdict(.agentLost, text: text), status: .rankLost, report: text))
        broken = broken ?? text
    }

    private var missingText: String {
        let lacks =
            agents.compactMap { agent -> String? in
                if !agent.isPresent { return "\(agent.name): its agent has not come" }
                if plan == nil { return nil }
                if agent.part.address == nil { return "\(agent.name): no segment yet" }
                return agent.part.isConnected ? nil : "\(agent.name): switch or ranks are not there"
            } + (phase == .gathering ? missingTasks.map { [$0] } ?? [] : [])
        let more = (lacks.count > 4 ? ["\(lacks.count - 4) more"] : []) + handshakeFaults
        return (lacks.prefix(4) + more).joined(separator: "; ")
    }

    private func outcome() -> ClusterOutcome {
        let now = Monotonic.now()
        let reports = agents.map(\.part.report)
        for report in reports {
            if let report, !report.remark.isEmpty { onEvent(.failed(report: Self.suspect + report.remark)) }
        }
        tellDropped()
        func gathered<Value>(_ empty: Value, _ values: (HostReport) -> [Value]) -> [Value] {
            zip(plan?.hosts ?? [], reports).flatMap { host, report -> [Value] in
                let found = report.map(values) ?? []
                return found.count == host.ranks.count ? found : Array(repeating: empty, count: host.ranks.count)
            }
        }
        return ClusterOutcome(
            status: failure?.status ?? .success, report: failure?.report, results: results,
            counts: gathered(nil) { $0.counts }, flights: gathered([]) { $0.flights },
            processCount: reports.reduce(0) { $0 + ($1?.processCount ?? 0) },
            memory: Set(reports.compactMap { $0?.memory?.rawValue }).sorted().joined(separator: " and "),
            startNanoseconds: connectedAt.map { $0 - begunAt }, stopNanoseconds: now - (endingSince ?? now),
            totalNanoseconds: now - begunAt)
    }

    /// Ends the session: every agent goes, and nothing is left of those this process started.
    public func close() {
        // An agent that was never heard of is waiting for nothing: it is told by its input. The others keep theirs until they are gone.
        for index in agents.indices where agents[index].route == nil {
            // One that is gone reads nothing.
            _ = agents[index].input?.write(Array((Invitation.withdrawal + "\n").utf8))
            agents[index].input = nil
        }
        for index in agents.indices { send(.dismissed, to: index) }
        let late = (heard: Deadline(after: .seconds(3)), unheard: Deadline(after: .seconds(1)))
        while let child = agents.first(where: { $0.child != nil && $0.end == nil })?.child {
            let isAwaited = agents.contains { $0.introduction != nil && $0.child != nil && $0.end == nil }
            let deadline = isAwaited ? late.heard : late.unheard
            guard deadline.remaining > 0 else { break }
            let talking = self.talking
            let ready = Descriptor.poll(
                [child.descriptor.number] + talking.compactMap { agents[$0].output?.descriptor },
                milliseconds: hasFlood ? 10 : min(100, Int(deadline.remaining / 1_000_000) + 1))
            for (place, index) in talking.enumerated() where ready[place + 1] { hearShell(index) }
            for index in agents.indices where agents[index].end == nil {
                agents[index].end = agents[index].child?.reap()
            }
        }
        for index in agents.indices where agents[index].end == nil {
            guard let child = agents[index].child else { continue }
            // With what a script that calls ssh has started.
            child.killGroup()
            // A killed process ends without being asked again.
            _ = Descriptor.poll([child.descriptor.number], milliseconds: -1)
            agents[index].end = child.reap()
        }
        for index in agents.indices {
            agents[index].input = nil
            hearLastOfShell(index)
        }
        gatekeeper?.stop()
        agents = []
        broken = broken ?? "the session is closed"
    }
}
