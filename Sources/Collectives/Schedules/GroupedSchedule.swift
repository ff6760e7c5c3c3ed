package import Fabric

/// The algorithms `twolevel` and `trampoline`: through one member of each group of neighbours, the first or another for each partner.
enum Groups: ShapedAlgorithm {
    case leaders, spread

    var name: StaticString { self == .spread ? "trampoline" : "twolevel" }
    var preference: Int { self == .spread ? 4 : 5 }
    var parameter: AlgorithmParameter? { .group }

    /// Leaders put blocks of all their members together, so for differing lengths each would have to know all lengths of its group.
    func carries(_ operation: CollectiveOperation) -> Bool {
        operation != .sendReceive && (self == .spread || operation != .allToAllV)
    }

    func schedule(_ shape: ScheduleShape, _ parameter: Double, sendOffsets: [Int]) -> GroupedSchedule {
        GroupedSchedule(shape, group: Int(parameter), isSpread: self == .spread, sendOffsets: sendOffsets)
    }

    func load(_ model: CostModel, _ operation: CollectiveOperation, _ size: Double, parameter: Double) -> Load {
        model.grouped(Int(parameter), self == .spread, operation, size)
    }
}

/// Everything between groups goes through one member of the group it is for, which hands it on inside.
///
/// Two forms differ in which member that is. In the *two-level* form it is always the first, the leader, which also speaks
/// for its group where that saves messages. In the *trampoline* form it depends on the partner: member i of any group deals with member
/// i mod r of a group of r, so that a member has about one partner in each group instead of all.
/// Inside a group every member deals with every other.
package struct GroupedSchedule: Schedule {
    let shape: ScheduleShape
    package let groups: Grouping
    /// Whether partners are spread over the members of a group, as in the trampoline form.
    let isSpread: Bool
    /// Where a member's blocks for each start, for an all-to-all of differing lengths.
    let sendOffsets: [Int]
    /// What goes from each to each, as far as a member knows it.
    var table: ExchangeTable?

    package init(_ shape: ScheduleShape, group: Int, isSpread: Bool, sendOffsets: [Int] = []) {
        self.shape = shape
        self.isSpread = isSpread
        self.sendOffsets = sendOffsets
        var groups = Grouping(size: shape.size, group: group)
        if shape.operation == .allToAll, !isSpread {
            // Wide groups would leave no room for pieces of a useful length.
            let useful = min(16, shape.block, shape.pieceLimit)
            while groups.width > 1, Self.exchangePiece(shape, groups) < useful {
                groups = Grouping(size: shape.size, group: groups.width - 1)
            }
        }
        self.groups = groups
    }

    package var algorithm: StaticString { (isSpread ? Groups.spread : .leaders).name }

    package var needsTable: Bool { shape.operation == .allToAllV }

    package mutating func readTable(_ me: Int, _ reader: some LengthReader) throws(FabricError) {
        let home = groups.group(of: me)
        var table = ExchangeTable(
            me: me, groups: groups, sendOffsets: sendOffsets,
            rows: Array(repeating: (0, 0), count: shape.size * groups.width))
        for sender in 0..<shape.size
        where sender == me || groups.group(of: sender) != home && relay(sender, home) == me {
            for member in groups.members(home) {
                table.rows[table.index(sender, member)] = try reader.length(from: sender, to: member)
            }
        }
        self.table = table
    }

    /// The member of a group that takes what a member outside sends there.
    package func relay(_ member: Int, _ group: Int) -> Int {
        groups.member(group, at: isSpread ? groups.index(of: member) : 0)
    }

    /// Whether one of two members of different groups takes what the other sends.
    private func areCrossPartners(_ first: Int, _ second: Int) -> Bool {
        relay(first, groups.group(of: second)) == second || relay(second, groups.group(of: first)) == first
    }

    private func areLeaders(_ first: Int, _ second: Int) -> Bool {
        groups.index(of: first) == 0 && groups.index(of: second) == 0
    }

    package func arePartners(_ first: Int, _ second: Int) -> Bool {
        guard first != second else { return false }
        let areTogether = groups.areTogether(first, second)
        switch shape.operation {
        case .allReduce, .reduceScatter, .reduce:
            return GroupedFold(shape, groups, isSpread: isSpread).arePartners(first, second)
        case .broadcast, .gather, .scatter:
            // The root and its group or the relays, or a relay and its own group.
            if first == shape.root || second == shape.root {
                let other = first == shape.root ? second : first
                return areTogether || relay(shape.root, groups.group(of: other)) == other
            }
            let home = groups.group(of: first)
            guard areTogether, home != groups.group(of: shape.root) else { return false }
            let relay = relay(shape.root, home)
            return first == relay || second == relay
        default:
            if areTogether { return true }
            return isSpread ? areCrossPartners(first, second) : areLeaders(first, second)
        }
    }

    package func emit(_ me: Int, _ sink: inout some StepSink) throws(FabricError) {
        switch shape.operation {
        case .barrier: try barrier(me, &sink)
        case .broadcast, .allGather, .allGatherV:
            if isSpread || shape.operation == .broadcast {
                try spreadGather(me, &sink)
            } else {
                try leaderGather(me, &sink)
            }
        case .gather: try gather(me, &sink)
        case .scatter: try scatter(me, &sink)
        case .allToAll, .allToAllV:
            if isSpread { try relayExchange(me, &sink) } else { try leaderExchange(me, &sink) }
        case .allReduce, .reduceScatter, .reduce: try GroupedFold(shape, groups, isSpread: isSpread).emit(me, &sink)
        default: preconditionFailure("the catalog says what groups carry")
        }
    }

    /// - two-level: to the leader, between leaders, from the leader.
    /// - trampoline: all of a group tell each other, then each tells its partners in the other groups. A member that has heard of one member
    ///   of each group has heard of all.
    private func barrier(_ me: Int, _ sink: inout some StepSink) throws(FabricError) {
        let mine = groups.members(groups.group(of: me))
        if isSpread {
            for member in mine where member != me { try sink.signal(member) }
            for member in mine where member != me { try sink.wait(member) }
            let partners = (0..<shape.size).lazy.filter { !mine.contains($0) && areCrossPartners(me, $0) }
            for member in partners { try sink.signal(member) }
            for member in partners { try sink.wait(member) }
            return
        }
        let leader = mine.lowerBound
        if me != leader {
            // To the leader, and from it when all have come.
            try sink.signal(leader)
            return try sink.wait(leader)
        }
        for member in mine.dropFirst() { try sink.wait(member) }
        let home = groups.group(of: me)
        for group in groups.ahead(home) { try sink.signal(group * groups.width) }
        for group in groups.ahead(home) { try sink.wait(group * groups.width) }
        for member in mine.dropFirst() { try sink.signal(member) }
    }
}

