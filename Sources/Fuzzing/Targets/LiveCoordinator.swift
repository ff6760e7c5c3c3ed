internal import Launching
internal import Messaging
internal import NodeRuntime
internal import SharedMemory
internal import Synchronization
internal import Workers

/// A coordinator that runs on a thread of its own, with two agents played here over real sockets and a stranger who never stops talking.
final class LiveCoordinator {
    /// What the coordinator's thread leaves. The lock orders its writing before our reading.
    private final class Board: Sendable {
        let outcome = Mutex<ClusterOutcome?>(nil)
        let said = Atomic<UInt64>(0)
    }

    /// From here on the coordinator is the thread's, which alone uses and closes it.
    private struct Handed: @unchecked Sendable {
        let coordinator: Coordinator
    }

    private let board = Board()
    private let context: MessageContext
    private let agents: [Socket]
    private let stranger: Socket
    private let worker: Worker
    private var run: UInt32 = 0
    private var sent = 0
    private var pings: UInt64 = 0

    init() throws {
        let coordinator = try Coordinator(CoordinatorFuzz.roster(byTasks: false)) { _ in }
        context = try MessageContext()
        let welcome = coordinator.welcome
        let context = context
        func connected() throws -> Socket {
            let socket = try Socket(.dealer, in: context)
            try socket.connect(welcome.address)
            return socket
        }
        agents = [try connected(), try connected()]
        stranger = try connected()
        let board = board
        let handed = Handed(coordinator: coordinator)
        worker = try Worker.start(name: "coordinator", stackByteCount: 4 << 20) {
            let configuration = ClusterConfiguration(
                dieCount: 4, windowByteCount: 1 << 20, startDeadline: .seconds(86_400), workload: "idle")
            let outcome = try? handed.coordinator.run(configuration) { event in  // What it throws shows as none.
                // Only counts: who waits for it reads nothing else.
                if case .said = event { board.said.add(1, ordering: .relaxed) }
            }
            handed.coordinator.close()
            board.outcome.withLock { $0 = outcome }
        }
        try start(welcome.token)
    }

    private func start(_ token: [UInt8]) throws {
        for (index, agent) in agents.enumerated() {
            let hello = HostMessage.hello(FuzzTarget.introduction(token: token, host: index))
            _ = try agent.send([hello.encoded])
        }
        for agent in agents {
            guard case .assignment(let run, _) = try hear(agent) else { throw FuzzFinding("no assignment came") }
            self.run = run
        }
        for agent in agents { _ = try agent.send([HostMessage.ready(run: run, address: "tcp://127.0.0.1:1").encoded]) }
        for agent in agents {
            guard case .links = try hear(agent) else { throw FuzzFinding("no links came") }
            _ = try agent.send([HostMessage.connected(run: run).encoded])
        }
        for agent in agents { guard case .start = try hear(agent) else { throw FuzzFinding("no start came") } }
    }

    private func hear(_ agent: Socket) throws -> HostMessage {
        let deadline = Deadline(after: .seconds(20))
        while deadline.remaining > 0 {
            if let frames = try agent.receive() {
                guard let frame = frames.last, let message = HostMessage(decoding: frame) else {
                    throw FuzzFinding("the coordinator said what cannot be read")
                }
                return message
            }
            _ = Descriptor.poll([agent.descriptor], milliseconds: 20)  // Looked at again however it ended.
        }
        throw FuzzFinding("the coordinator is silent")
    }

    func take(_ input: [UInt8], _ random: inout FuzzRandom) throws -> Bool {
        var frames = [input]
        while random.oneIn(8) { frames.append([random.byte()]) }
        // Now and then an agent of ours has noise on its line too.
        let message = HostMessage(decoding: input)
        let socket = message == nil && random.oneIn(8) && !isOtherVersion(input) ? agents[random.below(2)] : stranger
        // A queue that is full is bounded, as it should be: the sender has to wait.
        if try !socket.send(frames) { try ping() }
        // What the coordinator answers a stranger is nothing to be kept.
        while try stranger.receive() != nil {}
        sent += 1
        if sent % 512 == 0 { try ping() }
        return message != nil
    }

    private func isOtherVersion(_ input: [UInt8]) -> Bool { input.count > 4 && input[4] != HostMessage.version }

