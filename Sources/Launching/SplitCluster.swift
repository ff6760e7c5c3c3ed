public import Fabric
internal import Messaging
public import SharedMemory
internal import Workers

/// Segments and running switches of a ``HostSplit``.
public final class SplitCluster: @unchecked Sendable {
    /// One a host.
    public let segments: [Segment]
    /// One a host.
    public let switches: [HostSwitch]
    /// Who holds which ranks.
    public let plan: LinkPlan
    private var workers: [Worker?] = []
    private let folder: RunFolder?
    private let gatekeeper: Gatekeeper?

    /// Makes the segments, connects the switches, by ports and names of their own, and starts them.
    public init(_ split: HostSplit, windowByteCount: Int) throws {
        guard let plan = split.plan, split.dies.count > 1 else {
            throw SystemError(rule: "a split has at least two hosts with a die each, not \(split)")
        }
        guard !split.isSecured || split.carrier != .inproc else {
            throw SystemError(rule: "inproc links cannot be secured; take ipc or tcp")
        }
        guard split.carrier != .ipc || split.dies.count <= RunFolder.mostHosts else {
            throw SystemError(rule: "ipc links are for at most \(RunFolder.mostHosts) hosts, not \(split.dies.count)")
        }
        self.plan = plan
        var random = SystemRandomNumberGenerator()
        let nonce: (UInt64, UInt64) = (random.next(), random.next())
        segments = try plan.hosts.map { host in
            try Segment.create(
                SegmentPlan(
                    dieCount: host.ranks.count, windowByteCount: windowByteCount, nonce: nonce,
                    firstRank: host.ranks.lowerBound, rankCount: plan.rankCount,
                    widestHostDieCount: plan.widestHostDieCount))
        }
        let context = try MessageContext()
        switches = segments.enumerated().map { index, segment in
            HostSwitch(segment: segment, plan: plan, host: index, context: context, options: split.options)
        }
        let pairs = split.isSecured ? try plan.hosts.map { _ in try KeyPair.generate() } : []
        // The keys are all ours: a refusal shows as a link that never comes up.
        gatekeeper =
            split.isSecured
            ? try Gatekeeper(context: context, allow: Set(pairs.map(\.publicKey)), onRefusal: { _ in }) : nil
        folder = split.carrier == .ipc ? try RunFolder.create() : nil
        do {
            try connect(split, pairs, nonce.0)
        } catch {
            folder?.remove()
            throw error
        }
    }

    private func connect(_ split: HostSplit, _ pairs: [KeyPair], _ number: UInt64) throws {
        for (index, host) in switches.enumerated() where index < switches.count - 1 {
            let wanted =
                switch split.carrier {
                case .inproc: "inproc://split-\(number)-\(index)"
                case .ipc: folder?.address(ofHost: index) ?? ""
                case .tcp: "tcp://127.0.0.1:*"
                }
            let address = try host.bind(wanted, security: split.isSecured ? .server(pairs[index]) : .plain)
            for later in switches[(index + 1)...] {
                try later.connect(
                    to: index, address,
                    security: split.isSecured
                        ? .client(pairs[later.host], server: pairs[index].publicKey) : .plain)
            }
        }
        for host in switches { workers.append(try Worker.start(name: "switch \(host.host)") { host.run() }) }
    }

    /// Waits until the switches have carried out all that was posted, as far as their links live.
    public func drain(timeout: Duration = .seconds(60)) -> Bool {
        let deadline = Deadline(after: timeout)
        return switches.indices.allSatisfy { workers[$0] == nil || switches[$0].drain(deadline: deadline) }
    }

    /// Ends a switch as if its process were killed: no word to its peers.
    public func kill(_ host: Int) {
        guard let worker = workers[host] else { return }
        _ = switches[host].stop(deadline: Deadline(after: .seconds(60)))  // If it does not, the join shows it.
        worker.join()
        workers[host] = nil
    }

    /// Ends all switches.
    public func stop() {
        for host in workers.indices { kill(host) }
        gatekeeper?.stop()
        folder?.remove()
    }

    /// What the switches have done. Read it when they have stopped.
    public var statistics: [LinkStatistics] { switches.map(\.statistics) }
}
