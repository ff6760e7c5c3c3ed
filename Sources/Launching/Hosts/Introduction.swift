internal import NodeRuntime

/// How an agent introduces itself to the coordinator.
package struct Introduction: Sendable, Equatable {
    /// Proves that the agent was invited to this run.
    var token: [UInt8]
    /// The agent's host by its place in the list of hosts; nil where the launcher's tasks decide.
    package var host: Int?
    /// The launcher's tasks of the node: the lowest, and how many. Empty where a list of hosts decides.
    var tasks: Range<Int>
    /// The launcher's tasks in all, as this node was told.
    var taskCount: Int
    /// The host's own name.
    var name: String
    /// The agent's process.
    var process: Int
    /// The commit the executable was built from, for people.
    var commit: String
    /// What lies where in segments and windows.
    package var layoutDigest: UInt64
    /// The topology, cluster file or rank table the agent was started with; 0 for none.
    package var topologyDigest: UInt64
    /// The key the host's switch will show to others; empty without keys.
    var linkKey: String

    package static let tokenByteCount = 32
    private static let mostTasks = 1 << 20
    /// A key has 40 characters.
    static let keyLimit = 64

    func write(to writer: inout ByteWriter) {
        writer.write(token)
        writer.write(UInt32(bitPattern: Int32(host ?? -1)))
        writer.write(UInt32(tasks.lowerBound))
        writer.write(UInt32(tasks.count))
        writer.write(UInt32(taskCount))
        writer.write(name, limit: HostMessage.nameLimit)
        writer.write(UInt32(process))
        writer.write(commit, limit: HostMessage.nameLimit)
        writer.write(layoutDigest)
        writer.write(topologyDigest)
        writer.write(linkKey, limit: Self.keyLimit)
    }

    init?(from reader: inout ByteReader) {
        guard let token = reader.readBlock(), token.count <= 256, let host = reader.read(UInt32.self),
            let first = reader.readCount(limit: Self.mostTasks), let count = reader.readCount(limit: Self.mostTasks),
            let all = reader.readCount(limit: Self.mostTasks), let name = reader.readText(limit: HostMessage.nameLimit),
            let process = reader.read(UInt32.self), let commit = reader.readText(limit: HostMessage.nameLimit),
            let layout = reader.read(UInt64.self), let topology = reader.read(UInt64.self),
            let key = reader.readText(limit: Self.keyLimit)
        else { return nil }
        self.token = token
        let place = Int32(bitPattern: host)
        self.host = place < 0 ? nil : Int(place)
        tasks = first..<first + count
        taskCount = all
        self.name = name
        self.process = Int(process)
        self.commit = commit
        layoutDigest = layout
        topologyDigest = topology
        linkKey = key
    }

    package init(
        token: [UInt8], host: Int?, tasks: Range<Int>, taskCount: Int, name: String, process: Int, commit: String,
        layoutDigest: UInt64, topologyDigest: UInt64, linkKey: String
    ) {
        self.token = token
        self.host = host
        self.tasks = tasks
        self.taskCount = taskCount
        self.name = name
        self.process = process
        self.commit = commit
        self.layoutDigest = layoutDigest
        self.topologyDigest = topologyDigest
        self.linkKey = linkKey
    }
}
