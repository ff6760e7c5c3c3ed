import Collectives
import Fabric
import Launching
import Oracle
import SharedMemory
import Tensors
import TestKit

/// A trial with everybody's input and what the oracle says must come out.
struct JudgedTrial: Sendable {
    var trial: CollectiveTrial
    var inputs: [[UInt8]]
    /// By member; nil where nothing arrives.
    var expected: [[UInt8]?]

    init(_ trial: CollectiveTrial) {
        self.trial = trial
        let inputs = (0..<trial.size).map(trial.input)
        self.inputs = inputs
        let pairs = (0..<trial.size).map { from in
            (0..<trial.size).map { to in
                trial.operation == .allToAllV ? trial.byteCount(from: from, to: to) : trial.blockByteCount
            }
        }
        expected =
            switch trial.operation {
            case .barrier: inputs.map { _ in nil }
            case .broadcast: OracleCollectives.broadcast(inputs, root: trial.root)
            case .allGather, .allGatherV: OracleCollectives.allGather(inputs)
            case .reduceScatter:
                OracleCollectives.reduceScatter(inputs, type: trial.type, reduction: trial.reduction)
            case .allReduce: OracleCollectives.allReduce(inputs, type: trial.type, reduction: trial.reduction)
            case .allToAll, .allToAllV: OracleCollectives.allToAll(inputs, byteCounts: pairs)
            case .reduce:
                OracleCollectives.reduce(inputs, root: trial.root, type: trial.type, reduction: trial.reduction)
            case .gather: OracleCollectives.gather(inputs, root: trial.root)
            case .scatter: OracleCollectives.scatter(inputs, root: trial.root)
            case .sendReceive: OracleCollectives.sendReceive(inputs, shift: trial.shift)
            }
    }

    /// Runs the trial at this member and says what is wrong, if anything. No synchronisation of its own: the next trial may
    /// start at once.
    func run(on collective: Collective, area: Region, algorithm: CollectiveAlgorithm) throws -> String? {
        let me = collective.team.rank
        let endpoint = collective.team.endpoint
        let (source, destination) = trial.regions(of: me, in: area.slice(64, area.byteCount - 128))
        var old = [UInt8](repeating: 0xA5, count: area.byteCount)
        try endpoint.put(old.span, to: endpoint.rank, at: area.offset)
        try trial.fill(me, endpoint, at: source)
        old.replaceSubrange(source.offset - area.offset..<source.end - area.offset, with: inputs[me])
        try trial.run(on: collective, source: source, destination: destination, algorithm: algorithm)
        // The code that ran has left its name: no algorithm passes by what another does.
        let named = algorithm == .automatic || algorithm.carries(trial.operation) ? algorithm : .pull
        let expected = named == .cooperative && !collective.team.isNear ? .pull : named
        let executed = "\(collective.workspace.executedAlgorithm)"
        guard expected == .automatic || executed == expected.name else {
            return "\(trial) by \(algorithm), member \(me): the code of \(executed) ran"
        }
        if let result = self.expected[me] {
            old.replaceSubrange(destination.offset - area.offset..<destination.end - area.offset, with: result)
        }
        let new = try endpoint.get(UInt8.self, count: area.byteCount, from: endpoint.rank, at: area.offset)
        guard new != old else { return nil }
        let first = new.indices.first { new[$0] != old[$0] } ?? 0
        let place = "source at \(source.offset - area.offset), destination at \(destination.offset - area.offset)"
        return
            "\(trial) by \(algorithm), member \(me): byte \(first) of the area is \(new[first]), not \(old[first]); \(place)"
    }
}

/// Which teams of a cluster run a trial.
enum TeamShape: CustomStringConvertible, Sendable {
    case world(Int)
    case strided(dies: Int, start: Int, stride: Int, size: Int)
    case rowsAndColumns(dies: Int, width: Int)

    var description: String {
        switch self {
        case .world(let dies): "world of \(dies)"
        case .strided(let dies, let start, let stride, let size): "\(size) of \(dies) from \(start) by \(stride)"
        case .rowsAndColumns(let dies, let width): "\(dies) in rows of \(width)"
        }
    }

    var dies: Int {
        switch self {
        case .world(let dies), .strided(let dies, _, _, _), .rowsAndColumns(let dies, _): dies
        }
    }

    /// Sizes of the teams that come out.
    var sizes: Set<Int> {
        switch self {
        case .world(let dies): [dies]
        case .strided(_, _, _, let size): [size]
        case .rowsAndColumns(let dies, let width):
            Set(
                (0..<dies).flatMap { rank in
                    let y = rank / width
                    let x = rank % width
                    return [min(width, dies - y * width), (dies - x + width - 1) / width]
                })
        }
    }

    /// This die's teams, in an order all agree on.
    func teams(_ world: Team) throws -> [Team] {
        switch self {
        case .world: return [world]
        case .strided(_, let start, let stride, let size):
            return try world.split(start: start, stride: stride, size: size).map { [$0] } ?? []
        case .rowsAndColumns(_, let width):
            let (row, column) = try world.split2D(width: width)
            return [row, column]
        }
    }
}

/// Starts a cluster, runs trials back to back on every team by all given algorithms, and returns what was wrong.
func judge(
    _ shape: TeamShape, route: TransportCatalog.Entry = TransportCatalog.sharedMemory, workspace: Int = 16 << 10,
    algorithms: [CollectiveAlgorithm], policy: WaitPolicy? = nil, compares: Bool = false, lanes: Int = 1,
    split: HostSplit? = nil,
    trials: @Sendable (_ size: Int) -> [CollectiveTrial]
) throws -> [String] {
    let judged = Dictionary(uniqueKeysWithValues: shape.sizes.map { ($0, trials($0).map(JudgedTrial.init)) })
    let area = (judged.values.joined().map(\.trial.areaByteCount).max() ?? 0) + 128
    let outcome = try ThreadCluster.run(
        dies: shape.dies, windowByteCount: area + workspace + (256 << 10), route: route,
        policy: policy, split: split
    ) { world in
        let space = try CollectiveWorkspace(world, byteCount: workspace)
        space.comparesCalls = compares
        if lanes > 1 { space.lane = try Lane(world.endpoint) }
        let heap = try world.allocate(byteCount: area)
        var wrong: [String] = []
        for team in try shape.teams(world) {
            let collective = Collective(team, space)
            for trial in judged[team.size, default: []] {
                let place = heap.slice(0, trial.trial.areaByteCount + 128)
                for algorithm in algorithms {
                    if let text = try trial.run(on: collective, area: place, algorithm: algorithm) {
                        wrong.append(text)
                    }
                }
            }
        }
        return wrong
    }
    return outcome.errors.sorted { $0.key < $1.key }.map { "rank \($0.key): \($0.value)" }
        + outcome.values.flatMap { $0 ?? [] }
}
