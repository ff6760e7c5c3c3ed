internal import Hashing

extension Machine {
    /// A digest of everything the description says, for the header of a segment: processes that were given different
    /// machines must not meet. It depends on the values, not on how a file writes them; it is never 0, which means "none".
    ///
    /// FNV-1a over a canonical text. It finds mistakes, not forgeries: who may connect is decided by keys, elsewhere.
    public var digest: UInt64 {
        let hash = FNV1a(canonicalText.utf8).value
        return hash == 0 ? 1 : hash
    }

    /// Every value, in one order, each text with its length before it so that no two descriptions have one text.
    private var canonicalText: String {
        func quoted(_ text: String) -> String { "\(text.utf8.count):\(text)" }
        var lines = [
            "softpod-topology/1", quoted(name),
            "\(shape.serverCount) \(shape.npusPerServer) \(shape.diesPerNPU) \(memoryPerDie) \(memoryBandwidthPerDie)",
        ]
        for plane in planes {
            lines.append("plane \(plane.kind.rawValue) \(plane.bandwidthPerDie ?? -1) \(plane.bandwidthPerServer)")
            if let fabric = plane.fabric {
                lines.append(
                    "fabric \(fabric.subPlanes) \(fabric.linkBandwidth) \(fabric.uplinksPerL1) \(fabric.l2PerSubPlane) "
                        + "\(fabric.portsPerL2)")
            }
        }
        for path in paths {
            lines.append(
                "path \(path.target.rawValue) \(path.tier.name) \(path.operation.rawValue) \(path.bandwidth) \(path.latency)"
            )
        }
        for host in hosts {
            lines.append("host \(quoted(host.name)) \(host.servers.lowerBound) \(host.servers.upperBound)")
        }
        return lines.joined(separator: "\n")
    }
}
