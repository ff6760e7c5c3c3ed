internal import Fabric
internal import Membership
internal import Messaging
internal import NodeRuntime
internal import SharedMemory
internal import Workers

/// Launches the rank processes of a host, watches them, and sees to it that all of them end.
///
/// One loop polls signals, the router's socket and one descriptor a process; nothing is polled by time. States: starting,
/// until every process has said hello; running, until every process has left or something ends the run; ending, until every
/// process is gone, for at most a second before the rest is killed.
///
/// Nothing outlives it: the segment has no name, logs have none, the run folder goes when all have connected, and rank
/// processes end when they see the agent's descriptor close.
public final class Agent {
    enum State { case starting, waiting, running, ending }

    let configuration: ClusterConfiguration
    let onEvent: (ClusterEvent) -> Void
    private let signals: SignalQueue
    let segment: Segment
    private let folder: RunFolder
    let socket: Socket
    /// The part in a cluster of several hosts; nil for a cluster of this host alone.
    let membership: HostMembership?
    var slots: [RankSlot] = []
    var state = State.starting
    private var results: [[UInt8]?]
    /// What came of each die; without all results a run is no success.
    var handedIn: HandedIn
    var verdict: Verdict?
    private var status = ExitStatus.success
    private var report: String?
    private let begin = Monotonic.now()
    /// What it takes to go on without ranks that are lost; nil where their loss ends the run.
    var survival: Survival?
    /// What this agent is still to inject, and since when its ranks run.
    var faults = FaultSteps()
    private var connectedAt: UInt64?
    private var endingSince: UInt64?
    private var deadline: UInt64

    /// Runs a cluster to its end. Call it before any other thread exists, so that signals come to it alone.
    ///
    /// - Throws: what prevents a start: ``SharedMemoryError``, ``SystemError``, ``MessagingError``. What goes wrong later is in the outcome.
    public static func run(
        _ configuration: ClusterConfiguration, onEvent: @escaping (ClusterEvent) -> Void = { _ in }
    ) throws -> ClusterOutcome {
        try run(configuration, membership: nil, onEvent: onEvent)
    }

    /// The same as one of several hosts, where the coordinator decides when the run begins and ends.
    static func run(
        _ configuration: ClusterConfiguration, membership: HostMembership?, onEvent: @escaping (ClusterEvent) -> Void
    ) throws -> ClusterOutcome {
        let agent = try Agent(configuration, membership, onEvent)
        BusErrors.name(
            "the agent" + (membership.map { " of host \($0.hostName)" } ?? ""), tellingRanksOf: agent.segment)
        defer {
            BusErrors.name("the agent")
            agent.folder.remove()
            membership?.stopSwitch()
        }
        do {
            try agent.spawn()
            try agent.loop()
        } catch {
            agent.killRest()
            throw error
        }
        return agent.outcome()
    }

    private init(
        _ configuration: ClusterConfiguration, _ membership: HostMembership?,
        _ onEvent: @escaping (ClusterEvent) -> Void
    ) throws {
        self.configuration = configuration
        self.membership = membership
        self.onEvent = onEvent
        signals = try SignalQueue(withContinue: true, withChildren: configuration.survives)
        ProcessControl.raiseDescriptorLimit()
        try StartLimits.check(configuration)
        if !configuration.instruments.faults.isEmpty {
            Self.disturbStart(
                configuration.instruments.faults,
                at: membership?.segmentPlan.ranks ?? 0..<configuration.dieCount)
        }
        segment = try Segment.create(
            membership?.segmentPlan
                ?? SegmentPlan(
                    dieCount: configuration.dieCount, windowByteCount: configuration.windowByteCount,
                    diesPerProcess: configuration.diesPerProcess, diesPerNPU: configuration.diesPerNPU,
                    diesPerServer: configuration.diesPerServer))
        // Before there is a folder: what the library needs may be refused.
        socket = try Socket(.router, in: membership?.context ?? MessageContext())
        folder = try RunFolder.create()
        results = Array(repeating: nil, count: configuration.dieCount)
        handedIn = HandedIn(segment.plan.ranks)
        deadline = Deadline(after: configuration.startDeadline).nanoseconds
        do {
            try socket.bind(folder.address)
            folder.admitRanks()
            try membership?.openSwitch(segment)
        } catch {
            folder.remove()
            throw error
        }
        disturbSegment()
    }

