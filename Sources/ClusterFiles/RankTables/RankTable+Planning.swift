public import Topology

extension RankTable {
    /// The table of a plan on a machine: rank r is die r, its server that of the machine.
    ///
    /// What an emulated die does not have is made up, so that the rules hold and it is not taken for real: `device_ip` from
    /// 198.18.0.0/15, which is set aside for benchmarks (RFC 2544) and large enough; `super_device_id` the die's number; EIDs with
    /// the sub-plane in the last 8 bits and the die before it. Version 2.0 has an address for each of the machine's UB
    /// sub-planes, with the plane's name as `plane_id`.
    ///
    /// - Throws: ``RankTableError`` if a server would be on two hosts, or a rule is broken.
    public init(version: Version, plan: HostPlan, machine: Machine) throws(RankTableError) {
        let shape = machine.shape
        guard plan.rankCount <= shape.dieCount else {
            throw RankTableError("plan", "has \(plan.rankCount) dies, \(machine.name) has \(shape.dieCount)")
        }
        var servers: [Server] = []
        for host in plan.hosts {
            let (first, rest) = host.ranks.lowerBound.quotientAndRemainder(dividingBy: shape.diesPerServer)
            guard rest == 0 || plan.hosts.count == 1 else {
                throw RankTableError(
                    "plan", "\"\(host.name)\" begins at rank \(host.ranks.lowerBound), in the middle of server \(first)"
                )
            }
            let last = (host.ranks.upperBound - 1) / shape.diesPerServer
            for number in first...last {
                let dies = number * shape.diesPerServer..<min((number + 1) * shape.diesPerServer, host.ranks.upperBound)
                servers.append(
                    Server(
                        id: first == last ? host.name : "\(host.name)-server\(number)",
                        hostIP: NetworkAddress.isIPv4(host.address) ? host.address : nil,
                        devices: dies.map { Self.device($0, version: version, machine: machine, server: host.name) }))
            }
        }
        if version == .layers {
            for index in servers.indices {
                for number in servers[index].devices.indices {
                    servers[index].devices[number].layers[0].instance = servers[index].id
                }
            }
        }
        let pods = version == .superPods ? [SuperPod(id: "0", serverIDs: servers.map(\.id))] : []
        self.init(version: version, servers: servers, superPods: pods)
        try check()
    }

    private static func device(_ die: Int, version: Version, machine: Machine, server: String) -> Device {
        let id = die % machine.shape.diesPerServer
        guard version == .layers else {
            return Device(
                rank: die, deviceID: id, ip: "198.\(18 + die / 65_024).\(die % 65_024 / 254).\(die % 254 + 1)",
                superDeviceID: version == .superPods ? die : nil)
        }
        let planes = machine.planes.first { $0.kind == .unifiedBus }?.fabric?.subPlanes ?? 1
        let addresses = (0..<min(planes, 16)).map { plane in
            Address(
                kind: .eid, text: eid(die: die, plane: plane), ports: ["\(id % machine.shape.diesPerNPU)/\(plane)"],
                plane: "plane\(plane)")
        }
        var layers = [Layer(number: 0, instance: server, kind: .topologyFile, addresses: addresses)]
        if machine.shape.serverCount > 1 {
            layers.append(Layer(number: 1, instance: machine.name, kind: .clos, addresses: addresses))
        }
        return Device(rank: die, deviceID: id, layers: layers)
    }

    /// 32 hexadecimal digits.
    private static func eid(die: Int, plane: Int) -> String {
        let digits = String(die << 8 | plane, radix: 16)
        return String(repeating: "0", count: 32 - digits.count) + digits
    }
}
