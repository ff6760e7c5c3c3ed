public import Topology

/// A topology file: YAML that describes a ``Topology/Machine``.
public enum TopologyFile {
    /// The format's name and version, the first key of the file.
    public static let format = "softpod-topology/1"

    /// Reads and checks a file.
    ///
    /// - Throws: ``ClusterFileError`` with the line of the first rule it breaks.
    public static func read(path: String) throws(ClusterFileError) -> Machine {
        try parse(TextFile(path: path, maximumByteCount: YAMLReader.maximumByteCount))
    }

    /// Reads and checks a text.
    public static func parse(_ text: TextFile) throws(ClusterFileError) -> Machine {
        let root = try YAMLReader.read(text)
        let top = try Fields(root, file: text.file)
        try top.require(format: format)
        try top.refuseOthers(than: "format", "name", "supernode", "memory", "planes", "paths", "hosts")
        let machine = Machine(
            name: try top.text("name", limit: 64), shape: try shape(top.mapping("supernode")),
            memoryPerDie: try memory(top).quantity("perDie", .memory),
            memoryBandwidthPerDie: try memory(top).quantity("bandwidthPerDie", .bandwidth),
            planes: try planes(top), paths: try paths(top), hosts: try hosts(top))
        do { try machine.check() } catch {
            throw ClusterFileError(
                file: text.file, line: root.line(ofPlace: error.place), place: error.place, rule: error.rule)
        }
        return machine
    }

    private static func shape(_ fields: Fields) throws(ClusterFileError) -> Supernode {
        try fields.refuseOthers(than: "servers", "npusPerServer", "diesPerNPU")
        let shape = Supernode(
            serverCount: try fields.integer("servers", 1...4096),
            npusPerServer: try fields.integer("npusPerServer", 1...256),
            diesPerNPU: try fields.integer("diesPerNPU", 1...16))
        return shape
    }

    private static func memory(_ top: Fields) throws(ClusterFileError) -> Fields {
        let fields = try top.mapping("memory")
        try fields.refuseOthers(than: "perDie", "bandwidthPerDie")
        return fields
    }

    private static func planes(_ top: Fields) throws(ClusterFileError) -> [Plane] {
        var planes: [Plane] = []
        for fields in try top.mappings("planes", limit: 16) {
            try fields.refuseOthers(than: "kind", "bandwidthPerDie", "bandwidthPerServer", "fabric")
            planes.append(
                Plane(
                    kind: try fields.word("kind", Plane.Kind.self),
                    bandwidthPerDie: fields.has("bandwidthPerDie")
                        ? try fields.quantity("bandwidthPerDie", .bandwidth) : nil,
                    bandwidthPerServer: try fields.quantity("bandwidthPerServer", .bandwidth),
                    fabric: try fabric(fields.optionalMapping("fabric"))))
        }
        return planes
    }

    private static func fabric(_ fields: Fields?) throws(ClusterFileError) -> SwitchFabric? {
        guard let fields else { return nil }
        try fields.refuseOthers(than: "subPlanes", "linkBandwidth", "uplinksPerL1", "l2PerSubPlane", "portsPerL2")
        let count = 0...65_536
        return SwitchFabric(
            subPlanes: try fields.integer("subPlanes", 1...1024),
            linkBandwidth: try fields.quantity("linkBandwidth", .bandwidth),
            uplinksPerL1: try fields.optionalInteger("uplinksPerL1", count) ?? 0,
            l2PerSubPlane: try fields.optionalInteger("l2PerSubPlane", count) ?? 0,
            portsPerL2: try fields.optionalInteger("portsPerL2", count) ?? 0)
    }

    private static func paths(_ top: Fields) throws(ClusterFileError) -> [PublishedPath] {
        guard top.has("paths") else { return [] }
        var paths: [PublishedPath] = []
        for fields in try top.mappings("paths", limit: 64) {
            try fields.refuseOthers(than: "to", "tier", "operation", "bandwidth", "latency")
            let words = [LinkTier.package, .server, .supernode]
            let word = try fields.text("tier")
            guard let tier = words.first(where: { $0.name == word }) else {
                throw fields.error(
                    "tier", "must be \(words.map(\.name).joined(separator: " or ")), is \"\(word)\"")
            }
            paths.append(
                PublishedPath(
                    target: try fields.word("to", PublishedPath.Target.self), tier: tier,
                    operation: try fields.word("operation", PublishedPath.Operation.self),
                    bandwidth: try fields.quantity("bandwidth", .bandwidth),
                    latency: try fields.quantity("latency", .latency)))
        }
        return paths
    }

    private static func hosts(_ top: Fields) throws(ClusterFileError) -> [MachineHost] {
        var hosts: [MachineHost] = []
        for fields in try top.mappings("hosts", limit: 4096) {
            try fields.refuseOthers(than: "name", "servers")
            let name = try fields.text("name", limit: 255)
            guard name == "*" || HostName.isValid(name) else {
                throw fields.error("name", "\"\(name)\" is not a host's name")
            }
            hosts.append(MachineHost(name: name, servers: try fields.range("servers")))
        }
        return hosts
    }
}

extension Fields {
    /// A number or a range `first-last`.
    func range(_ key: String) throws(ClusterFileError) -> ClosedRange<Int> {
        guard let node = node(key) else { throw missing(key) }
        if case .integer(let number) = node.value, number >= 0 { return number...number }
        if case .string(let text) = node.value {
            let parts = text.split(separator: "-", omittingEmptySubsequences: false).map { Digits.value(of: $0) }
            if parts.count == 2, let first = parts[0], let last = parts[1], first <= last { return first...last }
        }
        throw error(key, "must be a number or a range such as 0-11")
    }
}

extension Node {
    /// The line of a place such as `planes[0].fabric`, as far as it leads.
    func line(ofPlace place: String) -> Int {
        var node = self
        var line = self.line
        for step in place.split(whereSeparator: { ".[]".contains($0) }) {
            switch node.value {
            case .mapping(let members):
                guard let member = members.first(where: { $0.key == step }) else { return line }
                (node, line) = (member.node, member.line)
            case .sequence(let nodes):
                guard let index = Int(step), nodes.indices.contains(index) else { return line }
                (node, line) = (nodes[index], nodes[index].line)
            default: return line
            }
        }
        return line
    }
}