    private func spawn() throws {
        let each = configuration.diesPerProcess
        let milliseconds = max(1, Int(configuration.deadline / .milliseconds(1)))
        for process in 0..<configuration.processCount {
            // Hundreds of starts take seconds; the user is not to wait for those still to come.
            while let signal = signals.next() { take(signal) }
            // Nor is the coordinator to think that this host has fallen silent.
            followCoordinator()
            guard verdict == nil else { return }
            let first = segment.plan.firstRank + process * each
            let log = try ProcessControl.memoryFile(name: "softpod-log")
            let child = try ChildProcess.start(
                path: configuration.executable,
                arguments: [
                    "rank", "--process", "\(process)", "--address", folder.address, "--folder", folder.path,
                    "--deadline-milliseconds", "\(milliseconds)", "--route", configuration.route,
                ] + (segment.switchEvent == nil ? [] : ["--linked"])
                    + (membership.map { ["--host", $0.hostName] } ?? []), segment: segment.descriptor, log: log.number,
                switchEvent: segment.switchEvent)
            // The rank writes the same when it attaches; until then this names it, should both of us die.
            let dies = first..<min(first + each, segment.plan.ranks.upperBound)
            for die in dies { segment.control(of: die).process = Int(child.id) }
            slots.append(
                RankSlot(child: child, log: log, dies: dies))
        }
        onEvent(.spawned(processes: slots.count))
    }

    private func loop() throws {
        var clockWatch = ClockWatch(at: Monotonic.now())
        while slots.contains(where: { $0.end == nil }) {
            let alive = slots.indices.filter { slots[$0].end == nil }
            let numbers =
                [signals.descriptor.number, socket.descriptor] + alive.map { slots[$0].child.descriptor.number }
                + (membership?.descriptors ?? [])
            // Sending may have taken the descriptor's note of a message that came meanwhile: asked before sleeping.
            let time = socket.isReadable ? 0 : untilDeadline()
            clockWatch.willSleep(time < 0 ? .max : UInt64(time) * 1_000_000)
            let ready = Descriptor.poll(numbers, milliseconds: time)
            // A stop of this process itself, or of the whole machine, is time in which no rank could be late.
            if let lost = clockWatch.look(Monotonic.now()) {
                if deadline < .max { deadline += lost }
                survival?.leases.forgive(at: Monotonic.now())
            }
            // Messages first: a process that left and ended at once has left.
            try receive()
            followCoordinator()
            for (index, slot) in alive.enumerated() where ready[index + 2] { reap(slot) }
            while let signal = signals.next() { take(signal) }
            endIfAbandoned()
            carryOutFaults()
            watchLeases()
            if isLate { deadlinePassed() }
            if state == .starting { startWhenAllAreHere() }
            if state == .running { reportOverdueConsequence() }
            if state == .running, slots.allSatisfy(\.hasLeft) { finish() }
        }
        try receiveLastWords()
    }

    /// Milliseconds until something must be done; negative while nothing must.
    private func untilDeadline() -> Int {
        let longest = faults.untilNext(survival?.pollMilliseconds ?? membership?.pollMilliseconds ?? -1)
        if state == .running || state == .waiting { return untilPatienceEnds(longest) }
        let now = Monotonic.now()
        // In pieces, so that a jump of the clock is seen.
        let left = now >= deadline ? 0 : min(Int((deadline - now) / 1_000_000) + 1, 1000)
        return longest < 0 ? left : min(left, longest)
    }

    private var isLate: Bool { state != .running && state != .waiting && Monotonic.now() >= deadline }

    func receive() throws {
        while let frames = try socket.receive() {
            guard frames.count == 2, let message = ControlMessage(decoding: frames[1]),
                let index = Int(String(decoding: frames[0].dropFirst(), as: UTF8.self)), slots.indices.contains(index)
            else { continue }  // Not one of ours: nothing it says is believed.
            handle(message, from: index)
        }
    }

