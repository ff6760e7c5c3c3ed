extension RankTable {
    /// Reads version 2.0, and tells for every device of every server its place in `rank_list`.
    ///
    /// Ranks with the same instance at network layer 0 make a server.
    static func readRanks(_ top: Fields) throws(ClusterFileError) -> (table: RankTable, indices: [[Int]]) {
        try top.refuseOthers(than: "status", "version", "rank_count", "rank_list")
        let entries = try top.mappings("rank_list", limit: maximumRankCount)
        let count = try top.integer("rank_count", 1...maximumRankCount)
        guard count == entries.count else {
            throw top.error("rank_count", "is \(count), but rank_list has \(entries.count)")
        }
        var servers: [Server] = []
        var indices: [[Int]] = []
        var serverOf: [String: Int] = [:]
        for (index, entry) in entries.enumerated() {
            let device = try readRank(entry)
            guard let instance = device.layers.first(where: { $0.number == 0 })?.instance else {
                throw entry.error("level_list", "must begin with net_layer 0")
            }
            if let server = serverOf[instance] {
                servers[server].devices.append(device)
                indices[server].append(index)
            } else {
                serverOf[instance] = servers.count
                servers.append(Server(id: instance, devices: [device]))
                indices.append([index])
            }
        }
        return (RankTable(version: .layers, servers: servers), indices)
    }

    private static func readRank(_ entry: Fields) throws(ClusterFileError) -> Device {
        try entry.refuseOthers(than: "rank_id", "local_id", "device_id", "device_port", "host_port", "level_list")
        var device = Device(
            rank: try entry.integer("rank_id", 0...maximumRankCount - 1),
            deviceID: try entry.integer("device_id", deviceIDs))
        device.localID = try entry.integer("local_id", deviceIDs)
        device.port = try entry.optionalInteger("device_port", 1...65_535)
        device.hostPort = try entry.optionalInteger("host_port", 1...65_535)
        for fields in try entry.mappings("level_list", limit: 8) { device.layers.append(try readLayer(fields)) }
        return device
    }

    private static func readLayer(_ fields: Fields) throws(ClusterFileError) -> Layer {
        try fields.refuseOthers(than: "net_layer", "net_instance_id", "net_type", "net_attr", "rank_addr_list")
        var addresses: [Address] = []
        for entry in try fields.mappings("rank_addr_list", limit: 24) { addresses.append(try readAddress(entry)) }
        var attribute = ""
        if case .string(let text) = fields.node("net_attr")?.value, text.isEmpty {
            attribute = text
        } else {
            attribute = try fields.optionalText("net_attr", limit: 1024) ?? ""
        }
        return Layer(
            number: try fields.integer("net_layer", 0...7),
            instance: try fields.text("net_instance_id", limit: 1024),
            kind: try fields.word("net_type", Layer.Kind.self), attribute: attribute, addresses: addresses)
    }

    private static func readAddress(_ entry: Fields) throws(ClusterFileError) -> Address {
        try entry.refuseOthers(than: "addr_type", "addr", "ports", "plane_id")
        // The documentation's table spells the kinds IPv4 and IPv6, its examples IPV4.
        let word = try entry.text("addr_type")
        guard let kind = Address.Kind(rawValue: word.uppercased()) else {
            throw entry.error("addr_type", "must be EID, IPV4 or IPV6, is \"\(word)\"")
        }
        let text = try entry.text("addr")
        let fits =
            switch kind {
            case .eid: NetworkAddress.isEID(text)
            case .ipv4: NetworkAddress.isIPv4(text)
            case .ipv6: NetworkAddress.isIPv6(text)
            }
        guard fits else { throw entry.error("addr", "\"\(Printable.line(text))\" is not an address of kind \(word)") }
        var ports: [String] = []
        for (path, node) in try entry.list("ports", limit: 16) {
            guard case .string(let port) = node.value, (1...32).contains(port.count) else {
                throw ClusterFileError(
                    file: entry.file, line: node.line, place: path, rule: "must be a text of 1 to 32 characters")
            }
            ports.append(port)
        }
        guard !ports.isEmpty else { throw entry.error("ports", "must have one entry at least") }
        return Address(kind: kind, text: text, ports: ports, plane: try entry.optionalText("plane_id"))
    }
}
