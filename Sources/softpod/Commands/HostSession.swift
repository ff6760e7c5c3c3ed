internal import ClusterFiles
internal import FoundationEssentials
internal import Hashing
internal import Launching
internal import Messaging
internal import NodeRuntime
internal import SharedMemory
internal import Topology
internal import Workers

/// This process's part in a cluster: alone on its host, coordinator of a list of hosts or of a launcher's tasks, or one of those tasks.
///
/// Decided once, when the command line has been read; the coordinator's session lasts until the command ends, over all of its runs.
enum HostSession {
    /// What the command line and the environment ask for.
    struct Choice {
        /// The flags.
        var options: HostOptions
        /// The cluster file, if one is given.
        var file: ClusterFile?
        /// The listed hosts.
        var plan: HostPlan?
        /// This process as a task of a launcher.
        var task: AllocatedTask?
        /// Dies, where hosts or tasks decide their number.
        var dies: Int?

        /// Whether more than this host runs dies, as far as can be told yet.
        var hasHosts: Bool { plan.map { $0.hosts.count > 1 || !HostSession.isHere($0.hosts[0]) } ?? (task != nil) }
    }

    /// Touched by the main thread alone, one command a process.
    private final class State: @unchecked Sendable {
        var choice: Choice?
        var coordinator: Coordinator?
        /// Who is still in its launcher's PMIx.
        var joined: AllocatedTask?
        /// Whether the other tasks have been told, or could not be.
        var hasPublished = false
    }

    private static let state = State()

    private static var choice: Choice? { state.choice }

    /// Dies the hosts or tasks run; nil where the command line alone decides.
    static var dies: Int? { choice?.dies }

    /// What the cluster file says, where one is given.
    static var file: ClusterFile? { choice?.file }

    /// The ranks of a rank's host, where hosts are listed.
    static func hostRanks(of rank: Int) -> Range<Int>? {
        choice?.plan.flatMap { plan in plan.hostIndex(ofRank: rank).map { plan.hosts[$0].ranks } }
    }

    /// Whether the run may take more than one host.
    static var hasHosts: Bool { choice?.hasHosts ?? false }

    /// Refuses several hosts, for a reason.
    static func requireOneHost(_ reason: String) throws {
        if hasHosts { throw UsageError("not over several hosts: \(reason)") }
    }

    /// Finds out which part this process has. A process that is not the coordinator does its part here, before the command line is looked at
    /// any further, and is ended by the status this throws: only the coordinator has anything to say about the command.
    static func resolve(_ hosts: HostOptions, askedDies: Int?, startDeadline: Duration) throws {
        guard choice == nil else { return }
        var found = Choice(options: hosts, file: try hosts.file())
        if let plan = try hosts.plan(dies: askedDies) {
            (found.plan, found.dies) = (plan, plan.rankCount)
        } else if let task = try joinLauncher() {
            state.joined = task
            guard task.allocation.isCoordinator else { throw try serve(task, hosts, startDeadline) }
            for remark in task.allocation.remarks { Report.remark(remark) }
            if task.allocation.rendezvous == .oneNode { try leaveLauncher() } else { found.task = task }
            found.dies = try task.allocation.dieCount(asked: askedDies)
        }
        state.choice = found
    }

    private static func joinLauncher() throws -> AllocatedTask? {
        let environment = ProcessInfo.processInfo.environment
        guard try LaunchEnvironment.discover(environment).launcher != .none else { return nil }
        _ = try SignalQueue()  // Before the launcher's library starts threads of its own.
        return try AllocatedTask.join(environment: environment, deadline: deadline)
    }

    private static var deadline: Deadline { Deadline(after: .seconds(60)) }

    /// Leaves the launcher's PMIx, which ends a task that goes without leaving as one that failed.
    private static func leaveLauncher() throws {
        guard let task = state.joined else { return }
        state.joined = nil
        try task.leave(deadline: deadline)
    }

    /// Ends this process's part in its launcher, if it has one: the last thing that is done, however the command ended. A coordinator
    /// that has told the other tasks nothing yet tells them that there will be no run.
    static func withdraw(_ reason: String) {
        guard let task = state.joined else { return }
        do {
            if task.allocation.isCoordinator, task.allocation.rendezvous == .pmix, !state.hasPublished {
                state.hasPublished = true
                try task.publish(Withdrawal(reason: reason).encoded, deadline: deadline)
            }
            try leaveLauncher()
        } catch {
            try? task.abort(status: 75, message: reason, deadline: deadline)  // the launcher ends the task
        }
    }

