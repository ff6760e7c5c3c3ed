internal import Fabric
internal import FoundationEssentials
internal import Messaging
internal import NodeRuntime
internal import SharedMemory
internal import Workers

// How agents come, and how they are lost.

extension Coordinator {
    /// Starts the agents this process is to start.
    func startAgents() throws {
        let own = ProcessControl.ownProgram
        switch roster.source {
        case .started(let hosts, let shell):
            for (index, host) in hosts.enumerated() {
                var slot = AgentSlot(name: host.name, dies: host.dies)
                var invitation = try self.invitation(reachedBy: reachable(host, hosts), patience: .seconds(86_400))
                invitation.host = index
                invitation.name = host.name
                invitation.linkAddress = try host.address ?? (host.isHere ? ownLinkAddress(hosts) : nil)
                invitation.linkPort = host.port
                try start(
                    &slot, host.isHere ? [own, "agent"] : shell.command(host.name), invitation, isRemote: !host.isHere)
                agents.append(slot)
            }
        case .tasks(let tasks, let taskCount, let dieCount):
            var slot = AgentSlot(
                name: roster.ownName ?? ProcessControl.hostName, dies: tasks.count * (dieCount / taskCount))
            var invitation = self.invitation(reachedBy: "127.0.0.1", patience: .seconds(86_400))
            invitation.name = roster.ownName
            invitation.linkAddress = roster.advertised
            try start(
                &slot,
                [
                    own, "agent", "--first-task", "\(tasks.lowerBound)", "--tasks", "\(tasks.count)", "--task-count",
                    "\(taskCount)", "--topology-digest", "\(roster.topologyDigest)",
                ], invitation)
            agents.append(slot)
        }
    }

    private func start(
        _ slot: inout AgentSlot, _ command: [String], _ invitation: Invitation, isRemote: Bool = false
    ) throws {
        guard roster.startsAgents else { return }
        let pipe = try Pipe()
        slot.input = pipe
        // An agent of this machine tells the user itself, also when this process has been killed; a remote shell might say anything.
        let output = isRemote ? try Pipe.ends() : nil
        slot.output = output.map { ShellOutput(host: slot.name, reading: $0.reading) }
        slot.child = try ChildProcess.start(
            command: command, input: pipe.reading.number, output: output?.writing.number ?? 2)
        // An agent that is gone already is reaped like any other.
        _ = pipe.write(try invitation.encoded() + [UInt8(ascii: "\n")])
    }

    /// This machine's address toward a host.
    private func reachable(_ host: HostRoster.Host, _ hosts: [HostRoster.Host]) throws -> String {
        host.isHere ? "127.0.0.1" : try roster.advertised ?? HostAddress.source(toward: host.address ?? host.name)
    }

    /// The address at which other hosts reach switches of this machine.
    private func ownLinkAddress(_ hosts: [HostRoster.Host]) throws -> String {
        guard let other = hosts.first(where: { !$0.isHere }) else { return "127.0.0.1" }
        return try roster.advertised ?? HostAddress.source(toward: other.address ?? other.name)
    }

    /// Whether every agent has introduced itself.
    var hasGathered: Bool {
        switch roster.source {
        case .started: agents.allSatisfy(\.isPresent)
        case .tasks(_, let taskCount, _):
            agents.allSatisfy(\.isPresent) && taskCount == agents.reduce(0) { $0 + ($1.introduction?.tasks.count ?? 0) }
        }
    }

    /// Tasks no agent has come for, where tasks decide.
    var missingTasks: String? {
        guard case .tasks(_, let taskCount, _) = roster.source else { return nil }
        let here = agents.filter { $0.introduction != nil }
        let count = here.reduce(0) { $0 + ($1.introduction?.tasks.count ?? 0) }
        guard count < taskCount else { return nil }
        let names = here.prefix(4).map(\.name).joined(separator: ", ")
        return "agents have come for \(count) of \(taskCount) tasks, those of \(names.isEmpty ? "no host" : names)"
    }

