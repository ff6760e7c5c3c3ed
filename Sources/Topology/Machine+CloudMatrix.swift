extension Machine {
    /// The CloudMatrix384, for when no file is named. `cluster/topologies/cloudmatrix384.yaml` says the same with the source of
    /// every number beside it; a test holds the two equal.
    public static let cloudMatrix384 = Machine(
        name: "cloudmatrix384", shape: .cloudMatrix384, memoryPerDie: 64_000_000_000,
        memoryBandwidthPerDie: 1_600_000_000_000,
        planes: [
            Plane(
                kind: .unifiedBus, bandwidthPerDie: 196_000_000_000, bandwidthPerServer: 3_136_000_000_000,
                fabric: SwitchFabric(
                    subPlanes: 7, linkBandwidth: 28_000_000_000, uplinksPerL1: 16, l2PerSubPlane: 16, portsPerL2: 48)),
            Plane(kind: .rdma, bandwidthPerDie: 25_000_000_000, bandwidthPerServer: 400_000_000_000),
            Plane(kind: .vpc, bandwidthPerDie: nil, bandwidthPerServer: 50_000_000_000),
        ],
        paths: [
            path(.npu, .package, .read, 270, 200), path(.npu, .package, .write, 270, 200),
            path(.npu, .server, .read, 167, 1200), path(.npu, .server, .write, 137, 1300),
            path(.npu, .supernode, .read, 164, 1900), path(.npu, .supernode, .write, 135, 2100),
            path(.cpu, .server, .read, 151, 1000), path(.cpu, .server, .write, 110, 1100),
            path(.cpu, .supernode, .read, 147, 1700), path(.cpu, .supernode, .write, 107, 1900),
        ],
        hosts: [MachineHost(name: "*", servers: 0...47)])

    private static func path(
        _ target: PublishedPath.Target, _ tier: LinkTier, _ operation: PublishedPath.Operation, _ gigabytes: Int,
        _ nanoseconds: Int
    ) -> PublishedPath {
        PublishedPath(
            target: target, tier: tier, operation: operation, bandwidth: gigabytes * 1_000_000_000, latency: nanoseconds
        )
    }
}
