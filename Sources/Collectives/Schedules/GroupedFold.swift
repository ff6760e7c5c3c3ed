internal import Fabric

/// A reduction by groups: one member of each group folds the elements of all of it, and accumulators go from group to group in member
/// order, so the bits are those of any other algorithm.
///
/// In the two-level form the leaders do that. In the trampoline form units are dealt out to lanes: lane l goes through
/// member l of each group (round and round in a smaller last group), so that all members fold and each has one partner
/// in the next group. A unit's result goes from the last group's folder to its owner (reduce, reduce-scatter, where the lane of a block is
/// its owner's index), or to the lane's member of each group, which hands it on inside (all-reduce).
///
/// With groups of one member it is the ring's reduction: 0 -> 1 -> ... -> n - 1.
///
/// ## Staging of each member
/// For each lane it may serve two areas for accumulators that arrive, of alternating units; then one for those that leave, and one
/// for what is fetched of other members' sources where those cannot be loaded.
struct GroupedFold {
    let shape: ScheduleShape
    let groups: Grouping
    let lanes: Int
    /// Lanes that a member of the smallest group serves.
    let lanesEach: Int
    /// Bytes of staging for the accumulators of one unit, and source bytes of a unit but the last of a block.
    private let areaByteCount: Int
    private let unitByteCount: Int
    /// Units of a block; there is a block for each member in a reduce-scatter, or one.
    private let unitsPerBlock: Int

    init(_ shape: ScheduleShape, _ groups: Grouping, isSpread: Bool) {
        self.shape = shape
        self.groups = groups
        lanes = isSpread ? groups.width : 1
        lanesEach = ScheduleShape.quotient(lanes, groups.smallest)
        // Units whose accumulators fit the areas. Members that are a group each fetch nothing.
        areaByteCount = shape.staging / (2 * lanesEach + (groups.width > 1 ? 2 : 1)) / 64 * 64
        precondition(areaByteCount >= 64, "a workspace has 512 bytes for each member")
        unitByteCount = min(areaByteCount, shape.pieceLimit) / shape.accumulator * shape.element
        unitsPerBlock = ScheduleShape.quotient(shape.block, unitByteCount)
    }

    /// Units in all.
    var count: Int { (shape.operation == .reduceScatter ? shape.size : 1) * unitsPerBlock }

    /// The block a unit belongs to, where it starts in that block, and how long it is.
    func unit(_ index: Int) -> (block: Int, start: Int, byteCount: Int) {
        let start = index % unitsPerBlock * unitByteCount
        return (index / unitsPerBlock, start, min(unitByteCount, shape.block - start))
    }

    private var lastGroup: Int { groups.count - 1 }
    private var outgoing: Place { .staging(2 * lanesEach * areaByteCount) }
    private var scratch: Place { .staging((2 * lanesEach + 1) * areaByteCount) }

    /// The lane that a unit goes by, and its number in that lane.
    private func lane(_ index: Int) -> (lane: Int, ordinal: Int) {
        guard shape.operation == .reduceScatter, lanes > 1 else { return (index % lanes, index / lanes) }
        let block = index / unitsPerBlock
        return (groups.index(of: block), groups.group(of: block) * unitsPerBlock + index % unitsPerBlock)
    }

    /// Units that go by a lane.
    private func count(by lane: Int) -> Int {
        guard shape.operation == .reduceScatter, lanes > 1 else {
            return lane < count ? (count - lane - 1) / lanes + 1 : 0
        }
        return (lane < groups.smallest ? groups.count : lastGroup) * unitsPerBlock
    }

    private func folder(_ lane: Int, _ group: Int) -> Int { groups.member(group, at: lane) }

    /// The lane by which members of two groups deal, if there is one. At most one of the groups is smaller than there are lanes.
    private func shareLane(_ first: Int, _ second: Int) -> Bool {
        let lane = max(groups.index(of: first), groups.index(of: second))
        return lane < lanes && folder(lane, groups.group(of: first)) == first
            && folder(lane, groups.group(of: second)) == second
    }

    /// The last group's folder of a lane, and the member that takes its results.
    private func delivers(_ first: Int, _ second: Int) -> Bool {
        guard groups.group(of: first) == lastGroup else { return false }
        switch shape.operation {
        case .allReduce: return shareLane(first, second)
        case .reduceScatter: return folder(lanes > 1 ? groups.index(of: second) : 0, lastGroup) == first
        default: return second == shape.root && groups.index(of: first) < lanes
        }
    }

    func arePartners(_ first: Int, _ second: Int) -> Bool {
        if delivers(first, second) || delivers(second, first) { return true }
        if groups.areTogether(first, second) { return min(groups.index(of: first), groups.index(of: second)) < lanes }
        return abs(groups.group(of: first) - groups.group(of: second)) == 1 && shareLane(first, second)
    }

    func emit(_ me: Int, _ sink: inout some StepSink) throws(FabricError) {
        let home = groups.group(of: me)
        for index in 0..<count where folder(lane(index).lane, home) == me { try fold(me, index, &sink) }
        guard shape.operation == .allReduce else { return }
        for index in 0..<count where folder(lane(index).lane, home) == me { try spread(me, index, &sink) }
    }

    /// One unit: accumulators come from the group before, this group's elements are folded in, and they go to the next group.
    func fold(_ me: Int, _ index: Int, _ sink: inout some StepSink) throws(FabricError) {
        let home = groups.group(of: me)
        let mine = groups.members(home)
        let unit = self.unit(index)
        let (lane, ordinal) = lane(index)
        let owner = shape.operation == .reduceScatter ? unit.block : shape.operation == .reduce ? shape.root : me
        let result = Place.destination(unit.start)
        let isLast = home == lastGroup
        if home > 0 { try sink.wait(folder(lane, home - 1)) }
        try sink.take(
            .fold(
                FoldStep(
                    carry: home > 0 ? incoming(lane, ordinal, home) : nil, members: mine,
                    start: unit.block * shape.block + unit.start, byteCount: unit.byteCount,
                    into: isLast && owner == me ? result : outgoing, isFinal: isLast, input: .windows(scratch: scratch))
            ))
        if home > 0, ordinal + 2 < count(by: lane) { try sink.signal(folder(lane, home - 1)) }
        if !isLast {
            let next = folder(lane, home + 1)
            if ordinal >= 2 { try sink.wait(next) }
            try sink.put(
                next, from: outgoing, to: incoming(lane, ordinal, home + 1),
                unit.byteCount / shape.element * shape.accumulator)
            try sink.signal(next)
        } else if owner != me {
            try sink.put(owner, from: outgoing, to: result, unit.byteCount)
        }
    }

    private func incoming(_ lane: Int, _ ordinal: Int, _ group: Int) -> Place {
        .staging((2 * (lane / groups.members(group).count) + ordinal % 2) * areaByteCount)
    }

    /// A unit of the result to all members: to each group once, then inside.
    private func spread(_ me: Int, _ index: Int, _ sink: inout some StepSink) throws(FabricError) {
        let home = groups.group(of: me)
        let mine = groups.members(home)
        let unit = self.unit(index)
        let lane = lane(index).lane
        let place = Place.destination(unit.start)
        if home == lastGroup {
            for group in 0..<lastGroup {
                let other = folder(lane, group)
                try sink.put(other, from: place, to: place, unit.byteCount)
                if groups.members(group).count > 1 { try sink.signal(other) }
            }
        } else if mine.count > 1 {
            try sink.wait(folder(lane, lastGroup))
        }
        for member in groups.others(me) { try sink.put(member, from: place, to: place, unit.byteCount) }
    }
}