    /// Does what this process has to do as a task that is not the coordinator; the status it is to end with.
    private static func serve(
        _ task: AllocatedTask, _ hosts: HostOptions, _ startDeadline: Duration
    ) throws -> ExitStatus {
        let allocation = task.allocation
        do {
            guard allocation.isAgent else {
                if allocation.rendezvous != .oneNode { try task.pass(deadline: Deadline(after: startDeadline)) }
                try leaveLauncher()
                return .success
            }
            guard let invitation = try invitation(task, hosts, startDeadline) else {
                try leaveLauncher()
                return .success
            }
            let identity = HostAgent.Identity(
                tasks: try tasks(of: allocation), taskCount: allocation.taskCount, commit: RunFacts.commit,
                topologyDigest: comparableDigest(hosts), watchesInput: false)
            let status = try HostAgent.serve(invitation, as: identity, input: nil) { Report.remark($0) }
            try leaveLauncher()
            return status
        } catch {
            for remark in allocation.remarks { Report.remark(remark) }
            throw error
        }
    }

    /// The digest, or one that no other host has if a file cannot be read: then the coordinator refuses this host, and does not wait for it.
    private static func comparableDigest(_ hosts: HostOptions) -> UInt64 {
        do { return try topologyDigest(hosts) } catch {
            Report.remark("host \(nodeName ?? ProcessControl.hostName): \(error)")
            return .max
        }
    }

    /// How to find the coordinator; nil if it has said that there is no run.
    private static func invitation(
        _ task: AllocatedTask, _ hosts: HostOptions, _ startDeadline: Duration
    ) throws -> Invitation? {
        var invitation: Invitation
        switch task.allocation.rendezvous {
        case .pmix:
            let bytes = try task.rendezvous(deadline: Deadline(after: startDeadline))
            if let withdrawal = Withdrawal(decoding: bytes) {
                if !withdrawal.reason.isEmpty {
                    Report.remark("host \(nodeName ?? ProcessControl.hostName): no run: \(withdrawal.reason)")
                }
                return nil
            }
            guard let found = Invitation(decoding: bytes) else {
                throw InputError(.mismatch, "what the coordinator has published is no invitation: mixed builds")
            }
            invitation = found
        case .known(let host, let port):
            let address = "tcp://\(HostAddress.bracketed(host)):\(port)"
            let pair = try keyFile(hosts, reachedBy: host)?.pair
            invitation = Invitation(address: address, keys: pair, serverKey: pair?.publicKey)
        case .oneNode, .none: throw InputError(.usage, "there is no coordinator to find")
        }
        invitation.name = nodeName
        // Of this host's own variables: --address stands in the command line that all tasks share.
        invitation.linkAddress = try hosts.variableAddress(ProcessInfo.processInfo.environment)
        invitation.patienceMilliseconds = max(1, Int(startDeadline / .milliseconds(1)))
        return invitation
    }

    /// The node as its launcher calls it.
    private static var nodeName: String? { ProcessInfo.processInfo.environment["SLURMD_NODENAME"] }

    private static func tasks(of allocation: Allocation) throws -> Range<Int> {
        guard let count = allocation.tasksOfNode?.count ?? allocation.localTaskCount else {
            throw InputError(.usage, "\(allocation.launcher) does not tell how many tasks this node has")
        }
        return allocation.task..<allocation.task + count
    }

    /// Runs a cluster on the hosts; nil if it is to run on this host alone.
    static func run(
        _ configuration: ClusterConfiguration, onEvent: @escaping (ClusterEvent) -> Void
    ) throws -> ClusterOutcome? {
        guard let choice, choice.hasHosts else { return nil }
        let coordinator = try open(choice, configuration.startDeadline)
        return try coordinator.run(configuration, onEvent: onEvent)
    }

    /// Ends the session, if there is one.
    static func close() {
        state.coordinator?.close()
        state.coordinator = nil
    }

    private static func open(_ choice: Choice, _ startDeadline: Duration) throws -> Coordinator {
        if let open = state.coordinator { return open }
        let hosts = choice.options
        let coordinator: Coordinator
        if let plan = choice.plan {
            coordinator = try Coordinator(listed(plan, hosts)) { Report.remark($0) }
        } else if let task = choice.task {
            coordinator = try Coordinator(tasks(task, hosts)) { Report.remark($0) }
            state.coordinator = coordinator
            if task.allocation.rendezvous == .pmix {
                let invitation = coordinator.invitation(reachedBy: try outsideAddress(hosts), patience: startDeadline)
                state.hasPublished = true
                try task.publish(try invitation.encoded(), deadline: Deadline(after: startDeadline))
            }
            try leaveLauncher()
        } else {
            preconditionFailure("hosts are listed or tasks")
        }
        coordinator.passOn = { Report.passOn($0) }
        state.coordinator = coordinator
        return coordinator
    }