    /// All agents are here: says which ranks each holds, and begins.
    func makePlan() throws {
        if case .tasks = roster.source {
            agents.sort { ($0.introduction?.tasks.lowerBound ?? 0) < ($1.introduction?.tasks.lowerBound ?? 0) }
        }
        var first = 0
        var hosts: [LinkPlan.Host] = []
        for agent in agents {
            hosts.append(LinkPlan.Host(name: agent.name, ranks: first..<first + agent.dies))
            first += agent.dies
        }
        guard let plan = LinkPlan(hosts: hosts), plan.rankCount == configuration.dieCount else {
            let text = "the hosts hold \(first) dies, the run wants \(configuration.dieCount)"
            return fail(HostFailure(verdict: Verdict(.rankFailed, text: text), status: .usage, report: text))
        }
        self.plan = plan
        phase = .making
        var random = SystemRandomNumberGenerator()
        let nonce: (UInt64, UInt64) = (random.next(), random.next())
        for index in agents.indices {
            agents[index].part = AgentSlot.Part()
            var assignment = Assignment(
                plan: plan, host: index, linkKeys: agents.map { $0.introduction?.linkKey ?? "" }, nonce: nonce,
                topologyDigest: roster.topologyDigest,
                windowByteCount: configuration.windowByteCount, diesPerProcess: configuration.diesPerProcess,
                deadlineMilliseconds: max(1, Int(configuration.deadline / .milliseconds(1))),
                startMilliseconds: max(1, Int(configuration.startDeadline / .milliseconds(1))),
                route: TransportCatalog.standard.name,
                wantsFlights: configuration.flightFile != nil, directory: FileManager.default.currentDirectoryPath,
                files: configuration.files)
            (assignment.diesPerNPU, assignment.diesPerServer) = (configuration.diesPerNPU, configuration.diesPerServer)
            assignment.comparesCalls = Endpoint.comparesCalls
            assignment.countsTiers = Endpoint.countsTiers
            assignment.instruments = configuration.instruments.encoded
            send(.assignment(run: run, assignment), to: index)
        }
    }

    /// An agent's process, or the remote shell in front of it, has ended.
    func reap(_ index: Int) {
        guard let end = agents[index].child?.reap() else { return }
        agents[index].end = end
        // First what it said itself of its end.
        hearLastOfShell(index)
        let text = "\(agents[index].title) \(agents[index].fate)"
        lost(index, text)
    }

    func lost(_ index: Int, _ text: String) {
        agents[index].route = nil
        if phase == .ending, agents[index].part.report != nil { return }
        let text = stopClause + text
        broken = broken ?? text
        let rank = plan.map { $0.hosts[index].ranks.lowerBound }
        fail(
            HostFailure(
                verdict: Verdict(.agentLost, rank: rank, process: agents[index].introduction?.process, text: text),
                status: .rankLost, report: text))
    }

    /// An agent that says nothing, not even that it lives, is cut off or stopped.
    func lookForSilence() {
        let now = Monotonic.now()
        guard phase == .running || phase == .linking else { return }
        for index in agents.indices where agents[index].isPresent && now - agents[index].lastHeard > Self.silence {
            lost(index, "\(agents[index].title) has said nothing for \(Self.silence / 1_000_000_000) s")
        }
    }

    private static var silence: UInt64 { 10_000_000_000 }

    func interrupt(_ signal: Int32) {
        if signal == ProcessControl.suspendSignal { return suspend() }
        if phase == .ending, let since = interruptedAt {
            // A second signal is meant; launchers that send a signal to a process and to its group do not ask twice.
            guard Monotonic.now() - since > 1_000_000_000 else { return }
            for agent in agents where agent.end == nil { agent.child?.killGroup() }
            return
        }
        let name = ProcessControl.signalName(signal)
        interruptedAt = Monotonic.now()
        fail(
            HostFailure(
                verdict: Verdict(.interrupted, detail: Int(signal), text: "stopped by \(name)"),
                status: ExitStatus(signal: signal), report: "stopped by \(name)"))
        broken = broken ?? "stopped by \(name)"
    }

    /// Ends a run for whose output there is no reader any more; without a word, since it is what its user asked for (`| head`).
    func endIfAbandoned() {
        guard failure == nil, phase != .ending, configuration.isAbandoned() else { return }
        let text = "the reader of standard output went away"
        fail(
            HostFailure(verdict: Verdict(.interrupted, text: text), status: .outputClosed, report: text),
            isSilent: true)
        broken = broken ?? text
    }
}
