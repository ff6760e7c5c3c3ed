public import Topology

/// A cluster file: YAML that lists hosts, what each runs, and what they need to find and trust each other.
public struct ClusterFile: Sendable, Equatable {
    /// The format's name and version, the first key of the file.
    public static let format = "softpod-cluster/1"

    /// The cluster's name.
    public var name: String
    /// The hosts in rank order.
    public var hosts: [HostOffer]
    /// Path of the topology file, from this file's folder; nil for none.
    public var topologyPath: String?
    /// Path of the key file, from this file's folder; nil for none. It is not opened here.
    public var keyPath: String?
    /// Dies each rank process runs as threads.
    public var diesPerProcess: Int
    /// The longest any wait may last, in milliseconds.
    public var waitMilliseconds: Int
    /// How long all ranks may take to connect, in milliseconds.
    public var startMilliseconds: Int

    /// The plan the hosts give: every die of every host.
    public let plan: HostPlan

    /// Reads and checks a file.
    public static func read(path: String) throws(ClusterFileError) -> ClusterFile {
        try parse(TextFile(path: path, maximumByteCount: YAMLReader.maximumByteCount))
    }

    /// Reads and checks a text.
    public static func parse(_ text: TextFile) throws(ClusterFileError) -> ClusterFile {
        let top = try Fields(try YAMLReader.read(text), file: text.file)
        try top.require(format: format)
        try top.refuseOthers(than: "format", "name", "topology", "keyFile", "diesPerProcess", "deadlines", "hosts")
        return try ClusterFile(top)
    }

    private init(_ top: Fields) throws(ClusterFileError) {
        name = try top.text("name", limit: 63)
        topologyPath = try Self.path(top, "topology")
        keyPath = try Self.path(top, "keyFile")
        diesPerProcess = try top.optionalInteger("diesPerProcess", 1...4096) ?? 1
        let deadlines = try top.optionalMapping("deadlines")
        try deadlines?.refuseOthers(than: "wait", "start")
        waitMilliseconds = try deadlines?.quantity("wait", .deadline, default: 60_000) ?? 60_000
        startMilliseconds = try deadlines?.quantity("start", .deadline, default: 60_000) ?? 60_000
        let entries = try top.mappings("hosts", limit: HostPlan.maximumHostCount)
        var offers: [HostOffer] = []
        var origin: [Int] = []
        for (index, fields) in entries.enumerated() {
            let expanded = try Self.offers(fields, limit: HostPlan.maximumHostCount - offers.count)
            offers += expanded
            origin += expanded.map { _ in index }
        }
        hosts = offers
        do { plan = try HostPlan(filling: offers) } catch {
            throw error.index.map { entries[origin[$0]].error(error.rule) } ?? top.error("hosts", error.rule)
        }
    }

    private static func path(_ top: Fields, _ key: String) throws(ClusterFileError) -> String? {
        try top.optionalText(key, limit: 4096).map { TextFile.path($0, besideFile: top.file) }
    }

    private static func offers(_ fields: Fields, limit: Int) throws(ClusterFileError) -> [HostOffer] {
        try fields.refuseOthers(than: "name", "address", "port", "dies", "npus")
        let names: [String]
        let list = try fields.text("name", limit: 4096)
        do { names = try HostList.expand(list, limit: limit) } catch {
            throw fields.error("name", "\"\(Printable.line(list))\" \(error)")
        }
        let address = try fields.optionalText("address", limit: 255)
        if let address {
            guard HostName.isValid(address) else { throw fields.error("address", "is not a host's name or address") }
            guard names.count == 1 else { throw fields.error("address", "one address for \(names.count) hosts") }
        }
        guard fields.has("dies") != fields.has("npus") else {
            throw fields.error("needs dies or npus, and not both (an NPU has two dies)")
        }
        let dies =
            fields.has("dies")
            ? try fields.integer("dies", 1...HostPlan.maximumDieCount)
            : 2 * (try fields.integer("npus", 1...HostPlan.maximumDieCount / 2))
        let port = try fields.optionalInteger("port", 1...65_535)
        return names.map { HostOffer(name: $0, address: address, port: port, slots: dies) }
    }

    /// Reads the topology the file names, and checks the plan against it; nil if it names none.
    public func machine() throws(ClusterFileError) -> Machine? {
        guard let topologyPath else { return nil }
        let machine = try TopologyFile.read(path: topologyPath)
        do { try plan.check(against: machine) } catch { throw ClusterFileError(file: topologyPath, rule: error.rule) }
        return machine
    }
}
