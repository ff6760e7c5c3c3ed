/// A reduction along the ring: accumulators go 0 -> 1 -> ... -> n - 1, each member folds in its own elements, and the last has the result.
///
/// That is member order, with the accumulators that any other algorithm has in one place, so the bits are theirs. Units follow each other
/// through the ring. From the last the result goes on round the ring (all-reduce), or straight to its owner.
///
/// ## Staging of each member
/// Two areas for accumulators that arrive, of alternating units, and one for those that leave. A unit may be written after the
/// event that says that the one before last was folded.
struct RingFold {
    let shape: ScheduleShape
    let units: FoldUnits

    init(_ shape: ScheduleShape) {
        self.shape = shape
        units = FoldUnits(shape, areas: 3)
    }

    private var last: Int { shape.size - 1 }
    private var outgoing: Place { .staging(2 * units.areaByteCount) }

    func emit<Sink: StepSink>(_ me: Int, _ sink: inout Sink) throws(Sink.Failure) {
        // Results follow so far behind that nobody waits for one before it has passed on what it is made of.
        let lag = shape.operation == .allReduce ? shape.size : 0
        for index in 0..<units.count + lag {
            if index < units.count { try fold(me, index, &sink) }
            if shape.operation == .allReduce, index >= lag { try handOn(me, index - lag, &sink) }
        }
    }

    private func fold<Sink: StepSink>(_ me: Int, _ index: Int, _ sink: inout Sink) throws(Sink.Failure) {
        let unit = units.unit(index)
        let incoming = Place.staging(index % 2 * units.areaByteCount)
        let owner = shape.operation == .reduceScatter ? unit.block : shape.operation == .reduce ? shape.root : last
        let result = Place.destination(unit.start)
        if me > 0 { try sink.take(.wait(me - 1)) }
        try sink.take(
            .fold(
                FoldStep(
                    carry: me > 0 ? incoming : nil, members: me..<me + 1,
                    start: unit.block * units.block + unit.start, byteCount: unit.byteCount,
                    into: me == last && owner == me ? result : outgoing, isFinal: me == last, scratch: outgoing)))
        if me > 0, index + 2 < units.count { try sink.take(.signal(me - 1)) }
        if me < last {
            if index >= 2 { try sink.take(.wait(me + 1)) }
            try sink.take(
                .put(
                    me + 1, from: outgoing, to: incoming,
                    byteCount: units.accumulatorByteCount(unit.byteCount)))
            try sink.take(.signal(me + 1))
        } else if owner != me {
            try sink.take(.put(owner, from: outgoing, to: result, byteCount: unit.byteCount))
        }
    }

    /// Passes a unit of the result to the next: n - 1 -> 0 -> ... -> n - 2, which passes nothing and so is told nothing.
    private func handOn<Sink: StepSink>(_ me: Int, _ index: Int, _ sink: inout Sink) throws(Sink.Failure) {
        guard me != last - 1, shape.size > 1 else { return }
        let unit = units.unit(index)
        let place = Place.destination(unit.start)
        let right = (me + 1) % shape.size
        if me != last { try sink.take(.wait((me + last) % shape.size)) }
        try sink.take(.put(right, from: place, to: place, byteCount: unit.byteCount))
        if right < last - 1 { try sink.take(.signal(right)) }
    }
}
