public import Fabric
internal import Foundation
internal import Messaging
public import SharedMemory
internal import Workers

/// A cluster over several hosts of one machine: each has a segment and a switch of its own, and nothing else in common with the others
/// than the links between the switches.
public struct HostSplit: Sendable, CustomStringConvertible {
    /// What carries the links.
    public enum Carrier: String, Sendable, CaseIterable {
        case inproc, ipc, tcp
    }

    /// Dies of each host.
    public var dies: [Int]
    /// What carries the links.
    public var carrier: Carrier
    /// What all switches do differently.
    public var options: LinkOptions

    /// A split of so many dies a host.
    public init(_ dies: [Int], carrier: Carrier = .inproc, options: LinkOptions = LinkOptions()) {
        self.dies = dies
        self.carrier = carrier
        self.options = options
    }

    /// Such as `3+1 tcp`.
    public var description: String { dies.map(String.init).joined(separator: "+") + " " + carrier.rawValue }

    /// The dies dealt out over so many hosts, the first ones first; fewer hosts than asked for if there are fewer dies.
    public static func even(dies: Int, hosts: Int) -> HostSplit {
        let hosts = min(dies, hosts)
        return HostSplit((0..<hosts).map { dies * ($0 + 1) / hosts - dies * $0 / hosts })
    }

    /// The hosts' names and ranks.
    public var plan: LinkPlan? {
        var next = 0
        return LinkPlan(
            hosts: dies.enumerated().map { index, count in
                defer { next += count }
                return LinkPlan.Host(name: "host-\(index)", ranks: next..<next + count)
            })
    }
}

/// Segments and running switches of a ``HostSplit``.
public final class SplitCluster: @unchecked Sendable {
    /// One a host.
    public let segments: [Segment]
    /// One a host.
    public let switches: [HostSwitch]
    /// Who holds which ranks.
    public let plan: LinkPlan
    private var workers: [Worker?] = []
    private let folder: String?

    /// Makes the segments, connects the switches and starts them.
    public init(_ split: HostSplit, windowByteCount: Int) throws {
        guard let plan = split.plan, split.dies.count > 1 else { throw ClusterUnderTest.HarnessError("no such split: \(split)") }
        self.plan = plan
        var random = SystemRandomNumberGenerator()
        let nonce = (random.next() as UInt64, random.next() as UInt64)
        segments = try plan.hosts.map { host in
            try Segment.create(
                SegmentPlan(
                    dieCount: host.ranks.count, windowByteCount: windowByteCount, nonce: nonce,
                    firstRank: host.ranks.lowerBound, rankCount: plan.rankCount))
        }
        let context = try MessageContext()
        switches = segments.enumerated().map { index, segment in
            HostSwitch(segment: segment, plan: plan, host: index, context: context, options: split.options)
        }
        folder = split.carrier == .ipc ? try Self.makeFolder() : nil
        for (index, host) in switches.enumerated() where index < switches.count - 1 {
            let wanted =
                switch split.carrier {
                case .inproc: "inproc://split-\(nonce.0)-\(index)"
                case .ipc: "ipc://\(folder ?? "")/\(index)"
                case .tcp: "tcp://127.0.0.1:*"
                }
            let address = try host.bind(wanted)
            for later in switches[(index + 1)...] { try later.connect(to: index, address) }
        }
        for host in switches { workers.append(try Worker.start(name: "switch \(host.host)") { host.run() }) }
    }

    private static func makeFolder() throws -> String {
        let folder = "/tmp/softpod-split-" + UUID().uuidString.prefix(8)
        try FileManager.default.createDirectory(
            atPath: folder, withIntermediateDirectories: false, attributes: [.posixPermissions: 0o700])
        return folder
    }

    /// Waits until the switches have carried out all that was posted, as far as their links live.
    public func drain(timeout: Duration = .seconds(60)) -> Bool {
        let deadline = Deadline(after: timeout)
        return switches.indices.allSatisfy { workers[$0] == nil || switches[$0].drain(deadline: deadline) }
    }

    /// Ends a switch as if its process were killed: no word to anybody.
    public func kill(_ host: Int) {
        guard let worker = workers[host] else { return }
        _ = switches[host].stop(deadline: Deadline(after: .seconds(60)))  // If it does not, the join says so.
        worker.join()
        workers[host] = nil
    }

    /// Ends all switches.
    public func stop() {
        for host in workers.indices { kill(host) }
        // A test's own folder; there is nobody to tell.
        if let folder { try? FileManager.default.removeItem(atPath: folder) }
    }

    /// What all switches have done. Read it when they have stopped.
    public var statistics: [LinkStatistics] { switches.map(\.statistics) }
}
