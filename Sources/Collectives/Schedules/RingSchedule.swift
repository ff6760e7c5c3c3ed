package import Fabric

/// The algorithm `ring`: everything from each member to the next.
struct Ring: ShapedAlgorithm {
    var name: StaticString { "ring" }
    var preference: Int { 6 }

    /// Nothing is sent round that is for one member only.
    func carries(_ operation: CollectiveOperation) -> Bool {
        switch operation {
        case .allToAll, .allToAllV, .gather, .scatter, .sendReceive: false
        default: true
        }
    }

    func schedule(_ shape: ScheduleShape, _ parameter: Double, sendOffsets: [Int]) -> RingSchedule {
        RingSchedule(shape)
    }

    func load(_ model: CostModel, _ operation: CollectiveOperation, _ size: Double, parameter: Double) -> Load {
        model.ring(operation, size)
    }
}

/// Everything goes from each member to the next, piece by piece.
///
/// Each member has two neighbours and no other partner, but where a reduction is delivered. Blocks go straight into place,
/// so a piece is handed on from the destination as soon as it is there. An all-to-all, gather or scatter is not carried: every
/// block would be copied by all members between its two ends, and the link of the root would carry no less than without.
package struct RingSchedule: Schedule {
    let shape: ScheduleShape

    package init(_ shape: ScheduleShape) { self.shape = shape }

    package var algorithm: StaticString { "ring" }

    private var size: Int { shape.size }
    private func left(of me: Int) -> Int { (me + size - 1) % size }
    private func right(of me: Int) -> Int { (me + 1) % size }
    /// Folds along the line 0 -> 1 -> ... -> n - 1, each member a group.
    private var line: GroupedFold { GroupedFold(shape, Grouping(size: size, group: 1), isSpread: false) }

    package func arePartners(_ first: Int, _ second: Int) -> Bool {
        guard first != second else { return false }
        let areNeighbours = (first + 1) % size == second || (second + 1) % size == first
        switch shape.operation {
        case .broadcast:
            return (first + 1) % size == second && second != shape.root
                || (second + 1) % size == first && first != shape.root
        case .reduce, .reduceScatter: return line.arePartners(first, second)
        default: return areNeighbours
        }
    }

    package func emit(_ me: Int, _ sink: inout some StepSink) throws(FabricError) {
        switch shape.operation {
        case .barrier: try barrier(me, &sink)
        case .broadcast, .allGather, .allGatherV: try spread(me, &sink)
        case .allReduce: try allReduce(me, &sink)
        case .reduceScatter, .reduce: try line.emit(me, &sink)
        default: preconditionFailure("the catalog says what a ring carries")
        }
    }

    /// A token goes round twice: first it finds that all have come, then it tells.
    private func barrier(_ me: Int, _ sink: inout some StepSink) throws(FabricError) {
        guard size > 1 else { return }
        let (left, right) = (left(of: me), right(of: me))
        if me > 0 { try sink.wait(left) }
        try sink.signal(right)
        try sink.wait(left)
        if me < size - 1 { try sink.signal(right) }
    }

    /// Each block goes round from its owner, a piece of each in turn; of a broadcast the root's alone.
    private func spread(_ me: Int, _ sink: inout some StepSink) throws(FabricError) {
        for round in 0..<shape.rounds(limit: shape.pieceLimit) {
            for step in 0..<size {
                let block = shape.block(of: (me + size - step) % size)
                let piece = shape.piece(block.byteCount, round, limit: shape.pieceLimit)
                guard piece.byteCount > 0 else { continue }
                let place = Place.destination(block.start + piece.start)
                let from = step == 0 ? Place.source(piece.start) : place
                // To the right as soon as it is here. The last hands nothing on, so it is told nothing before the end.
                if step < size - 1 {
                    if step > 0 { try sink.wait(left(of: me)) }
                    try sink.put(right(of: me), from: from, to: place, piece.byteCount)
                    if step + 1 < size - 1 { try sink.signal(right(of: me)) }
                }
                if step == 0 { try sink.copy(from: from, to: place, piece.byteCount) }
            }
        }
    }

    /// Accumulators go along the line, and each unit of the result goes on round the ring from the last member, which has it.
    private func allReduce(_ me: Int, _ sink: inout some StepSink) throws(FabricError) {
        let line = line
        // Results follow so far behind that no member waits for one before it has passed on what it is made of.
        for index in 0..<line.count + size {
            if index < line.count { try line.fold(me, index, &sink) }
            if index >= size { try handOn(me, line.unit(index - size), &sink) }
        }
    }

    /// Passes a unit of the result to the next: n - 1 -> 0 -> ... -> n - 2, which passes nothing and so is told nothing.
    private func handOn(
        _ me: Int, _ unit: (block: Int, start: Int, byteCount: Int), _ sink: inout some StepSink
    ) throws(FabricError) {
        guard me != size - 2, size > 1 else { return }
        let place = Place.destination(unit.start)
        let right = right(of: me)
        if me != size - 1 { try sink.wait(left(of: me)) }
        try sink.put(right, from: place, to: place, unit.byteCount)
        if right < size - 2 { try sink.signal(right) }
    }
}