    private func handle(_ message: ControlMessage, from index: Int) {
        switch message {
        // A process that has not proved by the nonce that it is one of ours is not believed.
        case _ where !slots[index].isConnected && !message.isHello: break
        case .hello(let process, let id, let abiDigest, let nonce):
            guard process == index, id == Int(slots[index].child.id), abiDigest == SegmentLayout.abiDigest,
                nonce == segment.plan.nonce
            else {
                return end(
                    Verdict(.rankFailed, text: "process \(index) is of another build or run"), status: .mismatch,
                    report: "process \(index) (pid \(id)) is of another build or run")
            }
            slots[index].isConnected = true
        case .event(let die, let bytes):
            guard slots[index].dies.contains(die) else { return }
            if let membership { return membership.relay(message) }
            onEvent(.said(die: die, bytes: bytes))
        case .result(let die, let bytes):
            guard slots[index].dies.contains(die) else { return }
            handedIn.note(resultOf: die)
            if let membership { return membership.relay(message) }
            results[die] = bytes
        case .failure(let die, let failure):
            if slots[index].dies.contains(die) { failed(die, failure) }
        case .left: slots[index].hasLeft = true
        case .revoke(let die, let epoch): if slots[index].dies.contains(die) { revoke(epoch, by: die) }
        case .note(let die, let note): if slots[index].dies.contains(die) { take(note, of: die) }
        case .start, .stop, .instruments: break  // Only the agent says these.
        }
    }

    /// When all ranks are here, the folder has done its duty.
    private func startWhenAllAreHere() {
        guard slots.allSatisfy(\.isConnected), membership?.isSwitchRunning ?? true else { return }
        folder.remove()
        connectedAt = Monotonic.now()
        if let membership {
            state = .waiting
            return membership.sayConnected()
        }
        start(configuration.workload, configuration.payload)
    }

    /// Lets the ranks begin.
    func start(_ workload: String, _ payload: [UInt8]) {
        state = .running
        if configuration.survives, membership == nil { survival = Survival(segment, configuration) }
        instrument()
        broadcast(.start(workload: workload, payload: payload))
        onEvent(.started)
    }

    func broadcast(_ message: ControlMessage) {
        let frame = message.encoded
        for index in slots.indices where slots[index].isConnected && slots[index].end == nil {
            _ = try? socket.send([Array("p\(index)".utf8), frame])  // its descriptor or a deadline tells of it
        }
    }

    private func failed(_ die: Int, _ failure: ControlMessage.Failure) {
        note(.noticed, die, failure.text)
        guard verdict == nil else { return }
        if failure.isConsequence { return endByLoss() ? () : handedIn.note(failure, of: die) }
        // A rank stopped while it released a barrier has come, so its waiters cannot know that it is the one to blame.
        let stopped = RankSlot.stopped(slots).filter { !failure.peers.contains($0) }
        let known = (failure.peers.prefix(4) + stopped.prefix(4)).compactMap { describe($0) }
        let tail = known.isEmpty ? "" : "; " + known.joined(separator: "; ")
        end(
            Verdict(.rankFailed, rank: failure.peers.first ?? die, text: failure.text),
            // A failure never counts as success, whatever the process says.
            status: ExitStatus(rawValue: failure.status).flatMap { $0 == .success ? nil : $0 } ?? .rankLost,
            report: failure.text + tail)
    }

    /// What is known of a rank here that others wait for, and where here is.
    func describe(_ rank: Int) -> String? { RankSlot.describe(rank, slots, segment).map { $0 + place } }

    private func reap(_ index: Int) {
        guard let ending = slots[index].child.reap() else { return }
        slots[index].end = ending
        // Before anything in it is touched: this process is to report the cause and not to die of it as well.
        if slots[index].hadBusError { segment.mend() }
        // One that has said that it is done, and of whose end nothing bad is known, has ended well.
        if ending == .exited(0) || ending == .unknown, slots[index].hasLeft || state == .ending { return }
        let slot = slots[index]
        let rank = slot.dies.lowerBound
        note(.noticed, rank, "the agent\(place): \(slot.ranks) \(slot.fate)")
        guard verdict == nil else { return }
        let phase = segment.control(of: rank).phase
        let line =
            "\(slot.ranks) (pid \(slot.child.id))\(place) \(slot.fate) in phase \(phase.isEmpty ? "start" : phase)"
        let cause: Verdict
        switch ending {
        case .killed(let signal):
            cause = Verdict(.rankKilled, rank: rank, detail: Int(signal), process: Int(slot.child.id), text: line)
        case .exited(let code):
            cause = Verdict(.rankExited, rank: rank, detail: Int(code), process: Int(slot.child.id), text: line)
        case .unknown:
            cause = Verdict(.rankExited, rank: rank, process: Int(slot.child.id), text: line)
        }
        let report = line + "; " + slot.keepLog()
        if survives(index, cause, report: report) { return }
        end(cause, status: .rankLost, report: report)
    }

