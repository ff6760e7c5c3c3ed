internal import Fabric
internal import Kernels
internal import Tensors

// One piece of the work, of whichever members it is. Offsets are compared with the window whenever they are read.

extension Cooperative {
    private func source(_ member: Int) throws(FabricError) -> Int { try posts.place(member).source }
    private func destination(_ member: Int) throws(FabricError) -> Int { try posts.place(member).destination }

    /// This member's part: its own destination, the own slice of a reduction, or what it has for the root.
    func doOwnPart() throws(FabricError) {
        let me = team.rank
        let block = call.blockByteCount(size)
        switch call.operation {
        case .allReduce, .reduce:
            let total = call.source.byteCount
            // Slices start on lines of their own.
            let slice = ((total + size - 1) / size + 63) / 64 * 64
            try fold(min(me * slice, total)..<min((me + 1) * slice, total), owner: nil)
        case .reduceScatter: try fold(me * block..<(me + 1) * block, owner: me)
        case .gather: try copy(from: me, source(me), to: call.root, destination(call.root) + me * block, block)
        case .barrier, .sendReceive: break
        case .broadcast: try copy(from: call.root, source(call.root), to: me, destination(me), block)
        case .scatter: try copy(from: call.root, source(call.root) + me * block, to: me, destination(me), block)
        case .allGather, .allGatherV:
            let place = call.incoming(from: me, size, me: me).start
            for start in stride(from: 0, to: call.source.byteCount, by: Work.copyByteCount) {
                try spread(me, start, min(Work.copyByteCount, call.source.byteCount - start)) { _ in place }
            }
        case .allToAllV:
            // Each writes what it has: where one receives most, all of them work for it.
            for step in 0..<size {
                let member = (me + step) % size
                let out = call.outgoing(to: member, size, me: me)
                let place = try posts.places(member).destination
                try copy(from: me, source(me) + out.start, to: member, place, out.byteCount)
            }
        case .allToAll:
            // In rotated order, so that each window is read by one at a time.
            for step in 0..<size {
                let member = (me + step) % size
                let into = call.incoming(from: member, size, me: me)
                let from = try posts.places(member).source
                try copy(from: member, from, to: me, destination(me) + into.start, into.byteCount)
            }
        }
    }

    /// Carries out a piece.
    ///
    /// - Throws: `.mismatch` where tables of an all-to-all contradict each other.
    func carryOut(_ piece: Int, _ work: Work) throws(FabricError) {
        let length = work.pieceByteCount
        let each = max(work.pieceCount / size, 1)
        switch call.operation {
        case .broadcast:
            try spread(call.root, piece * length, min(length, call.destination.byteCount - piece * length)) { _ in 0 }
        case .allGather:
            let start = piece % each * length
            let block = call.source.byteCount
            try spread(piece / each, start, min(length, block - start)) { _ in piece / each * block }
        case .allGatherV:
            let member = piece / each
            let start = piece % each * length
            let place = call.receiveOffsets[member]
            try spread(member, start, min(length, call.receiveOffsets[member + 1] - place - start)) { _ in place }
        case .allReduce, .reduce:
            try fold(piece * length..<min((piece + 1) * length, call.source.byteCount), owner: nil)
        case .reduceScatter:
            let block = call.destination.byteCount
            let start = piece % each * length
            let owner = piece / each
            try fold(owner * block + start..<owner * block + min(start + length, block), owner: owner)
        case .gather:
            let total = size * call.source.byteCount
            try fill(call.root, piece * length..<min((piece + 1) * length, total)) {
                (0, $0 * call.source.byteCount, call.source.byteCount)
            }
        case .scatter:
            let member = piece / each
            let block = call.destination.byteCount
            let start = piece % each * length
            try copy(
                from: call.root, source(call.root) + member * block + start, to: member, destination(member) + start,
                min(length, block - start))
        case .allToAll:
            let member = piece / each
            let block = call.source.byteCount / size
            let start = piece % each * length
            try fill(member, start..<min(start + length, call.source.byteCount)) { (member * block, $0 * block, block) }
        case .allToAllV:
            let member = piece / each
            let start = piece % each * length
            let end = Int(clamping: team.posted(by: member, Posts.destinationByteCountWord))
            try fillByTable(member, start..<max(start, min(start + length, end)))
        case .barrier, .sendReceive: break
        }
    }