    /// An event of rank 0 comes through, whatever else is said.
    private func ping() throws {
        pings += 1
        let event = HostMessage.relayed(run: run, .event(die: 0, bytes: [1]))
        let alive = HostMessage.alive
        while try !agents[0].send([event.encoded]) { _ = Descriptor.poll([], milliseconds: 1) }
        _ = try agents[1].send([alive.encoded])
        let deadline = Deadline(after: .seconds(20))
        while board.said.load(ordering: .relaxed) < pings {
            try FuzzFinding.require(deadline.remaining > 0, "the coordinator does not pass on what its agents say")
            _ = Descriptor.poll([], milliseconds: 1)  // Looked at again however it ended.
            while try stranger.receive() != nil {}
        }
    }

    /// The run ends as it should, with the results of its own agents.
    func finish() throws {
        try ping()
        for (index, agent) in agents.enumerated() {
            for die in 2 * index..<2 * index + 2 {
                _ = try agent.send([HostMessage.relayed(run: run, .result(die: die, bytes: [UInt8(die)])).encoded])
            }
            _ = try agent.send([HostMessage.done(run: run).encoded])
        }
        for agent in agents {
            guard case .stop(_, nil) = try hear(agent) else { throw FuzzFinding("the run did not end as it should") }
            let report = HostReport(processCount: 2, remark: "", counts: [], flights: [])
            _ = try agent.send([HostMessage.ended(run: run, report).encoded])
        }
        worker.join()
        let outcome = board.outcome.withLock { $0 }
        try FuzzFinding.require(
            outcome?.status == .success && outcome?.results == [[0], [1], [2], [3]],
            "the run ended as \(outcome as Any)")
    }
}

/// An agent's line with a coordinator at its other end that says anything.
final class LiveLine {
    private let context: MessageContext
    private let coordinator: Socket
    private let invitation: Invitation
    private var line: Uplink
    private var route: [UInt8] = []
    /// What was said and not yet heard.
    private var expected: [HostMessage] = []

    init() throws {
        context = try MessageContext()
        coordinator = try Socket(.router, in: context)
        invitation = Invitation(address: try coordinator.bind("tcp://127.0.0.1:*"))
        line = try Uplink(invitation, in: context, input: nil)
        try meet()
    }

    private func meet() throws {
        line.send(.hello(FuzzTarget.introduction(token: [])))
        let deadline = Deadline(after: .seconds(20))
        while deadline.remaining > 0 {
            _ = try line.next()
            if let frames = try coordinator.receive(), frames.count == 2, let message = HostMessage(decoding: frames[1])
            {
                if case .hello = message {
                    route = frames[0]
                    return
                }
            }
            _ = Descriptor.poll([coordinator.descriptor], milliseconds: 1)  // Looked at again however it ended.
        }
        throw FuzzFinding("the agent's hello did not come")
    }

    func take(_ input: [UInt8]) throws -> Bool {
        guard let message = HostMessage(decoding: input) else {
            // Another version ends the line, as it should; that is tried once in a while by what is understood.
            if input.count > 4, input[4] != HostMessage.version { return false }
            _ = try coordinator.send([route, input])
            return false
        }
        _ = try coordinator.send([route, input])
        expected.append(message)
        if expected.count >= 256 || Self.ends(message) { try flush() }
        return true
    }

    private static func ends(_ message: HostMessage) -> Bool {
        switch message {
        case .refused, .cancelled, .dismissed: true
        default: false
        }
    }

    /// Everything that was said arrives, in order, and nothing else does.
    func flush() throws {
        let deadline = Deadline(after: .seconds(20))
        while let next = expected.first {
            try FuzzFinding.require(deadline.remaining > 0, "the agent does not hear \(next)")
            do {
                guard let message = try line.next() else {
                    _ = Descriptor.poll(line.descriptors, milliseconds: 1)  // Looked at again however it ended.
                    continue
                }
                try FuzzFinding.require(message == next, "the agent heard \(message), said was \(next)")
                expected.removeFirst()
            } catch let loss as Uplink.Loss {
                try FuzzFinding.require(Self.ends(next), "the agent gave its line up: \(loss)")
                expected.removeAll()
                line = try Uplink(invitation, in: context, input: nil)
                return try meet()
            }
        }
    }
}
