extension RankTable {
    /// Reads and checks a rank table file of any version.
    ///
    /// - Throws: ``ClusterFileError`` with the line of the first rule it breaks: HCCL's own, and no key that the version does not
    ///   have.
    public static func read(path: String) throws(ClusterFileError) -> RankTable {
        try parse(TextFile(path: path, maximumByteCount: maximumByteCount))
    }

    /// Room for the largest table of 65,536 ranks in version 1.2, pretty-printed.
    static let maximumByteCount = 32 << 20

    /// Reads and checks a text.
    public static func parse(_ text: TextFile) throws(ClusterFileError) -> RankTable {
        let root = try JSONReader.read(text)
        let top = try Fields(root, file: text.file)
        let word = try top.text("version")
        guard let version = Version(rawValue: word) else {
            throw top.error("version", "must be \"1.0\", \"1.2\" or \"2.0\", is \"\(word)\"")
        }
        let status = try top.optionalText("status")
        guard status != nil || version == .layers else { throw top.missing("status") }
        if let status, status != "completed" {
            throw top.error("status", "must be \"completed\", is \"\(status)\": the table is not ready, or stale")
        }
        var indices: [[Int]] = []
        let table: RankTable
        switch version {
        case .servers, .superPods: table = try readServers(top, version)
        case .layers: (table, indices) = try readRanks(top)
        }
        do {
            try table.check { server, device in
                guard version == .layers else {
                    return device.map { "server_list[\(server)].device[\($0)]" } ?? "server_list[\(server)]"
                }
                return "rank_list[\(indices[server][device ?? 0])]"
            }
        } catch {
            throw ClusterFileError(
                file: text.file, line: root.line(ofPlace: error.place), place: error.place, rule: error.rule)
        }
        return table
    }

    private static func readServers(_ top: Fields, _ version: Version) throws(ClusterFileError) -> RankTable {
        try top.refuseOthers(than: "status", "version", "server_count", "server_list", "super_pod_list")
        if version == .servers, top.has("super_pod_list") {
            throw top.error("super_pod_list", "belongs to version 1.2, the file says 1.0")
        }
        var servers: [Server] = []
        for fields in try top.mappings("server_list", limit: maximumRankCount) {
            servers.append(try readServer(fields, version))
        }
        if top.has("server_count") {
            let count = try top.number("server_count", 1...maximumRankCount)
            guard count == servers.count else {
                throw top.error("server_count", "is \(count), but server_list has \(servers.count)")
            }
        } else if version == .servers {
            throw top.missing("server_count")
        }
        var pods: [SuperPod] = []
        if top.has("super_pod_list") {
            for fields in try top.mappings("super_pod_list", limit: 4096) {
                try fields.refuseOthers(than: "super_pod_id", "server_list")
                var ids: [String] = []
                for server in try fields.mappings("server_list", limit: maximumRankCount) {
                    try server.refuseOthers(than: "server_id")
                    ids.append(try server.text("server_id"))
                }
                pods.append(SuperPod(id: try fields.text("super_pod_id"), serverIDs: ids))
            }
        }
        return RankTable(version: version, servers: servers, superPods: pods)
    }

    private static func readServer(_ fields: Fields, _ version: Version) throws(ClusterFileError) -> Server {
        try fields.refuseOthers(than: "server_id", "host_ip", "container_ip", "hardware_type", "device")
        var devices: [Device] = []
        for entry in try fields.mappings("device", limit: 65) {
            if version == .servers {
                try entry.refuseOthers(than: "device_id", "device_ip", "device_port", "host_port", "rank_id")
            } else {
                try entry.refuseOthers(
                    than: "device_id", "device_ip", "device_port", "host_port", "rank_id", "super_device_id",
                    "backup_device_ip", "backup_device_port")
            }
            var device = Device(
                rank: try entry.number("rank_id", 0...maximumRankCount - 1),
                deviceID: try entry.number("device_id", deviceIDs), ip: try entry.address("device_ip"),
                superDeviceID: try entry.optionalNumber("super_device_id", 0...Int(UInt32.max)))
            device.port = try entry.optionalNumber("device_port", 1...65_535)
            device.hostPort = try entry.optionalNumber("host_port", 1...65_535)
            device.backupIP = try entry.address("backup_device_ip")
            device.backupPort = try entry.optionalNumber("backup_device_port", 1...65_535)
            devices.append(device)
        }
        var server = Server(
            id: try fields.text("server_id", limit: 64), hostIP: try fields.address("host_ip"), devices: devices)
        server.containerIP = try fields.address("container_ip")
        server.hardwareType = try fields.optionalText("hardware_type")
        return server
    }
}

extension Fields {
    /// A number written as a text, as versions 1.0 and 1.2 have them; nil if it is missing.
    func optionalNumber(_ key: String, _ range: ClosedRange<Int>) throws(ClusterFileError) -> Int? {
        guard has(key) else { return nil }
        guard case .string(let text) = node(key)?.value, let value = Digits.value(of: text), range.contains(value)
        else {
            throw error(key, "must be a number in quotes from \"\(range.lowerBound)\" to \"\(range.upperBound)\"")
        }
        return value
    }

    /// A number written as a text.
    func number(_ key: String, _ range: ClosedRange<Int>) throws(ClusterFileError) -> Int {
        guard let value = try optionalNumber(key, range) else { throw missing(key) }
        return value
    }

    /// An IPv4 or IPv6 address; nil if it is missing. An empty text, which some generators write, counts as missing.
    func address(_ key: String) throws(ClusterFileError) -> String? {
        if case .string("") = node(key)?.value { return nil }
        guard let text = try optionalText(key, limit: 64) else { return nil }
        guard NetworkAddress.isIPv4(text) || NetworkAddress.isIPv6(text) else {
            throw error(key, "\"\(Printable.line(text))\" is not an IPv4 or IPv6 address")
        }
        return text
    }
}
