internal import Fabric
public import SharedMemory

/// Who waits for whom among the ranks of a host, and which rank holds up the others: made of what they say in their control blocks, compared
/// with what the system says of their processes.
///
/// A wait names the rank that is to store the word, or none where the last of a team to come releases all (a meeting). Such a wait is for
/// those that have not come: ranks that do not wait for the same word. So its edges are the most there can be, and a rank that does not wait at
/// all is blamed before one that waits for something else.
public struct WaitGraph: Sendable {
    /// What a rank's process does, as the system says.
    public enum Life: String, Sendable {
        case computes, sleeps, stopped, gone, left, absent
    }

    /// A wait.
    public struct Wait: Sendable, Equatable {
        /// The operation, by its name in reports.
        public var operation: String
        /// The rank that is to store the word; nil where several may.
        public var peer: Int?
        /// The word, in the waiter's window.
        public var wordOffset: Int
        /// How long it has lasted, in nanoseconds.
        public var nanoseconds: UInt64

        /// A wait as a die's record says, at a moment; nil for a record that no die writes.
        public init?(_ record: WaitRecord, ranks: Int, now: UInt64) {
            guard let operation = FabricOperation(rawValue: record.operation) else { return nil }
            self.operation = "\(operation)"
            peer = record.peer.flatMap { (0..<ranks).contains($0) ? $0 : nil }
            wordOffset = record.wordOffset
            nanoseconds = now > record.since ? now - record.since : 0
        }
    }

    /// A rank.
    public struct Node: Sendable {
        /// Its number.
        public var rank: Int
        /// Its process.
        public var life: Life
        /// What it waits for, if it does.
        public var wait: Wait?
        /// What it does.
        public var phase: String

        /// A rank.
        public init(rank: Int, life: Life, wait: Wait?, phase: String) {
            self.rank = rank
            self.life = life
            self.wait = wait
            self.phase = phase
        }

        /// Whether it cannot go on by itself, whatever it said last.
        var isHeld: Bool { life == .stopped || life == .gone || life == .absent || life == .left }
    }

    /// The ranks of the host, in order.
    public let nodes: [Node]
    private let places: [Int: Int]
    /// For each node the ranks it waits for; made once, as finding those that miss a meeting looks at all.
    private let edges: [[Int]]

    /// A graph.
    public init(_ nodes: [Node]) {
        self.nodes = nodes
        let places = Dictionary(nodes.enumerated().map { ($1.rank, $0) }) { first, _ in first }
        self.places = places
        edges = nodes.map { Self.awaited(by: $0, nodes, places) }
    }

    /// Ranks of this host that a rank waits for. One that is stopped or gone waits for nothing any more.
    public func awaited(by rank: Int) -> [Int] { places[rank].map { edges[$0] } ?? [] }

    private static func awaited(by node: Node, _ nodes: [Node], _ places: [Int: Int]) -> [Int] {
        guard !node.isHeld, let wait = node.wait else { return [] }
        let rank = node.rank
        if let peer = wait.peer { return peer == rank || places[peer] == nil ? [] : [peer] }
        let others = nodes.filter { other in
            other.rank != rank
                && (other.isHeld || other.wait?.wordOffset != wait.wordOffset
                    || other.wait?.operation != wait.operation)
        }
        // Those that have ended their work need not come, unless there are no others.
        let living = others.filter { $0.life != .left }
        return (living.isEmpty ? others : living).map(\.rank)
    }

    /// Ranks that wait for a rank, or for one that waits for it; not itself.
    public func waiters(of rank: Int) -> [Int] {
        var found: Set<Int> = [rank]
        var isNew = true
        while isNew {
            isNew = false
            for node in nodes where !found.contains(node.rank) && awaited(by: node.rank).contains(where: found.contains)
            {
                found.insert(node.rank)
                isNew = true
            }
        }
        return found.subtracting([rank]).sorted()
    }

    /// Ranks each of which waits for the next, and the last for the first; nil where there are none. Waits that name their rank count before those
    /// of meetings.
    public var cycle: [Int]? {
        for isNamed in [true, false] {
            var done: Set<Int> = []
            for node in nodes where !done.contains(node.rank) {
                var path: [Int] = []
                if let cycle = walk(node.rank, isNamed, &path, &done) { return cycle }
            }
        }
        return nil
    }

    private func walk(_ rank: Int, _ isNamed: Bool, _ path: inout [Int], _ done: inout Set<Int>) -> [Int]? {
        if let start = path.firstIndex(of: rank) { return Array(path[start...]) }
        guard !done.contains(rank) else { return nil }
        path.append(rank)
        defer {
            path.removeLast()
            done.insert(rank)
        }
        guard let place = places[rank], !isNamed || nodes[place].wait?.peer != nil else { return nil }
        for next in awaited(by: rank) {
            if let cycle = walk(next, isNamed, &path, &done) { return cycle }
        }
        return nil
    }

    /// The rank that others wait for, at once or by others, and that waits for none itself: one that is gone before one that is stopped, before
    /// one that has not come, before one that computes; of those alike the one that most wait for. Nil if none waits, or they wait in a circle.
    public var root: Int? {
        let order: [Life] = [.gone, .stopped, .absent, .left, .computes, .sleeps]
        let named = Set(nodes.compactMap { $0.isHeld ? nil : $0.wait?.peer })
        let awaited = Set(edges.joined())
        let ends = nodes.filter { node in (node.isHeld || node.wait == nil) && awaited.contains(node.rank) }
        func weight(_ node: Node) -> (Int, Int, Int) {
            (order.firstIndex(of: node.life) ?? 0, named.contains(node.rank) ? 0 : 1, -waiters(of: node.rank).count)
        }
        return ends.min { weight($0) < weight($1) }?.rank
    }

    /// The longest wait for a rank, or for one that waits for it, in nanoseconds.
    public func longestWait(for rank: Int) -> UInt64 {
        waiters(of: rank).compactMap { places[$0].flatMap { nodes[$0].wait?.nanoseconds } }.max() ?? 0
    }

    /// Which ranks wait for a rank and since when, as a clause; empty if none does.
    public func clause(of rank: Int) -> String {
        let waiting = waiters(of: rank)
        guard let first = waiting.first else { return "" }
        let names = waiting.count == 1 ? "rank \(first) waits" : "ranks \(Self.list(waiting)) wait"
        return "\(names) for it, the longest for \(longestWait(for: rank) / 1_000_000) ms"
    }

    /// `0-2, 5`
    public static func list(_ ranks: [Int]) -> String {
        var parts: [(first: Int, last: Int)] = []
        for rank in ranks {
            if let last = parts.last, last.last + 1 == rank {
                parts[parts.count - 1].last = rank
            } else {
                parts.append((rank, rank))
            }
        }
        let shown = parts.prefix(6).map { $0.first == $0.last ? "\($0.first)" : "\($0.first)-\($0.last)" }
        return shown.joined(separator: ", ") + (parts.count > 6 ? ", ..." : "")
    }
}

extension WaitGraph.Life {
    /// By the state of the process as /proc has it, and what the die says of itself.
    public init(_ process: Character?, _ die: ControlBlock.DieState) {
        switch process {
        case "T", "t": self = .stopped
        case "Z", "X", nil: self = .gone
        default:
            switch die {
            case .absent: self = .absent
            case .left: self = .left
            case .running: self = process == "R" ? .computes : .sleeps
            }
        }
    }
}
