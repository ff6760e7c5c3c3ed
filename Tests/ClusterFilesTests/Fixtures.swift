import ClusterFiles
import FoundationEssentials
import Topology

/// The texts that tests start from.
enum Fixtures {
    static let root: String = {
        var parts = #filePath.split(separator: "/", omittingEmptySubsequences: false)
        parts.removeLast(3)
        return parts.joined(separator: "/")
    }()

    /// A file of `cluster/topologies`.
    static func topologyPath(_ name: String) -> String { root + "/cluster/topologies/\(name).yaml" }

    static func topologyText(_ name: String) throws -> String {
        String(decoding: try Data(contentsOf: URL(filePath: topologyPath(name))), as: UTF8.self)
    }

    static func text(_ text: String, _ file: String = "file") throws -> TextFile {
        try TextFile(bytes: Array(text.utf8), file: file)
    }

    static let cluster = """
        format: softpod-cluster/1
        name: demo
        diesPerProcess: 2
        deadlines: {wait: 30 s, start: 2 min}
        keyFile: keys/demo.key
        hosts:
          - {name: h0, address: 10.77.0.1, port: 7000, dies: 16}
          - {name: "h[1-2]", npus: 8}
          - {name: h3, dies: 4}

        """

    static let faultPlan = """
        format: softpod-faults/1
        name: two
        faults:
          - {kind: kill, rank: 3, at: {point: combine.flag, peer: 1, entry: 7}}
          - {kind: pause, rank: any, within: 500 ms, for: 200 ms}

        """

    static let hostfile = """
        # two styles
        h0 slots=4 max-slots=8
        h1:4        # Hydra
        n[01-03] slots=2
        last

        """

    /// HCCL's documented example of two SuperPoDs, each of two servers of four devices, from its numbers.
    static func superPodTable(pods: Int = 2, serversPerPod: Int = 2, devices: Int = 4) -> RankTable {
        var servers: [RankTable.Server] = []
        for server in 0..<pods * serversPerPod {
            let list = (0..<devices).map { id -> RankTable.Device in
                var device = RankTable.Device(
                    rank: server * devices + id, deviceID: id, ip: "192.168.\(server + 1).\(6 + id)",
                    superDeviceID: server % serversPerPod * devices + id)
                device.port = 16_666 + id
                device.backupIP = "192.168.\(server + 1).\(6 + (id ^ 1))"
                device.backupPort = 17_666
                device.hostPort = 16_665 + id
                return device
            }
            servers.append(RankTable.Server(id: "node_\(server)", hostIP: "172.16.0.\(100 + server)", devices: list))
        }
        let list = (0..<pods).map { pod in
            RankTable.SuperPod(
                id: "\(pod)", serverIDs: (0..<serversPerPod).map { "node_\(pod * serversPerPod + $0)" })
        }
        return RankTable(version: .superPods, servers: servers, superPods: list)
    }

    /// HCCL's documented example of version 2.0: two servers of two devices, two layers, two planes, from its numbers.
    static func layerTable() -> RankTable {
        typealias Layer = RankTable.Layer
        typealias Address = RankTable.Address
        let servers = (0..<2).map { server in
            let devices = (0..<2).map { id in
                let up = [
                    Address(
                        kind: .ipv4, text: "172.16.\(server).\(15 + 18 * id)", ports: ["0/4", "0/5", "0/6", "0/7"],
                        plane: "plane\(2 * id)"),
                    Address(
                        kind: .ipv4, text: "172.16.\(server).\(5 + 18 * id)", ports: ["1/5", "1/6"],
                        plane: "plane\(2 * id + 1)"),
                ]
                let inside = [Address(kind: .ipv4, text: "172.16.\(server).\(10 + 18 * id)", ports: ["1/0"])]
                var device = RankTable.Device(
                    rank: 2 * server + id, deviceID: id,
                    layers: [
                        Layer(number: 0, instance: "az0-rack0-pod\(server)", kind: .topologyFile, addresses: inside),
                        Layer(number: 1, instance: "az0", kind: .clos, addresses: up),
                    ])
                device.port = 16_666 + 2 * server + id
                device.hostPort = 60_001 + 2 * server + id
                return device
            }
            return RankTable.Server(id: "az0-rack0-pod\(server)", devices: devices)
        }
        return RankTable(version: .layers, servers: servers)
    }
}
