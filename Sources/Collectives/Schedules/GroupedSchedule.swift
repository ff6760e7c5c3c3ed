/// Everything between groups goes through one member of the group it is for, which hands it on inside.
///
/// Two forms differ in which member that is. In the *two-level* form it is always the first, the leader, which also speaks
/// for its group where that saves messages. In the *trampoline* form it depends on the partner: member i of any group deals with member
/// i mod r of a group of r, so that a member has about one partner in each group instead of all.
/// Inside a group everybody deals with everybody.
package struct GroupedSchedule: Schedule {
    let shape: ScheduleShape
    package let groups: Grouping
    /// Whether partners are spread over the members of a group, as in the trampoline form.
    let isSpread: Bool

    package init(_ shape: ScheduleShape, group: Int, isSpread: Bool) {
        self.shape = shape
        self.isSpread = isSpread
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
        case .allReduce, .reduceScatter, .reduce: return GroupedFold(self).arePartners(first, second)
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

    package func emit<Sink: StepSink>(_ me: Int, _ sink: inout Sink) throws(Sink.Failure) {
        switch shape.operation {
        case .barrier: try barrier(me, &sink)
        case .broadcast: try broadcast(me, &sink)
        case .allGather, .allGatherV:
            if isSpread { try spreadGather(me, &sink) } else { try leaderGather(me, &sink) }
        case .gather: try gather(me, &sink)
        case .scatter: try scatter(me, &sink)
        case .allToAll:
            if isSpread {
                try TrampolineExchange(self, EqualBlocks(byteCount: shape.block)).emit(me, &sink)
            } else {
                try leaderExchange(me, &sink)
            }
        case .allReduce, .reduceScatter, .reduce: try GroupedFold(self).emit(me, &sink)
        default: preconditionFailure("the catalog says what groups carry")
        }
    }

    /// - two-level: to the leader, between leaders, from the leader.
    /// - trampoline: all of a group tell each other, then each tells its partners in the other groups. Whoever has heard of one member
    ///   of each group has heard of all.
    private func barrier<Sink: StepSink>(_ me: Int, _ sink: inout Sink) throws(Sink.Failure) {
        let mine = groups.members(groups.group(of: me))
        if isSpread {
            for member in mine where member != me { try sink.take(.signal(member)) }
            for member in mine where member != me { try sink.take(.wait(member)) }
            for member in 0..<shape.size where !mine.contains(member) && areCrossPartners(me, member) {
                try sink.take(.signal(member))
            }
            for member in 0..<shape.size where !mine.contains(member) && areCrossPartners(me, member) {
                try sink.take(.wait(member))
            }
            return
        }
        let leader = mine.lowerBound
        if me != leader {
            try sink.take(.signal(leader))
            return try sink.take(.wait(leader))
        }
        for member in mine.dropFirst() { try sink.take(.wait(member)) }
        for group in 0..<groups.count where !mine.contains(group * groups.width) {
            try sink.take(.signal(group * groups.width))
        }
        for group in 0..<groups.count where !mine.contains(group * groups.width) {
            try sink.take(.wait(group * groups.width))
        }
        for member in mine.dropFirst() { try sink.take(.signal(member)) }
    }
}