    /// Where this is, for a report that people of several hosts read.
    var place: String { membership.map { " on host \($0.hostName)" } ?? "" }

    /// Does what a signal to this process asks for.
    private func take(_ signal: Int32) {
        switch signal {
        case ProcessControl.suspendSignal:
            // Ctrl-Z: the ranks stop, then this process; they go on when it does.
            stopRanks()
            ProcessControl.stopSelf()
            resumeRanks()
        case ProcessControl.continueSignal: resumeRanks()
        case ProcessControl.childSignal: survival?.lookAt = 0
        default: interrupt(signal)
        }
    }

    /// Ends a run for whose output there is no reader any more; without a word, since it is what its user asked for (`| head`).
    private func endIfAbandoned() {
        guard verdict == nil, state != .ending, configuration.isAbandoned() else { return }
        let text = "the reader of standard output went away"
        end(Verdict(.interrupted, text: text), status: .outputClosed, report: text, isSilent: true)
    }

    private func interrupt(_ signal: Int32) {
        if state == .ending, verdict?.code == .interrupted { return killRest() }
        let name = ProcessControl.signalName(signal)
        let text = membership.map { "the agent of host \($0.hostName) was stopped by \(name)" } ?? "stopped by \(name)"
        end(
            Verdict(.interrupted, detail: Int(signal), text: text),
            status: ExitStatus(signal: signal), report: text)
    }

    /// Something ends the run: tell every wait, every process, and the user.
    func end(_ cause: Verdict, status: ExitStatus, report: String, isSilent: Bool = false) {
        guard verdict == nil else { return }
        verdict = cause
        self.status = status
        self.report = report
        note(.decided, cause.rank ?? segment.plan.firstRank, decision(cause))
        // The coordinator first: other hosts may hear of the verdict by their links, and it should have the cause from here.
        membership?.sayFailed(HostFailure(verdict: cause, status: status, report: report))
        // Then the ranks, then the user: should this process be killed in between, the ranks tell what they heard.
        segment.publish(cause)
        if !isSilent { onEvent(.failed(report: report)) }
        leave(within: .seconds(1))
    }

    private func finish() {
        guard verdict == nil, isWhole else { return }
        // Windows and switch are needed until the ranks of all hosts are done.
        if let membership { return membership.sayDone() }
        leave(within: Self.leavingTime)
    }

    func leave(within time: Duration) {
        state = .ending
        endingSince = endingSince ?? Monotonic.now()
        deadline = Deadline(after: time).nanoseconds
        broadcast(.stop)
    }

    private func deadlinePassed() {
        if state == .ending, verdict == nil { return reportStragglers() }
        guard state == .starting else { return killRest() }
        let missing = slots.filter { !$0.isConnected }
        let names = missing.prefix(4).map { "\($0.ranks) (pid \($0.child.id))" }.joined(separator: ", ")
        if missing.isEmpty {
            let text = "the other hosts' switches were not named in time\(place)"
            return end(Verdict(.rankFailed, text: text), status: .rankLost, report: text)
        }
        let text = "\(missing.count) of \(slots.count) rank processes\(place) did not connect in time: \(names)"
        end(Verdict(.rankFailed, rank: missing.first?.dies.lowerBound, text: text), status: .rankLost, report: text)
    }

    private func killRest() {
        for slot in slots where slot.end == nil { slot.child.kill() }
        deadline = UInt64.max
        for index in slots.indices where slots[index].end == nil {
            // A killed process ends without being asked again.
            _ = Descriptor.poll([slots[index].child.descriptor.number], milliseconds: -1)
            slots[index].end = slots[index].child.reap()
        }
    }

    private func outcome() -> ClusterOutcome {
        let now = Monotonic.now()
        return ClusterOutcome(
            status: status, report: report, results: results,
            counts: segment.plan.ranks.map { OperationCounts(segment.control(of: $0)) },
            flights: segment.plan.ranks.map { segment.control(of: $0).flight.records },
            processCount: slots.count, memory: segment.memory.rawValue,
            startNanoseconds: connectedAt.map { $0 - begin },
            stopNanoseconds: now - (endingSince ?? now), totalNanoseconds: now - begin)
    }
}