    /// Bytes of one member's source to every destination; `place` says where its block starts there.
    private func spread(
        _ member: Int, _ start: Int, _ byteCount: Int, place: (Int) -> Int
    ) throws(FabricError) {
        guard byteCount > 0 else { return }
        let from = try source(member) + start
        for step in 0..<size {
            let target = (member + step) % size
            copy(
                from: member, from, to: target, try destination(target) + place(target) + start, byteCount)
        }
    }

    private func copy(from member: Int, _ offset: Int, to target: Int, _ place: Int, _ byteCount: Int) {
        guard byteCount > 0, member != target || offset != place else { return }
        for start in stride(from: 0, to: byteCount, by: Work.copyByteCount) {
            workspace.endpoint.copy(
                from: team.member(member), at: offset + start, byteCount: min(Work.copyByteCount, byteCount - start),
                to: team.member(target), at: place + start)
        }
    }

    /// A range of one member's destination from equal blocks; `block` gives, for a producer, where the block starts in its source, where in
    /// the destination, and how long it is.
    private func fill(
        _ member: Int, _ range: Range<Int>, block: (Int) -> (source: Int, place: Int, byteCount: Int)
    ) throws(FabricError) {
        let length = block(0).byteCount
        guard length > 0, !range.isEmpty else { return }
        let into = try destination(member)
        for producer in range.lowerBound / length...(range.upperBound - 1) / length {
            let (start, place, _) = block(producer)
            let low = max(range.lowerBound, place)
            let high = min(range.upperBound, place + length)
            copy(from: producer, try source(producer) + start + low - place, to: member, into + low, high - low)
        }
    }

    /// A range of one member's destination from blocks of differing lengths, as its own table and the producers' say.
    private func fillByTable(_ member: Int, _ range: Range<Int>) throws(FabricError) {
        let into = try destination(member)
        for producer in 0..<size {
            let taken = try posts.row(of: member, for: producer)
            let sent = try posts.row(of: producer, for: member)
            try posts.agree(producer: producer, sent.count, consumer: member, taken.length)
            let low = max(range.lowerBound, taken.place)
            let high = min(range.upperBound, taken.place + taken.length)
            copy(
                from: producer, try source(producer) + sent.start + low - taken.place, to: member, into + low,
                high - low)
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
            try foldPiece(start, byteCount, at: first, place)
            if call.operation == .allReduce {
                for step in 1..<max(size, 1) {
                    let member = (first + step) % size
                    copy(from: first, place, to: member, try destination(member) + start, byteCount)
                }
            }
            start += byteCount
        }
    }

    /// A piece of all sources, folded tile by tile into one destination.
    private func foldPiece(_ begin: Int, _ length: Int, at target: Int, _ place: Int) throws(FabricError) {
        let endpoint = workspace.endpoint
        let tileByteCount = ReductionTile.capacity(call.type) * call.type.byteCount
        // Looked at once a piece, and not for each tile of it.
        for member in 0..<size { workspace.legs[member].remoteSource = try source(member) }
        var start = begin
        while start < begin + length {
            let byteCount = min(tileByteCount, begin + length - start)
            for member in 0..<size {
                let offset = workspace.legs[member].remoteSource + start
                guard let bytes = endpoint.peerBytes(team.member(member), at: offset, byteCount: byteCount) else {
                    preconditionFailure("members of a near team are mapped")
                }
                if member == 0 {
                    workspace.tile.load(call.type, from: bytes)
                } else {
                    workspace.tile.accumulate(call.type, call.reduction, from: bytes)
                }
            }
            guard
                var bytes = endpoint.peerMutableBytes(
                    team.member(target), at: place + start - begin, byteCount: byteCount)
            else { preconditionFailure("members of a near team are mapped") }
            workspace.tile.store(call.type, into: &bytes)
            start += byteCount
        }
    }
}
