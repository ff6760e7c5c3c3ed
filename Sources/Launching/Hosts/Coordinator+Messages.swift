internal import Fabric
internal import Messaging
internal import NodeRuntime
internal import SharedMemory
internal import Workers

// What agents say. Nothing is believed of a peer that has not introduced itself as one of ours.

extension Coordinator {
    /// Takes a message as the socket gave it: who it is from, and what it says.
    func take(_ frames: [[UInt8]]) {
        guard frames.count == 2, let route = frames.first else { return }
        guard let message = HostMessage(decoding: frames[1]) else { return refuseStrangeFrame(frames[1], route) }
        if case .hello(let introduction) = message {
            introduce(introduction, route)
        } else if let index = agents.firstIndex(where: { $0.route == route }) {
            agents[index].lastHeard = Monotonic.now()
            handle(message, index)
        }
    }

    /// Notes why connections do not become agents: a user who waits in vain for one should know.
    func watchConnections() throws {
        while let event = try monitor.next() {
            let fault: String
            switch event {
            case .refused: fault = "somebody came whose key is not one of ours"
            case .handshakeFailed(.mechanism, _):
                fault = "somebody came without keys, or with keys where there are none"
            case .handshakeFailed(.cryptography, _): fault = "somebody came who has a wrong key for the coordinator"
            // Given up by its other end while this process was stopped.
            case .handshakeFailed(.cutOff, _) where hasJustBeenStopped: continue
            case .handshakeFailed: fault = "somebody came and broke off the handshake: without keys, or no softpod"
            default: continue
            }
            guard !handshakeFaults.contains(fault) else { continue }
            handshakeFaults.append(fault)
            remark("at the rendezvous: \(fault)")
        }
    }

    /// A build of another protocol is told so; other noise is passed over. It ends the start only if it was invited: in every version the
    /// first message holds the token.
    private func refuseStrangeFrame(_ frame: [UInt8], _ route: [UInt8]) {
        guard let version = HostMessage.version(of: frame), version != HostMessage.version else { return }
        let text =
            "an agent speaks version \(version) of the protocol, the coordinator \(HostMessage.version): mixed builds"
        guard roster.admitsUninvited || frame.contains(token) else {
            return turnAway(route, text)
        }
        refuse(route, text)
    }

    /// One that was not invited: told so, and nothing else follows. The user hears of the first few.
    private func turnAway(_ route: [UInt8], _ text: String) {
        send(.refused(text), to: route)
        strangerCount += 1
        guard strangerCount <= Self.mostStrangersTold else { return }
        remark("refused: \(text)" + (strangerCount == Self.mostStrangersTold ? "; others will not be told of" : ""))
    }

    private static let mostStrangersTold = 8

    /// One that belongs here but does not fit ends the start: without it the cluster is not whole, and the user should know why.
    private func refuse(_ route: [UInt8], _ text: String) {
        send(.refused(text), to: route)
        guard phase == .gathering else { return remark("refused: \(text)") }
        fail(HostFailure(verdict: Verdict(.rankFailed, text: text), status: .mismatch, report: text))
    }

    private func introduce(_ who: Introduction, _ route: [UInt8]) {
        guard who.token == token || roster.admitsUninvited else {
            return turnAway(route, "host \(who.name) was not invited to this run")
        }
        let title = "host \(who.name) (agent \(who.process))"
        guard who.layoutDigest == SegmentLayout.abiDigest else {
            return refuse(
                route,
                "\(title) has another memory layout: its build is \(who.commit), the coordinator's \(roster.commit)")
        }
        if let index = agents.firstIndex(where: { $0.route == route }) {
            // Said again. An agent that has introduced itself cannot become another.
            guard agents[index].introduction == who else {
                return refuse(route, "\(title) says that it is another one")
            }
            agents[index].lastHeard = Monotonic.now()
            return
        }
        guard phase == .gathering else { return refuse(route, "\(title) has come after the run began") }
        let index: Int
        switch roster.source {
        case .started(let hosts, _):
            guard let place = who.host, hosts.indices.contains(place) else {
                return refuse(route, "\(title) is in no place of the list of hosts")
            }
            if let other = agents[place].introduction, agents[place].route != nil {
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
            $0.introduction?.tasks.lowerBound == who.tasks.lowerBound
        }) {
            refuse(
                route,
                "duplicate ranks: task \(who.tasks.lowerBound) is both host \(other.name)'s (agent "
                    + "\(other.introduction?.process ?? 0)) and host \(who.name)'s (agent \(who.process))")
            return nil
        }
        let known = agents.reduce(0) { $0 + ($1.introduction?.tasks.count ?? 0) }
        guard known + who.tasks.count <= taskCount else {
            refuse(route, "\(title) has \(who.tasks.count) tasks, but of \(taskCount) in all others have \(known)")
            return nil
        }
        // The slot that was there first is that of the agent this process has started, even if another comes before it.
        if case .tasks(let own, _, _) = roster.source, own == who.tasks {
            if let index = agents.firstIndex(where: { $0.introduction == nil }) { return index }
        }
        agents.append(AgentSlot(name: who.name, dies: who.tasks.count * (dieCount / taskCount)))
        return agents.count - 1
    }

    private func handle(_ message: HostMessage, _ index: Int) {
        switch message {
        case .ready(let run, let address) where run == self.run && phase == .making:
            agents[index].part.address = address
        case .connected(let run) where run == self.run && (phase == .making || phase == .linking):
            // A host that has no other to link to need not wait for addresses.
            agents[index].part.isConnected = true
        case .relayed(let run, let inner) where run == self.run: relay(inner, index)
        case .failed(let run, let failure) where run == self.run: fail(failure)
        case .done(let run) where run == self.run && phase == .running: agents[index].part.isDone = true
        case .paused(let run) where run == self.run: agents[index].part.isPaused = true
        case .ended(let run, let report) where run == self.run:
            agents[index].part.report = report
            // Before that it says that something failed, or is told to stop.
            if phase != .ending { lost(index, "\(agents[index].title) left the run before its end") }
        case .farewell(let text): lost(index, "\(agents[index].title) \(text)")
        default: break  // Late, or only to show that it lives.
        }
    }

    private func relay(_ message: ControlMessage, _ index: Int) {
        guard let ranks = plan?.hosts[index].ranks else { return }
        switch message {
        case .event(let die, let bytes) where ranks.contains(die): onEvent(.said(die: die, bytes: bytes))
        case .result(let die, let bytes) where ranks.contains(die): results[die] = bytes
        case .note(let die, let note) where ranks.contains(die): onEvent(.noted(die: die, note))
        default: break  // Agents pass on nothing else.
        }
    }
}
