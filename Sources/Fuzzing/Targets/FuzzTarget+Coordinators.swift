internal import Launching
internal import Messaging
internal import NodeRuntime
internal import SharedMemory
internal import Workers

// What any peer may say to a coordinator, and to an agent's line to it.

extension FuzzTarget {
    static let coordinators: [FuzzTarget] = [
        FuzzTarget("coordinator, a stranger", weight: 8) {
            let bench = try CoordinatorFuzz(byTasks: false)
            // A token of the right length that is not the run's.
            let hello = HostMessage.hello(introduction(token: Array(repeating: 7, count: 32), host: 1))
            return FuzzSubject(examples: hostExamples.map(\.encoded) + [hello.encoded]) { input, random in
                try bench.stranger(input, &random)
            }
        },
        FuzzTarget("coordinator, one of its agents", weight: 4) {
            let bench = try CoordinatorFuzz(byTasks: false)
            return FuzzSubject(examples: bench.examples) { input, random in try bench.agent(input, &random) }
        },
        FuzzTarget("coordinator, a task's agent", weight: 4) {
            let bench = try CoordinatorFuzz(byTasks: true)
            return FuzzSubject(examples: bench.examples) { input, random in try bench.agent(input, &random) }
        },
        FuzzTarget("coordinator, live", weight: 4) {
            let bench = try LiveCoordinator()
            return FuzzSubject(
                examples: hostExamples.map(\.encoded), take: { input, random in try bench.take(input, &random) },
                finish: { try bench.finish() })
        },
        FuzzTarget("agent's line, live", weight: 4) {
            let bench = try LiveLine()
            return FuzzSubject(
                examples: hostExamples.map(\.encoded), take: { input, _ in try bench.take(input) },
                finish: { try bench.flush() })
        },
    ]
}

/// A coordinator of two hosts with two dies each whose agents are played here, one message at a time.
final class CoordinatorFuzz {
    private let byTasks: Bool
    private let coordinator: Coordinator
    private let routes: [[UInt8]] = [[1, 2, 3, 4, 5], [6, 7, 8, 9, 10]]
    private let configuration = ClusterConfiguration(dieCount: 4, windowByteCount: 1 << 20, workload: "idle")
    /// How far the next run goes before it is spoken into.
    private var depth = 0
    private var isSwapped = false

    init(byTasks: Bool) throws {
        self.byTasks = byTasks
        coordinator = try Coordinator(Self.roster(byTasks: byTasks)) { _ in }
        try begin(depth: 0)
    }

    static func roster(byTasks: Bool) throws -> HostRoster {
        let hosts = ["h0", "h1"].map { HostRoster.Host(name: $0, dies: 2, isHere: true) }
        var roster = HostRoster(
            source: byTasks
                ? .tasks(own: 0..<2, taskCount: 4, dieCount: 4)
                : .started(hosts, RemoteShell(program: "softpod", directory: "/")),
            address: "tcp://127.0.0.1:*", keys: nil, commit: "abcdef")
        roster.startsAgents = false
        return roster
    }

    private func introduction(_ agent: Int) -> Introduction {
        FuzzTarget.introduction(
            token: coordinator.welcome.token, host: byTasks ? nil : agent,
            tasks: byTasks ? 2 * agent..<2 * agent + 2 : 0..<0, taskCount: byTasks ? 4 : 0)
    }

    /// Messages of the agents, with what makes them believed.
    var examples: [[UInt8]] {
        (FuzzTarget.hostExamples + [.hello(introduction(0)), .hello(introduction(1))]).map(\.encoded)
    }

    /// A run as far as the depth says: 0 no agent has come, 1 one agent, 2 both, 3 addresses, 4 connected, 5 one is done.
    private func begin(depth: Int) throws {
        self.depth = depth
        try coordinator.rehearse(configuration)
        // In either order, which is the system's choice.
        isSwapped.toggle()
        let order = isSwapped ? [1, 0] : [0, 1]
        var script: [(agent: Int, message: HostMessage)] = order.prefix(depth).map { ($0, .hello(introduction($0))) }
        let run = coordinator.runNumber
        if depth > 2 { script += [0, 1].map { ($0, .ready(run: run, address: "tcp://127.0.0.1:\(4711 + $0)")) } }
        if depth > 3 { script += [0, 1].map { ($0, .connected(run: run)) } }
        if depth > 4 { script.append((1, .done(run: run))) }
        for (agent, message) in script { try coordinator.hear(message.encoded, from: routes[agent]) }
        let phases = ["gathering", "gathering", "making", "linking", "running", "running"]
        try FuzzFinding.require(
            coordinator.standing.phase == phases[depth], "a run of good messages is \(coordinator.standing.phase)")
    }

    /// A message of a peer that does not have the token.
    func stranger(_ input: [UInt8], _ random: inout FuzzRandom) throws -> Bool {
        if random.oneIn(64) { try begin(depth: random.below(6)) }
        let before = coordinator.standing
        try coordinator.hear(input, from: [9, 9, 9, random.byte()])
        try FuzzFinding.require(
            coordinator.standing == before, "a stranger has changed the run: \(coordinator.standing)")
        return HostMessage(decoding: input) != nil
    }

    /// A message of an agent that was invited: it may end the run, but not make it look good, and not speak for others.
    func agent(_ input: [UInt8], _ random: inout FuzzRandom) throws -> Bool {
        if coordinator.standing.phase == "ending" || random.oneIn(256) { try begin(depth: random.below(6)) }
        var input = input
        // Mostly of the run under way: the number stands behind magic, version and kind.
        if input.count >= 10, (2...7).contains(input[5]), !random.oneIn(4) {
            for index in 0..<4 {
                input[6 + index] = UInt8(truncatingIfNeeded: coordinator.runNumber >> UInt32(8 * index))
            }
        }
        let before = coordinator.standing
        // One of the two, or a third that has the invitation as well.
        let speaker = (self.routes + [[9, 9, 9, 9, 9]])[random.below(3)]
        try coordinator.hear(input, from: speaker)
        let after = coordinator.standing
        try FuzzFinding.require(after.failure?.status != .success, "a failure that looks like success")
        try FuzzFinding.require(
            coordinator.ranksOfHosts.map { $0.count == after.routes.count } ?? true,
            "agents and hosts of the plan differ")
        let routes = after.routes.compactMap { $0 }
        try FuzzFinding.require(Set(routes).count == routes.count, "one agent stands for two hosts")
        let own = after.routes.firstIndex(of: speaker).flatMap { coordinator.ranksOfHosts?[$0] } ?? 0..<0
        if before.phase == after.phase {
            try FuzzFinding.require(
                after.results.indices.allSatisfy { own.contains($0) || after.results[$0] == before.results[$0] },
                "a result of another's rank was changed")
        }
        return HostMessage(decoding: input) != nil
    }
}
