internal import Topology

/// A machine in text: servers and switches, planes, published paths, hosts.
struct TopologyDrawing {
    var machine: Machine

    private var shape: Supernode { machine.shape }

    /// The whole drawing.
    var lines: [String] {
        [heading, ""] + fabric + [""] + server(0) + others + [""] + planes + [""] + paths + [""] + hosts
    }

    /// The machine in one line; both counts, named.
    var heading: String {
        "\(machine.name): servers \(shape.serverCount) x NPUs \(shape.npusPerServer) x dies \(shape.diesPerNPU) = "
            + "\(shape.dieCount) dies, \(shape.npuCount) NPUs; digest \(Self.hexadecimal(machine.digest))"
    }

    static func hexadecimal(_ value: UInt64) -> String {
        let digits = String(value, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }

    private var fabric: [String] {
        guard let fabric = machine.planes.first(where: { $0.kind == .unifiedBus })?.fabric else {
            return ["  the UB plane's switches are not described"]
        }
        guard shape.serverCount > 1 else { return ["  one server: no second level of switches"] }
        let rate = Self.rate(fabric.linkBandwidth)
        return [
            "  L2  \(fabric.subPlanes) sub-planes x \(fabric.l2PerSubPlane) chips = \(fabric.l2Count) chips of "
                + "\(fabric.portsPerL2) ports, one a server",
            "       |  \(fabric.uplinksPerL1) links of \(rate) from each L1 chip, one to each L2 chip of its sub-plane",
        ]
    }

    private func server(_ number: Int) -> [String] {
        var lines = ["  server \(number)" + (machine.host(ofServer: number).map { " (host \($0.name))" } ?? "")]
        if let fabric = machine.planes.first(where: { $0.kind == .unifiedBus })?.fabric {
            lines.append("    L1  " + (0..<min(fabric.subPlanes, 16)).map { "[plane \($0)]" }.joined(separator: " "))
            lines.append("         |  every die has a link of \(Self.rate(fabric.linkBandwidth)) into each")
        }
        for first in stride(from: 0, to: min(shape.npusPerServer, 16), by: 4) {
            let packages = (first..<min(first + 4, shape.npusPerServer)).map { npu in
                let dies = (0..<shape.diesPerNPU).map { "\(npu * shape.diesPerNPU + $0)" }.joined(separator: "|")
                return "[NPU \(npu): dies \(dies)]"
            }
            lines.append("    " + packages.joined(separator: " "))
        }
        return lines
    }

    private var others: [String] {
        shape.serverCount > 1 ? ["  servers 1 to \(shape.serverCount - 1): the same"] : []
    }

    private var planes: [String] {
        ["planes (published of the real machine; nothing here was measured)"]
            + machine.planes.map { plane in
                let die = plane.bandwidthPerDie.map { "\(Self.rate($0)) a die, " } ?? ""
                let name = plane.kind.rawValue + String(repeating: " ", count: 4 - plane.kind.rawValue.count)
                return "  \(name)  \(die)\(Self.rate(plane.bandwidthPerServer)) a server"
            }
    }

    private var paths: [String] {
        ["paths from one die, one direction (published)"]
            + machine.paths.map { path in
                let columns = [
                    path.operation.rawValue, path.target.rawValue, path.tier.name, Self.rate(path.bandwidth),
                    Self.exact(path.latency, 3) + " us",
                ]
                return "  "
                    + zip(columns, [5, 3, 9, 9, 0]).map { $0 + String(repeating: " ", count: max(0, $1 - $0.count)) }
                    .joined(separator: "  ")
            }
    }

    private var hosts: [String] {
        ["hosts"]
            + machine.hosts.map { host in
                let dies = machine.dies(of: host)
                let servers =
                    host.servers.lowerBound == host.servers.upperBound
                    ? "server \(host.servers.lowerBound)"
                    : "servers \(host.servers.lowerBound)-\(host.servers.upperBound)"
                return "  \(host.name)  \(servers), dies \(dies.lowerBound)-\(dies.upperBound - 1)"
            }
    }

    private static func rate(_ bytesPerSecond: Int) -> String { exact(bytesPerSecond, 9) + " GB/s" }

    /// A whole number divided by a power of ten, every digit that is not a trailing zero: published figures stay as published.
    private static func exact(_ value: Int, _ digits: Int) -> String {
        let scale = (0..<digits).reduce(1) { product, _ in product * 10 }
        var fraction = "\(value % scale)"
        fraction = String(repeating: "0", count: digits - fraction.count) + fraction
        while fraction.last == "0" { fraction.removeLast() }
        return "\(value / scale)" + (fraction.isEmpty ? "" : "." + fraction)
    }
}
