internal import Fabric
internal import Messaging
internal import NodeRuntime
internal import SharedMemory
internal import Workers

/// What an agent has besides its own host during one run of a cluster over several: its line to the coordinator, the run's assignment,
/// and the host's switch with the thread that is it.
final class HostMembership {
    let run: UInt32
    let assignment: Assignment
    let uplink: Uplink
    let context: MessageContext
    /// Keys the switch shows, and who may come in; nil where links are plain.
    let keys: KeyPair?
    private let gatekeeper: Gatekeeper?
    /// Where the switch takes links.
    private let linkAddress: String
    private let linkPort: Int?
    /// Raised by the switch when it gives a link up.
    private let lossEvent: Event
    private var hostSwitch: HostSwitch?
    private var worker: Worker?
    private var hasSaidDone = false
    /// What is known of ranks here that may be to blame for another rank's trouble.
    var remark = ""
    /// Why the line to the coordinator is no more, once it is not.
    private(set) var loss: Uplink.Loss?

    init(
        run: UInt32, assignment: Assignment, uplink: Uplink, context: MessageContext, keys: KeyPair?,
        gatekeeper: Gatekeeper?, linkAddress: String, linkPort: Int?
    ) throws(SystemError) {
        self.run = run
        self.assignment = assignment
        self.uplink = uplink
        self.context = context
        self.keys = keys
        self.gatekeeper = gatekeeper
        self.linkAddress = linkAddress
        self.linkPort = linkPort
        lossEvent = try Event()
    }

    /// This host as reports name it.
    var hostName: String { assignment.plan.hosts[assignment.host].name }

    /// What the host's segment holds.
    var segmentPlan: SegmentPlan {
        let ranks = assignment.plan.hosts[assignment.host].ranks
        return SegmentPlan(
            dieCount: ranks.count, windowByteCount: assignment.windowByteCount,
            diesPerProcess: min(assignment.diesPerProcess, ranks.count), nonce: assignment.nonce,
            topologyDigest: assignment.topologyDigest, firstRank: ranks.lowerBound,
            rankCount: assignment.plan.rankCount, widestHostDieCount: assignment.plan.widestHostDieCount,
            diesPerNPU: assignment.diesPerNPU, diesPerServer: assignment.diesPerServer)
    }

    /// What to poll beside the host's own.
    var descriptors: [Int32] { loss == nil ? uplink.descriptors + [lossEvent.descriptor.number] : [] }
    var pollMilliseconds: Int { loss == nil ? uplink.pollMilliseconds : -1 }

    /// Makes the switch of a segment, and tells the coordinator where it takes links.
    func openSwitch(_ segment: Segment) throws {
        guard segment.plan.hasFarRanks else { return uplink.send(.ready(run: run, address: "")) }
        var options = LinkOptions()
        options.timing.contact = .milliseconds(assignment.startMilliseconds)
        let event = lossEvent
        options.onLoss = { event.raise() }
        let faults = Instruments(decoding: assignment.instruments)?.faults ?? []
        options.wire = LinkFaults(faults, at: segment.plan.ranks)?.wire
        let made = HostSwitch(
            segment: segment, plan: assignment.plan, host: assignment.host, context: context, options: options)
        // Before they can come.
        if keys != nil { for key in assignment.linkKeys { try gatekeeper?.allow(key) } }
        let port = linkPort.map { "\($0)" } ?? "*"
        let address = try made.bind(
            "tcp://\(HostAddress.bracketed(linkAddress)):\(port)", security: keys.map { .server($0) } ?? .plain)
        hostSwitch = made
        uplink.send(.ready(run: run, address: address))
    }

    /// Connects the switch to those of the hosts before this one, and starts it.
    func connectSwitch(_ links: [String]) throws {
        guard let hostSwitch, worker == nil else { return }
        guard links.count == assignment.plan.hosts.count else {
            throw SystemError(rule: "\(links.count) switches were named for \(assignment.plan.hosts.count) hosts")
        }
        for other in 0..<assignment.host {
            let security = keys.map { SocketSecurity.client($0, server: assignment.linkKeys[other]) } ?? .plain
            try hostSwitch.connect(to: other, links[other], security: security)
        }
        worker = try Worker.start(name: "switch") { hostSwitch.run() }
    }

    /// Whether the switch runs, or none is needed.
    var isSwitchRunning: Bool { worker != nil || assignment.plan.hosts.count == 1 }

    /// Ends the switch. Nothing of the host may need it any more.
    func stopSwitch() {
        guard let hostSwitch, let worker else { return }
        // It looks at its phase between any two messages; should it not, the join shows it.
        _ = hostSwitch.stop(deadline: Deadline(after: .seconds(10)))
        worker.join()
        self.worker = nil
    }

    /// Whether the switch has given a link up since this was asked last.
    func takeLoss() -> Bool {
        guard Descriptor.poll([lossEvent.descriptor.number], milliseconds: 0)[0] else { return false }
        lossEvent.clear()
        return true
    }

    /// The coordinator's next message of this run; nil if there is none now, or the line is lost, which ``loss`` tells then.
    func next() -> HostMessage? {
        guard loss == nil else { return nil }
        do {
            return try uplink.next()
        } catch let error as Uplink.Loss {
            loss = error
        } catch {
            loss = .lost("the line to the coordinator failed: \(error)")
        }
        return nil
    }

    func relay(_ message: ControlMessage) { say(.relayed(run: run, message)) }
    func sayConnected() { say(.connected(run: run)) }
    func sayPaused() { say(.paused(run: run)) }
    func sayFailed(_ failure: HostFailure) { say(.failed(run: run, failure)) }

    /// Says once that the host's dies are done.
    func sayDone() {
        guard !hasSaidDone else { return }
        hasSaidDone = true
        say(.done(run: run))
    }

    private func say(_ message: HostMessage) { if loss == nil { uplink.send(message) } }
}
