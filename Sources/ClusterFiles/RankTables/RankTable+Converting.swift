extension RankTable {
    /// The table in another version, and what that version cannot say or what had to be made up, one sentence each.
    ///
    /// - Throws: ``RankTableError`` if the other version needs what this one does not have: an address of every rank for 2.0.
    public func convert(to target: Version) throws(RankTableError) -> (table: RankTable, remarks: [String]) {
        guard target != version else { return (self, []) }
        var table = self
        var remarks: [String] = []
        table.version = target
        switch (version, target) {
        case (.layers, _):
            try table.flatten(&remarks)
            if target == .superPods { table.addPod(&remarks) }
        case (_, .layers): try table.layer(&remarks)
        case (.servers, .superPods): table.addPod(&remarks)
        default: table.dropPods(&remarks)
        }
        try table.check()
        return (table, remarks)
    }

    private mutating func forEachDevice(_ body: (inout Device, Server) -> Void) {
        for index in servers.indices {
            let server = servers[index]
            for number in servers[index].devices.indices { body(&servers[index].devices[number], server) }
        }
    }

    /// 1.0 to 1.2: one SuperPoD with everything in it.
    private mutating func addPod(_ remarks: inout [String]) {
        superPods = [SuperPod(id: "0", serverIDs: servers.map(\.id))]
        var next = 0
        forEachDevice { device, _ in
            device.superDeviceID = next
            next += 1
        }
        remarks.append("made up: one SuperPoD \"0\" with all servers, super_device_id 0 to \(next - 1)")
    }

    /// 1.2 to 1.0.
    private mutating func dropPods(_ remarks: inout [String]) {
        if !superPods.isEmpty { remarks.append("left out: super_pod_list (\(superPods.count) SuperPoDs)") }
        superPods = []
        var (ids, backups) = (0, 0)
        forEachDevice { device, _ in
            ids += device.superDeviceID == nil ? 0 : 1
            backups += device.backupIP == nil ? 0 : 1
            (device.superDeviceID, device.backupIP, device.backupPort) = (nil, nil, nil)
        }
        if ids > 0 { remarks.append("left out: super_device_id of \(ids) devices") }
        if backups > 0 { remarks.append("left out: backup_device_ip and backup_device_port of \(backups) devices") }
    }

    /// 1.0 or 1.2 to 2.0: network layer 0 is the server, layer 1 the SuperPoD or the whole cluster.
    private mutating func layer(_ remarks: inout [String]) throws(RankTableError) {
        for (index, server) in servers.enumerated() {
            if let number = server.devices.firstIndex(where: { $0.ip == nil }) {
                throw RankTableError(
                    "server_list[\(index)].device[\(number)].device_ip",
                    "is missing: version 2.0 needs an address of every rank")
            }
        }
        var podOf: [String: String] = [:]
        for pod in superPods { for id in pod.serverIDs { podOf[id] = pod.id } }
        let hasLayerOne = servers.count > 1
        forEachDevice { device, server in
            guard let ip = device.ip else { return }
            let kind: Address.Kind = NetworkAddress.isIPv4(ip) ? .ipv4 : .ipv6
            let address = Address(kind: kind, text: ip, ports: ["\(device.deviceID % 2)/0"])
            device.layers = [Layer(number: 0, instance: server.id, kind: .topologyFile, addresses: [address])]
            if hasLayerOne {
                device.layers.append(
                    Layer(number: 1, instance: podOf[server.id] ?? "cluster", kind: .clos, addresses: [address]))
            }
            (device.ip, device.superDeviceID, device.backupIP, device.backupPort) = (nil, nil, nil, nil)
        }
        remarks.append("made up: port die/0 for every address, since versions 1.0 and 1.2 have no ports of a die")
        if superPods.contains(where: { !$0.serverIDs.isEmpty }) {
            remarks.append("left out: super_device_id and backup addresses; SuperPoDs became net_layer 1")
        }
        if servers.contains(where: { $0.hostIP != nil || $0.containerIP != nil || $0.hardwareType != nil }) {
            remarks.append("left out: host_ip, container_ip and hardware_type of servers")
        }
        for index in servers.indices {
            servers[index] = Server(id: servers[index].id, devices: servers[index].devices)
        }
        superPods = []
    }

    /// 2.0 to 1.x: a server is an instance of layer 0; of the addresses the first that is not an EID remains.
    private mutating func flatten(_ remarks: inout [String]) throws(RankTableError) {
        for (index, server) in servers.enumerated() where server.id.count > 64 {
            throw RankTableError("server_list[\(index)].server_id", "net_instance_id has more than 64 characters")
        }
        var (dropped, moved) = (0, 0)
        forEachDevice { device, _ in
            let addresses = device.layers.flatMap(\.addresses)
            device.ip = addresses.first { $0.kind != .eid }?.text
            dropped += addresses.count - (device.ip == nil ? 0 : 1)
            moved += device.localID == device.deviceID ? 0 : 1
            device.localID = device.deviceID
            device.layers = []
        }
        remarks.append("left out: \(dropped) addresses, their ports and planes, and all network layers above 0")
        if moved > 0 { remarks.append("left out: local_id of \(moved) ranks, which is not their device_id") }
    }
}
