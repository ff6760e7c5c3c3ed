/// A supernode as a topology file describes it: shape, planes, switches, published rates, and which host stands in for which
/// servers.
///
/// Rates and times are whole numbers of base units, so that two equal descriptions have equal digests. They are the
/// machine's, published; nothing that runs here is measured against them without saying so.
public struct Machine: Sendable, Equatable {
    /// The description's name.
    public var name: String
    /// Servers, NPUs, dies.
    public var shape: Supernode
    /// Bytes of memory of one die.
    public var memoryPerDie: Int
    /// Bytes a second of one die's memory.
    public var memoryBandwidthPerDie: Int
    /// The networks, the scale-up one first.
    public var planes: [Plane]
    /// Published point-to-point figures.
    public var paths: [PublishedPath]
    /// The hosts that stand in for the servers; every server is on exactly one.
    public var hosts: [MachineHost]

    /// Takes the description as it is; ``check()`` says whether it holds together.
    public init(
        name: String, shape: Supernode, memoryPerDie: Int, memoryBandwidthPerDie: Int, planes: [Plane],
        paths: [PublishedPath], hosts: [MachineHost]
    ) {
        self.name = name
        self.shape = shape
        self.memoryPerDie = memoryPerDie
        self.memoryBandwidthPerDie = memoryBandwidthPerDie
        self.planes = planes
        self.paths = paths
        self.hosts = hosts
    }

    /// The host that stands in for a server; nil if none does.
    public func host(ofServer server: Int) -> MachineHost? { hosts.first { $0.servers.contains(server) } }

    /// Bytes a second that one die can send on a plane; nil if dies are not on it.
    public func dieBandwidth(on kind: Plane.Kind) -> Int? { planes.first { $0.kind == kind }?.bandwidthPerDie }
}

/// A network of the machine.
public struct Plane: Sendable, Equatable {
    /// Which of the three networks of a CloudMatrix.
    public enum Kind: String, Sendable, CaseIterable {
        /// Unified Bus: scale-up, loads and stores.
        case unifiedBus = "UB"
        /// RoCE between supernodes.
        case rdma = "RDMA"
        /// Ethernet and IP of the data centre.
        case vpc = "VPC"
    }

    /// Which network.
    public var kind: Kind
    /// Bytes a second one die can send; nil where dies are not on the plane themselves.
    public var bandwidthPerDie: Int?
    /// Bytes a second of one server.
    public var bandwidthPerServer: Int
    /// The switches, where the description has them.
    public var fabric: SwitchFabric?

    /// Takes the figures as they are.
    public init(kind: Kind, bandwidthPerDie: Int?, bandwidthPerServer: Int, fabric: SwitchFabric? = nil) {
        self.kind = kind
        self.bandwidthPerDie = bandwidthPerDie
        self.bandwidthPerServer = bandwidthPerServer
        self.fabric = fabric
    }
}

/// Two levels of switches in parallel sub-planes: one L1 chip a server and sub-plane, joined by the L2 chips of the sub-plane.
public struct SwitchFabric: Sendable, Equatable {
    /// Sub-planes; every die has one link into each.
    public var subPlanes: Int
    /// Bytes a second of one link, each way.
    public var linkBandwidth: Int
    /// Links from an L1 chip up, one to each L2 chip of its sub-plane; 0 in a machine of one server.
    public var uplinksPerL1: Int
    /// L2 chips in a sub-plane; 0 in a machine of one server.
    public var l2PerSubPlane: Int
    /// Ports of an L2 chip, one for each server; 0 in a machine of one server.
    public var portsPerL2: Int

    /// Takes the figures as they are.
    public init(subPlanes: Int, linkBandwidth: Int, uplinksPerL1: Int, l2PerSubPlane: Int, portsPerL2: Int) {
        self.subPlanes = subPlanes
        self.linkBandwidth = linkBandwidth
        self.uplinksPerL1 = uplinksPerL1
        self.l2PerSubPlane = l2PerSubPlane
        self.portsPerL2 = portsPerL2
    }

    /// L2 chips in all.
    public var l2Count: Int { subPlanes * l2PerSubPlane }
}

/// A published bandwidth and latency from a die to something.
public struct PublishedPath: Sendable, Equatable {
    /// What is read or written.
    public enum Target: String, Sendable, CaseIterable {
        case npu, cpu
    }

    /// How it is reached.
    public enum Operation: String, Sendable, CaseIterable {
        case read, write
    }

    /// What is at the other end: memory of a die, or of a host processor.
    public var target: Target
    /// How far it is: in the package, the server, or the supernode.
    public var tier: LinkTier
    /// Read or write.
    public var operation: Operation
    /// Bytes a second, one die, one direction.
    public var bandwidth: Int
    /// Nanoseconds of a small access.
    public var latency: Int

    /// Takes the figures as they are.
    public init(target: Target, tier: LinkTier, operation: Operation, bandwidth: Int, latency: Int) {
        self.target = target
        self.tier = tier
        self.operation = operation
        self.bandwidth = bandwidth
        self.latency = latency
    }
}

/// A Linux machine that stands in for servers.
public struct MachineHost: Sendable, Equatable {
    /// Its name; `*` in a description that any one host may play.
    public var name: String
    /// The servers it stands in for.
    public var servers: ClosedRange<Int>

    /// Takes name and range as they are.
    public init(name: String, servers: ClosedRange<Int>) {
        self.name = name
        self.servers = servers
    }
}
