/// Everything goes from each member to the next, piece by piece.
///
/// Each member has two neighbours and no other partner, but where a reduction is delivered. Blocks go straight into place,
/// so a piece is handed on from the destination as soon as it is there. An all-to-all, gather or scatter is not carried: every
/// block would be copied by all members between its two ends, and the link of the root would carry no less than without.
package struct RingSchedule: Schedule {
    let shape: ScheduleShape

    package init(_ shape: ScheduleShape) { self.shape = shape }

    private var size: Int { shape.size }

    package func arePartners(_ first: Int, _ second: Int) -> Bool {
        guard first != second else { return false }
        let areNeighbours = (first + 1) % size == second || (second + 1) % size == first
        let last = size - 1
        switch shape.operation {
        case .broadcast:
            return (first + 1) % size == second && second != shape.root
                || (second + 1) % size == first && first != shape.root
        case .reduce:
            let delivers = first == last && second == shape.root || second == last && first == shape.root
            return abs(first - second) == 1 || delivers
        case .reduceScatter: return abs(first - second) == 1 || first == last || second == last
        default: return areNeighbours
        }
    }

    package func emit<Sink: StepSink>(_ me: Int, _ sink: inout Sink) throws(Sink.Failure) {
        switch shape.operation {
        case .barrier: try barrier(me, &sink)
        case .broadcast: try broadcast(me, &sink)
        case .allGather, .allGatherV: try allGather(me, &sink)
        case .allReduce, .reduceScatter, .reduce: try RingFold(shape).emit(me, &sink)
        default: preconditionFailure("the catalog says what a ring carries")
        }
    }

    /// A token goes round twice: first it finds that all have come, then it tells.
    private func barrier<Sink: StepSink>(_ me: Int, _ sink: inout Sink) throws(Sink.Failure) {
        guard size > 1 else { return }
        let left = (me + size - 1) % size
        let right = (me + 1) % size
        if me > 0 { try sink.take(.wait(left)) }
        try sink.take(.signal(right))
        try sink.take(.wait(left))
        if me < size - 1 { try sink.take(.signal(right)) }
    }

    private func broadcast<Sink: StepSink>(_ me: Int, _ sink: inout Sink) throws(Sink.Failure) {
        let position = (me + size - shape.root) % size
        let left = (me + size - 1) % size
        let right = (me + 1) % size
        for round in 0..<shape.rounds(limit: shape.pieceLimit) {
            let (start, byteCount) = shape.piece(shape.block, round, limit: shape.pieceLimit)
            let from = position == 0 ? Place.source(start) : .destination(start)
            // The last hands nothing on, so nobody tells it piece by piece.
            if position > 0, position < size - 1 { try sink.take(.wait(left)) }
            if position < size - 1 {
                try sink.take(.put(right, from: from, to: .destination(start), byteCount: byteCount))
                if position + 1 < size - 1 { try sink.take(.signal(right)) }
            }
            if position == 0 { try sink.take(.copy(from: from, to: .destination(start), byteCount: byteCount)) }
        }
    }

    private func allGather<Sink: StepSink>(_ me: Int, _ sink: inout Sink) throws(Sink.Failure) {
        let left = (me + size - 1) % size
        let right = (me + 1) % size
        for round in 0..<shape.rounds(limit: shape.pieceLimit) {
            for step in 0..<size {
                let member = (me + size - step) % size
                let block = shape.block(of: member)
                let piece = shape.piece(block.byteCount, round, limit: shape.pieceLimit)
                guard piece.byteCount > 0 else { continue }
                let place = Place.destination(block.start + piece.start)
                if step == 0 {
                    try sink.take(.copy(from: .source(piece.start), to: place, byteCount: piece.byteCount))
                } else if step < size - 1 {
                    try sink.take(.wait(left))
                }
                guard step < size - 1 else { continue }
                try sink.take(.put(right, from: place, to: place, byteCount: piece.byteCount))
                if step + 1 < size - 1 { try sink.take(.signal(right)) }
            }
        }
    }
}
