extension RankTable {
    /// The table as a JSON file of its version, four spaces a level, keys in the order of HCCL's documentation.
    ///
    /// Versions 1.0 and 1.2 write every value as a text, version 2.0 numbers as numbers, as their readers expect.
    public var json: String {
        var out = JSONWriter()
        out.object {
            $0.member("status", "completed")
            $0.member("version", version.rawValue)
            if version == .layers { writeRanks(&$0) } else { writeServers(&$0) }
        }
        return out.text + "\n"
    }

    private func writeServers(_ out: inout JSONWriter) {
        out.member("server_count", "\(servers.count)")
        out.list("server_list", servers) { out, server in
            out.member("server_id", server.id)
            out.member("host_ip", server.hostIP)
            out.member("container_ip", server.containerIP)
            out.member("hardware_type", server.hardwareType)
            out.list("device", server.devices) { out, device in
                out.member("device_id", "\(device.deviceID)")
                if version == .superPods { out.member("super_device_id", device.superDeviceID.map { "\($0)" }) }
                out.member("device_ip", device.ip)
                out.member("device_port", device.port.map { "\($0)" })
                if version == .superPods {
                    out.member("backup_device_ip", device.backupIP)
                    out.member("backup_device_port", device.backupPort.map { "\($0)" })
                }
                out.member("host_port", device.hostPort.map { "\($0)" })
                out.member("rank_id", "\(device.rank)")
            }
        }
        guard !superPods.isEmpty else { return }
        out.list("super_pod_list", superPods) { out, pod in
            out.member("super_pod_id", pod.id)
            out.list("server_list", pod.serverIDs) { out, id in out.member("server_id", id) }
        }
    }

    private func writeRanks(_ out: inout JSONWriter) {
        let devices = servers.flatMap(\.devices).sorted { $0.rank < $1.rank }
        out.member("rank_count", devices.count)
        out.list("rank_list", devices) { out, device in
            out.member("rank_id", device.rank)
            out.member("local_id", device.localID)
            out.member("device_id", device.deviceID)
            if let port = device.port { out.member("device_port", port) }
            if let port = device.hostPort { out.member("host_port", port) }
            out.list("level_list", device.layers) { out, layer in
                out.member("net_layer", layer.number)
                out.member("net_instance_id", layer.instance)
                out.member("net_type", layer.kind.rawValue)
                out.member("net_attr", layer.attribute)
                out.list("rank_addr_list", layer.addresses) { out, address in
                    out.member("addr_type", address.kind.rawValue)
                    out.member("addr", address.text)
                    out.member("ports", address.ports)
                    out.member("plane_id", address.plane)
                }
            }
        }
    }
}
