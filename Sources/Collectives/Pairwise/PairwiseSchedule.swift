package import Fabric

/// The algorithms `push`, `pull` and `concurrent`: each pair of partners for itself.
enum Pairwise: CollectiveImplementation {
    case push, pull, concurrent

    var name: StaticString { direction(0).name }
    var preference: Int { self == .pull ? 1 : self == .push ? 2 : 3 }
    var parameter: AlgorithmParameter? { self == .concurrent ? .fraction : nil }

    private func direction(_ fraction: Double) -> TransferDirection {
        switch self {
        case .push: .push
        case .pull: .pull
        case .concurrent: .concurrent(fraction: fraction)
        }
    }

    func carries(_ operation: CollectiveOperation) -> Bool { true }

    @inline(__always)
    func begin(_ call: CollectiveCall, on collective: Collective) -> ScheduleRun<PairwiseSchedule> {
        let schedule = PairwiseSchedule(
            call, collective.team, direction(call.algorithm.parameter),
            slotByteCount: collective.workspace.slotByteCount(size: collective.team.size))
        return ScheduleRun(call, on: collective, schedule)
    }

    func load(_ model: CostModel, _ operation: CollectiveOperation, _ size: Double, parameter: Double) -> Load {
        model.pairwise(direction(parameter), operation, size)
    }
}

/// Each member moves its own bytes: it pushes what it has for others and pulls what others have for it, or a part of each block each way.
///
/// Where all windows are mapped, members meet before and after; elsewhere each pair has announcements and events of its own, and so have the
/// two of a send and a receive. Over a network nothing blocks: bytes for all partners are on their way before any have arrived.
///
/// - Complexity: two meetings; or, for p partners, 2 p events and 2 p waits. The bytes of each block cross once; own bytes are copied.
///   Reductions: see ``PairwiseReduction``.
package struct PairwiseSchedule: Schedule {
    let call: CollectiveCall
    let direction: TransferDirection
    let size: Int
    /// Whether all windows are mapped.
    let isNear: Bool
    package let usesRendezvous: Bool
    /// Bytes of staging for what one member pushes.
    let slotByteCount: Int

    @inline(__always)
    init(_ call: CollectiveCall, _ team: Team, _ direction: TransferDirection, slotByteCount: Int) {
        self.call = call
        self.direction = direction
        isNear = team.isNear
        self.slotByteCount = slotByteCount
        size = team.size
        usesRendezvous = team.isNear && call.operation != .sendReceive && call.operation != .barrier
    }

    package var algorithm: StaticString { direction.name }

    package func arePartners(_ first: Int, _ second: Int) -> Bool { call.arePartners(first, second) }

    /// Only what passes between the two, but of reductions all.
    package func block(_ me: Int, _ partner: Int) -> PartnerBlock? {
        var block = PartnerBlock()
        if call.operation.isReduction {
            block.outOffset = call.source.offset
            block.outByteCount = call.source.byteCount
            // Without a gather no partner writes to the result; its length is still compared.
            block.inOffset = call.operation == .allReduce ? call.destination.offset : 0
            block.inByteCount = call.source.byteCount
        } else {
            let out = call.outgoing(to: partner, size, me: me)
            let into = call.incoming(from: partner, size, me: me)
            block.outOffset = call.source.offset + out.start
            block.outByteCount = out.byteCount
            block.inOffset = call.destination.offset + into.start
            block.inByteCount = into.byteCount
        }
        return block
    }

    package func emit(_ me: Int, _ sink: inout some StepSink) throws(FabricError) {
        switch call.operation {
        case .barrier: try barrier(me, &sink)
        case .allReduce, .reduceScatter, .reduce: try PairwiseReduction(self, me).emit(&sink)
        default: try exchange(me, &sink)
        }
    }

    /// - push: each member sends one event to each other and waits for one from each: one hop, n - 1 events, n - 1 waits.
    /// - pull: the team's own barrier, in which each member reads from a counter how many have come.
    ///
    /// As any transfer of at most 512 bytes, the concurrent form is the pushed one.
    private func barrier(_ me: Int, _ sink: inout some StepSink) throws(FabricError) {
        guard direction.pushes, size > 1 else { return try sink.take(.sync) }
        for member in Rotation(of: size, after: me) { try sink.signal(member) }
        for member in Rotation(of: size, after: me) { try sink.wait(member) }
    }

    /// In one pass over the others in rotated order, at step k this die pushes its part of the block for member me + k and pulls its part
    /// of the block of member me - k: each window is written by one and read by one at a time, and the two halves of a block move at the
    /// same moment.
    private func exchange(_ me: Int, _ sink: inout some StepSink) throws(FabricError) {
        // The own block first.
        let out = call.outgoing(to: me, size, me: me)
        let into = call.incoming(from: me, size, me: me)
        if out.byteCount > 0 { try sink.copy(from: .source(out.start), to: .destination(into.start), out.byteCount) }
        for step in 1..<max(size, 1) {
            let (target, origin) = ((me + step) % size, (me + size - step) % size)
            let (out, into) = (call.outgoing(to: target, size, me: me), call.incoming(from: origin, size, me: me))
            let pushed = direction.pushedByteCount(of: into.byteCount)
            // The first part of a block is pushed to where its consumer said it goes; the rest is pulled from where its producer said it lies.
            try sink.take(
                .exchange(
                    push: Move(
                        member: target, here: .source(out.start), there: .destination(0),
                        byteCount: direction.pushedByteCount(of: out.byteCount)),
                    pull: Move(
                        member: origin, here: .destination(into.start + pushed), there: .source(pushed),
                        byteCount: into.byteCount - pushed)))
        }
        // What was pulled is here before the partners hear that it has been read.
        if direction.fraction < 1, !usesRendezvous { try sink.take(.complete) }
    }
}
