public import Topology

extension RankTable {
    /// The most ranks of a table, as version 2.0 has it.
    public static let maximumRankCount = 65_536
    /// Devices of one server: numbers 0 to 64, as version 2.0 has it.
    static let deviceIDs = 0...64

    /// Checks the table against HCCL's rules.
    ///
    /// Ranks start at 0, each is there once and none is missing; a server's ranks follow each other, none of another server
    /// between them; names and addresses are unique; a borrowed address is that of the other die of the same NPU; several
    /// SuperPoDs come one after the other, hold each server once, and need device addresses.
    ///
    /// - Throws: the first rule it breaks.
    public func check() throws(RankTableError) {
        try check { server, device in
            device.map { "server_list[\(server)].device[\($0)]" } ?? "server_list[\(server)]"
        }
    }

    /// The same, with the places named by `place(server, device)`.
    func check(_ place: (Int, Int?) -> String) throws(RankTableError) {
        try checkServers(place)
        try checkRanks(place)
        try checkAddresses(place)
        if version == .layers { try checkLayers(place) } else { try checkPods() }
    }

    private func checkServers(_ place: (Int, Int?) -> String) throws(RankTableError) {
        guard !servers.isEmpty else { throw RankTableError("server_list", "is empty") }
        guard rankCount <= Self.maximumRankCount else {
            throw RankTableError(
                "server_list", "has \(rankCount) devices, more than the \(Self.maximumRankCount) allowed")
        }
        let limit = version == .layers ? 1024 : 64
        var seen: Set<String> = []
        for (index, server) in servers.enumerated() {
            guard (1...limit).contains(server.id.count) else {
                throw RankTableError(place(index, nil) + ".server_id", "must have 1 to \(limit) characters")
            }
            guard seen.insert(server.id).inserted else {
                throw RankTableError(place(index, nil) + ".server_id", "the server \"\(server.id)\" is there twice")
            }
            guard !server.devices.isEmpty else { throw RankTableError(place(index, nil) + ".device", "is empty") }
            var ids: Set<Int> = []
            var hostPorts: Set<Int> = []
            for (number, device) in server.devices.enumerated() {
                guard Self.deviceIDs.contains(device.deviceID) else {
                    throw RankTableError(place(index, number) + ".device_id", "must be 0 to 64, is \(device.deviceID)")
                }
                guard ids.insert(device.deviceID).inserted else {
                    throw RankTableError(
                        place(index, number) + ".device_id",
                        "device \(device.deviceID) is on server \"\(server.id)\" twice")
                }
                if let port = device.hostPort, !hostPorts.insert(port).inserted {
                    throw RankTableError(
                        place(index, number) + ".host_port", "port \(port) is on server \"\(server.id)\" twice")
                }
            }
        }
    }

    private func checkRanks(_ place: (Int, Int?) -> String) throws(RankTableError) {
        let count = rankCount
        var owner: [Int: Int] = [:]
        for (index, server) in servers.enumerated() {
            for (number, device) in server.devices.enumerated() {
                let here = place(index, number) + ".rank_id"
                guard (0..<count).contains(device.rank) else {
                    throw RankTableError(here, "rank \(device.rank) is outside 0 to \(count - 1), for \(count) devices")
                }
                guard owner.updateValue(index, forKey: device.rank) == nil else {
                    throw RankTableError(here, "rank \(device.rank) is there twice")
                }
            }
        }
        // Every rank from 0 to count - 1 is there exactly once now, since none repeats and none is outside.
        for (index, server) in servers.enumerated() {
            let ranks = server.devices.map(\.rank)
            guard let first = ranks.min(), let last = ranks.max(), last - first + 1 != ranks.count else { continue }
            guard let strange = (first...last).first(where: { owner[$0] != index }), let other = owner[strange] else {
                continue
            }
            throw RankTableError(
                place(index, nil),
                "ranks of server \"\(server.id)\" are interleaved: \(first) to \(last) are its, but \(strange) is on "
                    + "\"\(servers[other].id)\"")
        }
    }

    private func checkAddresses(_ place: (Int, Int?) -> String) throws(RankTableError) {
        // A server in plain mode on its own needs no device addresses; several do, and so do several SuperPoDs.
        let needsIP =
            switch version {
            case .servers: servers.count > 1
            case .superPods: superPods.count > 1 || (superPods.isEmpty && servers.count > 1)
            case .layers: false
            }
        var seen: Set<String> = []
        for (index, server) in servers.enumerated() {
            for (number, device) in server.devices.enumerated() {
                guard let ip = device.ip else {
                    if needsIP {
                        throw RankTableError(place(index, number) + ".device_ip", "is missing: several servers need it")
                    }
                    continue
                }
                guard seen.insert(ip).inserted else {
                    throw RankTableError(place(index, number) + ".device_ip", "\(ip) is there twice")
                }
            }
            for (number, device) in server.devices.enumerated() {
                guard let backup = device.backupIP else { continue }
                let partner = server.devices.first { $0.ip == backup }
                guard let partner, partner.deviceID != device.deviceID, partner.deviceID / 2 == device.deviceID / 2
                else {
                    throw RankTableError(
                        place(index, number) + ".backup_device_ip",
                        "\(backup) must be the address of the other die of NPU \(device.deviceID / 2), device "
                            + "\(device.deviceID ^ 1)")
                }
                if let port = device.backupPort, port == partner.port {
                    throw RankTableError(
                        place(index, number) + ".backup_device_port", "\(port) is also the device_port of \(backup)")
                }
            }
        }
    }