/// Members in groups of neighbours: the dies of a server, or as near as a team comes to that.
package struct Grouping: Sendable, Equatable {
    /// Members in all groups.
    package let size: Int
    /// Members of each group but the last, which may be smaller.
    package let width: Int

    /// Groups of at most `group` members: fewer where a team of 4 or more would be a single group.
    package init(size: Int, group: Int) {
        self.size = size
        width = max(1, min(group, size >= 4 ? (size + 1) / 2 : size))
    }

    package var count: Int { (size + width - 1) / width }
    /// Members of the last group, which is the smallest.
    var smallest: Int { size - (count - 1) * width }

    package func group(of member: Int) -> Int { member / width }
    func index(of member: Int) -> Int { member % width }
    package func members(_ group: Int) -> Range<Int> { group * width..<min(size, (group + 1) * width) }
    func areTogether(_ first: Int, _ second: Int) -> Bool { group(of: first) == group(of: second) }

    /// The member of a group at an index, round and round.
    func member(_ group: Int, at index: Int) -> Int {
        let members = members(group)
        return members.lowerBound + index % members.count
    }

    /// The other members of a member's group in rotated order, and that member last if it is asked for.
    func others(_ me: Int, andItself: Bool = false) -> Rotation {
        let mine = members(group(of: me))
        return Rotation(of: mine.count, after: me - mine.lowerBound, from: mine.lowerBound, andItself: andItself)
    }

    /// The other groups in rotated order; and the same the other way round, in which what those send comes.
    func ahead(_ home: Int) -> Rotation { Rotation(of: count, after: home) }
    func behind(_ home: Int) -> Rotation { Rotation(of: count, after: home, stride: count - 1) }
}
