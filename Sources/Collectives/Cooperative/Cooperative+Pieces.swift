internal import Fabric
internal import Kernels
internal import Tensors

// One piece of the work, of whichever members it is. Offsets are compared with the window whenever they are read.

extension Cooperative {
    private func source(_ member: Int) throws(FabricError) -> Int { try descriptors.place(member).source }
    private func destination(_ member: Int) throws(FabricError) -> Int { try descriptors.place(member).destination }

    /// This member's part: its own destination, the own slice of a reduction, or what it has for others.
    func doOwnPart() throws(FabricError) {
        let me = team.rank
        switch call.operation {
        case .allReduce, .reduce:
            let total = call.source.byteCount
            let slice = call.sliceByteCount(size)
            try fold(min(me * slice, total)..<min((me + 1) * slice, total), owner: nil)
        case .reduceScatter:
            let block = call.destination.byteCount
            try fold(me * block..<(me + 1) * block, owner: me)
        case .broadcast, .scatter, .allToAll: try fill(me, 0..<call.destination.byteCount)
        case .allGather, .allGatherV:
            for start in stride(from: 0, to: call.source.byteCount, by: Work.copyByteCount) {
                try spread(me, start, Work.copyByteCount)
            }
        case .gather, .allToAllV:
            // Each writes what it has: where one receives most, all of them work for it.
            for step in 0..<size {
                let member = (me + step) % size
                let out = call.outgoing(to: member, size, me: me)
                guard out.byteCount > 0 else { continue }
                let place = try descriptors.places(member).destination
                try copy(from: me, source(me) + out.start, to: member, place, out.byteCount)
            }
        case .barrier, .sendReceive: break
        }
    }

    /// Carries out a piece.
    ///
    /// - Throws: `.mismatch` where tables of an all-to-all contradict each other.
    func carryOut(_ piece: Int, _ work: Work) throws(FabricError) {
        let length = work.pieceByteCount
        // Whose bytes it is of, where the work is cut by member, and where it starts in those.
        let member = piece / work.piecesEach
        let start = piece % work.piecesEach * length
        func range(_ end: Int) -> Range<Int> { start..<max(start, min(start + length, end)) }
        switch call.operation {
        case .broadcast: try spread(call.root, start, length)
        case .allGather, .allGatherV: try spread(member, start, length)
        case .allReduce, .reduce: try fold(range(call.source.byteCount), owner: nil)
        case .reduceScatter:
            let block = call.destination.byteCount
            let own = range(block)
            try fold(member * block + own.lowerBound..<member * block + own.upperBound, owner: member)
        case .gather: try fill(call.root, range(size * call.source.byteCount))
        case .scatter, .allToAll: try fill(member, range(call.destination.byteCount))
        case .allToAllV:
            let end = Int(clamping: team.posted(by: member, CallDescriptors.destinationByteCountWord))
            try fill(member, range(end))
        case .barrier, .sendReceive: break
        }
    }

    /// At most so many bytes of one member's source to every destination, where it goes to the same place at all.
    private func spread(_ member: Int, _ start: Int, _ limit: Int) throws(FabricError) {
        let block = call.incoming(from: member, size, me: team.rank)
        let byteCount = min(limit, block.byteCount - start)
        guard byteCount > 0 else { return }
        let from = try source(member) + start
        for step in 0..<size {
            let target = (member + step) % size
            copy(from: member, from, to: target, try destination(target) + block.start + start, byteCount)
        }
    }

    /// A range of one member's destination from the sources it comes from, in rotated order, so that each window is read by one at a time.
    private func fill(_ member: Int, _ range: Range<Int>) throws(FabricError) {
        let into = try destination(member)
        for step in 0..<size {
            let producer = (member + step) % size
            let part = try part(of: producer, for: member)
            let low = max(range.lowerBound, part.place)
            let high = min(range.upperBound, part.place + part.byteCount)
            guard low < high else { continue }
            copy(
                from: producer, try source(producer) + part.start + low - part.place, to: member, into + low,
                high - low)
        }
    }

    /// Where a producer's bytes for a member start in its source, where they go in the member's destination, and how many they are: as
    /// the call says, or the tables of both, which are compared.
    private func part(
        of producer: Int, for member: Int
    ) throws(FabricError) -> (start: Int, place: Int, byteCount: Int) {
        guard call.operation == .allToAllV else {
            let into = call.incoming(from: producer, size, me: member)
            return (call.outgoing(to: member, size, me: producer).start, into.start, into.byteCount)
        }
        let taken = try descriptors.row(of: member, for: producer)
        let sent = try descriptors.row(of: producer, for: member)
        try descriptors.agree(producer: producer, sent.count, consumer: member, taken.length)
        return (sent.start, taken.place, taken.length)
    }

    private func copy(from member: Int, _ offset: Int, to target: Int, _ place: Int, _ byteCount: Int) {
        guard byteCount > 0, member != target || offset != place else { return }
        for start in stride(from: 0, to: byteCount, by: Work.copyByteCount) {
            workspace.endpoint.copy(
                from: team[member], at: offset + start, byteCount: min(Work.copyByteCount, byteCount - start),
                to: team[target], at: place + start)
        }
    }

    /// A range of the sources, folded in member order and written wherever it is wanted.
    ///
    /// Folded to one destination, a piece at a time, and copied from there to the others while it is in cache.
    private func fold(_ range: Range<Int>, owner: Int?) throws(FabricError) {
        let block = owner.map { $0 * call.destination.byteCount } ?? 0
        let first = owner ?? (call.operation == .reduce ? call.root : team.rank)
        var start = range.lowerBound
        while start < range.upperBound {
            let byteCount = min(Work.foldByteCount, range.upperBound - start)
            let place = try destination(first) + start - block
            try workspace.fold(call, 0..<size, byteCount: byteCount, into: (team[first], place)) {
                (member) throws(FabricError) in (team[member], try source(member) + start)
            }
            if call.operation == .allReduce {
                for step in 1..<max(size, 1) {
                    let member = (first + step) % size
                    copy(from: first, place, to: member, try destination(member) + start, byteCount)
                }
            }
            start += byteCount
        }
    }
}