    private func checkPods() throws(RankTableError) {
        guard !superPods.isEmpty else { return }
        guard version == .superPods else { throw RankTableError("super_pod_list", "belongs to version 1.2") }
        let known = Set(servers.map(\.id))
        var podOf: [String: Int] = [:]
        var ids: Set<String> = []
        for (index, pod) in superPods.enumerated() {
            let place = "super_pod_list[\(index)]"
            guard (1...127).contains(pod.id.count) else {
                throw RankTableError(place + ".super_pod_id", "must have 1 to 127 characters")
            }
            guard ids.insert(pod.id).inserted else {
                throw RankTableError(place + ".super_pod_id", "the SuperPoD \"\(pod.id)\" is there twice")
            }
            for (number, id) in pod.serverIDs.enumerated() {
                guard known.contains(id) else {
                    throw RankTableError(
                        "\(place).server_list[\(number)].server_id", "the server \"\(id)\" is not in server_list")
                }
                guard podOf.updateValue(index, forKey: id) == nil else {
                    throw RankTableError(
                        "\(place).server_list[\(number)].server_id",
                        "the server \"\(id)\" is in two SuperPoDs, or twice")
                }
            }
        }
        var last = 0
        for (index, server) in servers.enumerated() {
            guard let pod = podOf[server.id] else {
                throw RankTableError("server_list[\(index)]", "the server \"\(server.id)\" is in no SuperPoD")
            }
            guard pod == last || pod == last + 1 else {
                throw RankTableError(
                    "server_list[\(index)]", "servers of the SuperPoDs are mixed; those of one must follow each other")
            }
            last = pod
            let missing = server.devices.firstIndex { $0.superDeviceID == nil }
            if let missing {
                throw RankTableError(
                    "server_list[\(index)].device[\(missing)].super_device_id", "is missing: super_pod_list needs it")
            }
        }
        try checkSuperDevices(podOf)
    }

    private func checkSuperDevices(_ podOf: [String: Int]) throws(RankTableError) {
        var seen: [Int: Set<Int>] = [:]
        for (index, server) in servers.enumerated() {
            for (number, device) in server.devices.enumerated() {
                guard let id = device.superDeviceID, let pod = podOf[server.id] else { continue }
                guard seen[pod, default: []].insert(id).inserted else {
                    throw RankTableError(
                        "server_list[\(index)].device[\(number)].super_device_id",
                        "\(id) is in SuperPoD \"\(superPods[pod].id)\" twice")
                }
            }
        }
    }

    private func checkLayers(_ place: (Int, Int?) -> String) throws(RankTableError) {
        for (index, server) in servers.enumerated() {
            for (number, device) in server.devices.enumerated() {
                let here = place(index, number) + ".level_list"
                guard let first = device.layers.first, first.number == 0 else {
                    throw RankTableError(here, "must begin with net_layer 0")
                }
                guard first.kind == .topologyFile else {
                    throw RankTableError("\(here)[0].net_type", "must be TOPO_FILE_DESC at net_layer 0")
                }
                var last = -1
                for (level, layer) in device.layers.enumerated() {
                    guard layer.number > last else {
                        throw RankTableError("\(here)[\(level)].net_layer", "\(layer.number) does not rise")
                    }
                    last = layer.number
                    let ports = layer.addresses.flatMap(\.ports)
                    guard Set(ports).count == ports.count else {
                        throw RankTableError(
                            "\(here)[\(level)].rank_addr_list", "a port is bound to two addresses of one layer")
                    }
                }
            }
        }
    }

    /// Checks that the table is complete for a machine: every server has all its dies, and there are no more servers and ranks
    /// than the machine has.
    public func check(against machine: Machine) throws(RankTableError) {
        let shape = machine.shape
        guard servers.count <= shape.serverCount else {
            throw RankTableError(
                "server_list", "has \(servers.count) servers, \(machine.name) has \(shape.serverCount)")
        }
        for server in servers {
            let ids = Set(server.devices.map(\.deviceID))
            if let strange = ids.sorted().first(where: { $0 >= shape.diesPerServer }) {
                throw RankTableError(
                    "server \"\(server.id)\"",
                    "device \(strange) is none of the \(shape.diesPerServer) dies of a server")
            }
            if let missing = (0..<shape.diesPerServer).first(where: { !ids.contains($0) }) {
                throw RankTableError(
                    "server \"\(server.id)\"",
                    "die \(missing % shape.diesPerNPU) of NPU \(missing / shape.diesPerNPU) (device \(missing)) is missing"
                )
            }
        }
    }
}