    private static func listed(_ plan: HostPlan, _ options: HostOptions) throws -> HostRoster {
        let environment = ProcessInfo.processInfo.environment
        let hosts = plan.hosts.map { host in
            HostRoster.Host(
                name: host.name, dies: host.ranks.count, address: host.address == host.name ? nil : host.address,
                port: host.port, isHere: isHere(host))
        }
        let isLocal = hosts.allSatisfy { $0.isHere && $0.address.map(HostAddress.isLoopback) ?? true }
        if options.plain, !isLocal {
            throw UsageError("--plain: not all hosts are this machine, and nothing leaves it without keys")
        }
        let file = try options.clusterFile.flatMap { try ClusterFile.read(path: $0).keyPath }
        var keys: HostRoster.Keys?
        if let path = options.keys ?? file ?? keyPath(options) {
            keys = try rosterKeys(KeyFile.read(path: path))
        } else if !options.plain {
            keys = try .fresh()
        }
        let program = options.remoteProgram ?? ProcessControl.executable
        let shell = RemoteShell(
            words: options.remoteShell.split(separator: " ").map(String.init), program: program,
            directory: FileManager.default.currentDirectoryPath)
        return HostRoster(
            source: .started(hosts, shell), address: isLocal ? "tcp://127.0.0.1:*" : "tcp://0.0.0.0:*",
            advertised: try options.ownAddress(environment), keys: keys,
            topologyDigest: try topologyDigest(options), commit: RunFacts.commit)
    }

    private static func tasks(_ task: AllocatedTask, _ options: HostOptions) throws -> HostRoster {
        let allocation = task.allocation
        let source = HostRoster.Source.tasks(
            own: try tasks(of: allocation), taskCount: allocation.taskCount,
            dieCount: dies ?? allocation.taskCount)
        let keys: HostRoster.Keys?
        let address: String
        switch allocation.rendezvous {
        case .pmix:
            keys = try keyPath(options).map { rosterKeys(try KeyFile.read(path: $0)) } ?? .fresh()
            address = "tcp://0.0.0.0:*"
        case .known(let host, let port):
            do { _ = try HostAddress.source(toward: host) } catch {
                throw InputError(
                    error.isUnknownHost ? .noHost : .unavailable,
                    "the tasks would meet at \(error); SOFTPOD_RENDEZVOUS=host:port names another place")
            }
            keys = try keyFile(options, reachedBy: host).map { rosterKeys($0) }
            address = keys == nil ? "tcp://127.0.0.1:\(port)" : "tcp://0.0.0.0:\(port)"
        case .oneNode, .none: throw InputError(.usage, "there is nothing to coordinate")
        }
        var roster = HostRoster(
            source: source, address: address, advertised: keys == nil ? nil : try outsideAddress(options), keys: keys,
            topologyDigest: try topologyDigest(options), commit: RunFacts.commit)
        roster.ownName = nodeName
        roster.admitsUninvited = allocation.rendezvous != .pmix
        return roster
    }

    /// This host's address as the other nodes reach it: said, or that of its name, or the one toward the rest of the world.
    private static func outsideAddress(_ options: HostOptions) throws -> String {
        if let said = try options.ownAddress(ProcessInfo.processInfo.environment) { return said }
        // The second is a documentation address: no packet is sent. Where one is not to be had, the next may be.
        // As said above.
        let found = [ProcessControl.hostName, "192.0.2.1"].compactMap { try? HostAddress.source(toward: $0) }
        if let outside = found.first(where: { !HostAddress.isLoopback($0) }) { return outside }
        return "127.0.0.1"
    }

    private static func rosterKeys(_ file: KeyFile) -> HostRoster.Keys {
        HostRoster.Keys(server: file.pair, agents: file.pair, allow: file.allowedKeys)
    }

    private static func keyPath(_ options: HostOptions) -> String? {
        if options.plain { return nil }
        return options.keys ?? ProcessInfo.processInfo.environment["SOFTPOD_KEYS"].flatMap { $0.isEmpty ? nil : $0 }
    }

    /// The key file that tasks need which meet at a known place; nil for `--plain` on loopback.
    private static func keyFile(_ options: HostOptions, reachedBy host: String) throws -> KeyFile? {
        if let path = keyPath(options) { return try KeyFile.read(path: path) }
        guard options.plain else {
            throw UsageError(
                "the tasks meet at \(host) and need a key file that all nodes have: --keys FILE or $SOFTPOD_KEYS "
                    + "(softpod keys write FILE)")
        }
        guard HostAddress.isLoopback(host) else {
            throw UsageError("--plain: the tasks meet at \(host), and nothing leaves this machine without keys")
        }
        return nil
    }

    /// The machine of the topology file, or of the one that the cluster file names; nil where neither is given.
    static func machine(_ options: HostOptions) throws -> Machine? {
        if let path = options.topology { return try TopologyFile.read(path: path) }
        return try options.file()?.machine()
    }

    /// Digest of the topology file and the rank table this process was given; 0 for none.
    private static func topologyDigest(_ options: HostOptions) throws -> UInt64 {
        var digest = try machine(options)?.digest ?? 0
        let environment = ProcessInfo.processInfo.environment
        if let path = environment["RANK_TABLE_FILE"], !path.isEmpty {
            var both = FNV1a()
            both.add(digest)
            both.add((try SharedFile(path: path)).digest)
            digest = both.value
        }
        return digest
    }

    /// Whether a host of a list is this machine.
    private static func isHere(_ host: HostPlan.Host) -> Bool {
        host.name == ProcessControl.hostName || HostAddress.isLoopback(host.name) || host.name == "localhost"
    }
}
