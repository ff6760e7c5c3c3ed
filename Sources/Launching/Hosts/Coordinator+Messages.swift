internal import Fabric
internal import Messaging
internal import NodeRuntime
internal import SharedMemory
internal import Workers

// What agents say. Nothing is believed of whoever has not introduced itself as one of ours.

extension Coordinator {
    func receive() throws {
        while let frames = try socket.receive() {
            guard frames.count == 2, let route = frames.first else { continue }
            guard let message = HostMessage(decoding: frames[1]) else {
                refuseStrangeFrame(frames[1], route)
                continue
            }
            if case .hello(let introduction) = message {
                introduce(introduction, route)
            } else if let index = agents.firstIndex(where: { $0.route == route }) {
                agents[index].lastHeard = Monotonic.now()
                handle(message, index)
            }
        }
    }

    /// A build of another protocol is told so; other noise is passed over.
    private func refuseStrangeFrame(_ frame: [UInt8], _ route: [UInt8]) {
        guard let version = HostMessage.version(of: frame), version != HostMessage.version else { return }
        refuse(
            route,
            "an agent speaks version \(version) of the protocol, the coordinator \(HostMessage.version): mixed builds")
    }

    /// One that belongs here but does not fit ends the start: without it the cluster is not whole, and the user should know why.
    private func refuse(_ route: [UInt8], _ text: String) {
        send(.refused(text), to: route)
        guard phase == .gathering else { return remark("refused: \(text)") }
        fail(HostFailure(verdict: Verdict(.rankFailed, text: text), status: .mismatch, report: text))
    }

    private func introduce(_ who: Introduction, _ route: [UInt8]) {
        guard who.token == token || roster.keys != nil || roster.admitsUninvited else {
            send(.refused("this agent was not invited to this run"), to: route)
            return remark("refused host \(who.name): it was not invited to this run")
        }
        let title = "host \(who.name) (agent \(who.process))"
        guard who.layoutDigest == SegmentLayout.abiDigest else {
            return refuse(
                route,
                "\(title) has another memory layout: its build is \(who.commit), the coordinator's \(roster.commit)")
        }
        let index: Int
        switch roster.source {
        case .started(let hosts, _):
            guard let place = who.host, hosts.indices.contains(place) else {
                return refuse(route, "\(title) is in no place of the list of hosts")
            }
            if let other = agents[place].introduction, agents[place].route != nil, agents[place].route != route {
                return refuse(route, "host \(who.name) is there twice: agents \(other.process) and \(who.process)")
            }
            guard who.topologyDigest == 0 || who.topologyDigest == roster.topologyDigest else {
                return refuse(route, "\(title) has another topology than the coordinator")
            }
            index = place
        case .tasks(_, let taskCount, let dieCount):
            guard let place = placeOfTasks(who, title, route, taskCount, dieCount) else { return }
            index = place
        }
        agents[index].route = route
        agents[index].introduction = who
        agents[index].lastHeard = Monotonic.now()
    }

    /// Where an agent of a launcher's tasks belongs; nil if it was refused.
    private func placeOfTasks(
        _ who: Introduction, _ title: String, _ route: [UInt8], _ taskCount: Int, _ dieCount: Int
    ) -> Int? {
        guard who.taskCount == taskCount, !who.tasks.isEmpty, who.tasks.upperBound <= taskCount else {
            refuse(
                route,
                "\(title) has tasks \(who.tasks.lowerBound) to \(who.tasks.upperBound - 1) of \(who.taskCount), "
                    + "the coordinator \(taskCount) in all: not the same job")
            return nil
        }
        guard who.topologyDigest == roster.topologyDigest else {
            refuse(route, "\(title) has another topology or rank table than the coordinator")
            return nil
        }
        // Where tasks alternate between nodes, their numbers say the order of the nodes and nothing else.
        if let other = agents.first(where: {
            $0.introduction?.tasks.lowerBound == who.tasks.lowerBound && $0.route != route
        }) {
            refuse(
                route,
                "duplicate ranks: task \(who.tasks.lowerBound) is both host \(other.name)'s (agent "
                    + "\(other.introduction?.process ?? 0)) and host \(who.name)'s (agent \(who.process))")
            return nil
        }
        if let same = agents.firstIndex(where: { $0.route == route }) { return same }
        // The first slot is that of the agent this process has started, whoever else has come before it.
        if agents[0].introduction == nil, case .tasks(let own, _, _) = roster.source,
            own.lowerBound == who.tasks.lowerBound
        {
            return 0
        }
        agents.append(AgentSlot(name: who.name, dies: who.tasks.count * (dieCount / taskCount)))
        return agents.count - 1
    }

    private func handle(_ message: HostMessage, _ index: Int) {
        switch message {
        case .ready(let run, let address) where run == self.run && phase == .making:
            agents[index].part.address = address
        case .connected(let run) where run == self.run: agents[index].part.isConnected = true
        case .relayed(let run, let inner) where run == self.run: relay(inner, index)
        case .failed(let run, let failure) where run == self.run: fail(failure)
        case .done(let run) where run == self.run: agents[index].part.isDone = true
        case .ended(let run, let report) where run == self.run: agents[index].part.report = report
        case .farewell(let text): lost(index, "\(agents[index].title) \(text)")
        default: break  // Late, or only to show that it lives.
        }
    }

    private func relay(_ message: ControlMessage, _ index: Int) {
        guard let ranks = plan?.hosts[index].ranks else { return }
        switch message {
        case .event(let die, let bytes) where ranks.contains(die): onEvent(.said(die: die, bytes: bytes))
        case .result(let die, let bytes) where ranks.contains(die): results[die] = bytes
        default: break  // Agents pass on nothing else.
        }
    }
}
