package import Fabric
internal import NodeRuntime
internal import SharedMemory

/// What an agent is told of a run before its rank processes start.
package struct Assignment: Sendable, Equatable {
    /// Hosts and their ranks.
    package var plan: LinkPlan
    /// Which of them the agent's is.
    var host: Int
    /// The public key each host's switch shows, in the plan's order; empty texts without keys.
    var linkKeys: [String]
    /// Two random words that tell this run from every other.
    var nonce: (UInt64, UInt64)
    var topologyDigest: UInt64
    var windowByteCount: Int
    var diesPerProcess: Int
    var deadlineMilliseconds: Int
    var startMilliseconds: Int
    /// The transport's name; empty for the usual one.
    var route: String
    /// Whether the flight recorders' contents are wanted however the run ends.
    var wantsFlights: Bool
    /// The machine that the dies stand in for: dies of an NPU, and of a server.
    package var diesPerNPU = 2
    package var diesPerServer = 16
    /// Whether ranks compare their calls before they act, as the environment asks where the command was given.
    var comparesCalls = false
    /// Whether they count payload by tier; likewise.
    var countsTiers = false
    /// Faults and histories, as `Instruments` encodes them.
    package var instruments: [UInt8] = []
    /// Where the command was given; the agent goes there.
    var directory: String
    /// Files every host must have alike.
    var files: [SharedFile]

    package static func == (left: Assignment, right: Assignment) -> Bool {
        var writers = (ByteWriter(), ByteWriter())
        left.write(to: &writers.0)
        right.write(to: &writers.1)
        return writers.0.bytes == writers.1.bytes
    }

    func write(to writer: inout ByteWriter) {
        writer.write(UInt32(plan.hosts.count))
        for host in plan.hosts {
            writer.write(host.name, limit: HostMessage.nameLimit)
            writer.write(UInt32(host.ranks.count))
        }
        for key in linkKeys { writer.write(key, limit: Introduction.keyLimit) }
        writer.write(UInt32(host))
        for word in [nonce.0, nonce.1, topologyDigest, UInt64(windowByteCount)] { writer.write(word) }
        for number in [diesPerNPU, diesPerServer, diesPerProcess, deadlineMilliseconds, startMilliseconds] {
            writer.write(UInt32(number))
        }
        writer.write(route, limit: Introduction.keyLimit)
        writer.write(UInt8((wantsFlights ? 1 : 0) | (comparesCalls ? 2 : 0) | (countsTiers ? 4 : 0)))
        writer.write(directory, limit: HostMessage.textLimit)
        writer.write(UInt32(files.count))
        for file in files { file.write(to: &writer) }
        writer.write(instruments)
    }

    init?(from reader: inout ByteReader) {
        guard let count = reader.readCount(limit: LinkPlan.maximumHostCount) else { return nil }
        var hosts: [LinkPlan.Host] = []
        for _ in 0..<count {
            guard let name = reader.readText(limit: HostMessage.nameLimit),
                let dies = reader.readCount(limit: SegmentLayout.maximumDieCount), dies > 0
            else { return nil }
            let first = hosts.last?.ranks.upperBound ?? 0
            hosts.append(LinkPlan.Host(name: name, ranks: first..<first + dies))
        }
        var keys: [String] = []
        for _ in hosts { keys += reader.readText(limit: Introduction.keyLimit).map { [$0] } ?? [] }
        guard keys.count == count, let plan = LinkPlan(hosts: hosts), let host = reader.readCount(limit: count - 1),
            let first = reader.read(UInt64.self), let second = reader.read(UInt64.self),
            let topology = reader.read(UInt64.self), let window = reader.read(UInt64.self),
            window <= UInt64(SegmentLayout.maximumWindowByteCount),
            let ofNPU = reader.readCount(limit: SegmentLayout.maximumDieCount), ofNPU > 0,
            let ofServer = reader.readCount(limit: SegmentPlan.maximumServerDieCount), ofServer >= ofNPU,
            ofServer % ofNPU == 0,
            let each = reader.readCount(limit: SegmentLayout.maximumDieCount), each > 0,
            let wait = reader.readCount(limit: 86_400_000), let start = reader.readCount(limit: 86_400_000),
            let route = reader.readText(limit: Introduction.keyLimit), let flights = reader.read(UInt8.self),
            flights <= 7,
            let directory = reader.readText(limit: HostMessage.textLimit),
            let fileCount = reader.readCount(limit: SharedFile.mostFiles)
        else { return nil }
        var files: [SharedFile] = []
        for _ in 0..<fileCount {
            guard let file = SharedFile(from: &reader) else { return nil }
            files.append(file)
        }
        guard let instruments = reader.readBlock(), instruments.count <= Instruments.mostBytes else { return nil }
        self.init(
            plan: plan, host: host, linkKeys: keys, nonce: (first, second), topologyDigest: topology,
            windowByteCount: Int(window),
            diesPerProcess: each, deadlineMilliseconds: wait, startMilliseconds: start, route: route,
            wantsFlights: flights & 1 != 0, directory: directory, files: files)
        (diesPerNPU, diesPerServer) = (ofNPU, ofServer)
        comparesCalls = flights & 2 != 0
        countsTiers = flights & 4 != 0
        self.instruments = instruments
    }

    package init(
        plan: LinkPlan, host: Int, linkKeys: [String], nonce: (UInt64, UInt64), topologyDigest: UInt64,
        windowByteCount: Int,
        diesPerProcess: Int, deadlineMilliseconds: Int, startMilliseconds: Int, route: String, wantsFlights: Bool,
        directory: String, files: [SharedFile]
    ) {
        self.plan = plan
        self.host = host
        self.linkKeys = linkKeys
        self.nonce = nonce
        self.topologyDigest = topologyDigest
        self.windowByteCount = windowByteCount
        self.diesPerProcess = diesPerProcess
        self.deadlineMilliseconds = deadlineMilliseconds
        self.startMilliseconds = startMilliseconds
        self.route = route
        self.wantsFlights = wantsFlights
        self.directory = directory
        self.files = files
    }
}
