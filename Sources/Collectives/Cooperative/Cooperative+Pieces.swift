internal import Fabric
internal import Kernels
internal import Tensors

// One piece of the work, of whichever members it is. Offsets were compared with the window by the last arriver.

extension Cooperative {
    private func source(_ member: Int) -> Int { Int(clamping: team.posted(by: member, Post.source)) }
    private func destination(_ member: Int) -> Int { Int(clamping: team.posted(by: member, Post.destination)) }

    /// Carries out a piece.
    ///
    /// - Throws: `.mismatch` where tables of an all-to-all contradict each other.
    func carryOut(_ piece: Int, _ work: Work) throws(FabricError) {
        let length = work.pieceByteCount
        let each = max(work.pieceCount / size, 1)
        switch call.operation {
        case .broadcast:
            spread(call.root, piece * length, min(length, call.destination.byteCount - piece * length)) { _ in 0 }
        case .allGather:
            let start = piece % each * length
            let block = call.source.byteCount
            spread(piece / each, start, min(length, block - start)) { _ in piece / each * block }
        case .allGatherV:
            let member = piece / each
            let start = piece % each * length
            let place = call.receiveOffsets[member]
            spread(member, start, min(length, call.receiveOffsets[member + 1] - place - start)) { _ in place }
        case .allReduce, .reduce:
            try fold(piece * length..<min((piece + 1) * length, call.source.byteCount), owner: nil)
        case .reduceScatter:
            let block = call.destination.byteCount
            let start = piece % each * length
            let owner = piece / each
            try fold(owner * block + start..<owner * block + min(start + length, block), owner: owner)
        case .gather:
            let total = size * call.source.byteCount
            fill(call.root, piece * length..<min((piece + 1) * length, total)) {
                (0, $0 * call.source.byteCount, call.source.byteCount)
            }
        case .scatter:
            let member = piece / each
            let block = call.destination.byteCount
            let start = piece % each * length
            copy(
                from: call.root, source(call.root) + member * block + start, to: member, destination(member) + start,
                min(length, block - start))
        case .allToAll:
            let member = piece / each
            let block = call.source.byteCount / size
            let start = piece % each * length
            fill(member, start..<min(start + length, call.source.byteCount)) { (member * block, $0 * block, block) }
        case .allToAllV:
            let member = piece / each
            let start = piece % each * length
            let end = Int(clamping: team.posted(by: member, Post.destinationByteCount))
            try fillByTable(member, start..<max(start, min(start + length, end)))
        case .barrier, .sendReceive: break
        }
    }

    /// Bytes of one member's source to every destination; `place` says where its block starts there.
    private func spread(_ member: Int, _ start: Int, _ byteCount: Int, place: (Int) -> Int) {
        guard byteCount > 0 else { return }
        let from = source(member) + start
        for step in 0..<size {
            let target = (member + step) % size
            copy(
                from: member, from, to: target, destination(target) + place(target) + start, byteCount)
        }
    }

    private func copy(from member: Int, _ offset: Int, to target: Int, _ place: Int, _ byteCount: Int) {
        guard byteCount > 0, member != target || offset != place else { return }
        workspace.endpoint.copy(
            from: team.member(member), at: offset, byteCount: byteCount, to: team.member(target), at: place)
    }

    /// A range of one member's destination from equal blocks; `block` gives, for a producer, where the block starts in its source, where in
    /// the destination, and how long it is.
    private func fill(
        _ member: Int, _ range: Range<Int>, block: (Int) -> (source: Int, place: Int, byteCount: Int)
    ) {
        let length = block(0).byteCount
        guard length > 0, !range.isEmpty else { return }
        let into = destination(member)
        for producer in range.lowerBound / length...(range.upperBound - 1) / length {
            let (start, place, _) = block(producer)
            let low = max(range.lowerBound, place)
            let high = min(range.upperBound, place + length)
            copy(from: producer, source(producer) + start + low - place, to: member, into + low, high - low)
        }
    }

    /// A range of one member's destination from blocks of differing lengths, as its own table and the producers' say.
    private func fillByTable(_ member: Int, _ range: Range<Int>) throws(FabricError) {
        let into = destination(member)
        for producer in 0..<size {
            let taken = try row(of: member, for: producer)
            let sent = try row(of: producer, for: member)
            guard taken.place >= 0, taken.length >= 0, sent.start >= 0, taken.length == sent.count,
                taken.place <= Int(clamping: team.posted(by: member, Post.destinationByteCount)) - taken.length,
                sent.start <= Int(clamping: team.posted(by: producer, Post.sourceByteCount)) - sent.count
            else {
                throw workspace.error(
                    .mismatch, team.member(producer),
                    "rank \(team.member(producer)) sends \(sent.count) bytes to rank \(team.member(member)), which "
                        + "takes \(taken.length)")
            }
            let low = max(range.lowerBound, taken.place)
            let high = min(range.upperBound, taken.place + taken.length)
            copy(
                from: producer, source(producer) + sent.start + low - taken.place, to: member, into + low, high - low)
        }
    }

    /// A member's row of its table.
    private func row(
        of member: Int, for other: Int
    ) throws(FabricError) -> (start: Int, count: Int, place: Int, length: Int) {
        let endpoint = workspace.endpoint
        let peer = team.member(member)
        let row = workspace.row(other)
        return (
            try endpoint.load(Int.self, from: peer, at: row), try endpoint.load(Int.self, from: peer, at: row + 8),
            try endpoint.load(Int.self, from: peer, at: row + 16), try endpoint.load(Int.self, from: peer, at: row + 24)
        )
    }

    /// A range of the sources, folded in member order and written wherever it is wanted.
    private func fold(_ range: Range<Int>, owner: Int?) throws(FabricError) {
        let endpoint = workspace.endpoint
        let tileByteCount = ReductionTile.capacity(call.type) * call.type.byteCount
        let block = owner.map { $0 * call.destination.byteCount } ?? 0
        let first = owner ?? (call.operation == .reduce ? call.root : 0)
        var start = range.lowerBound
        while start < range.upperBound {
            let byteCount = min(tileByteCount, range.upperBound - start)
            for member in 0..<size {
                guard
                    let bytes = endpoint.peerBytes(
                        team.member(member), at: source(member) + start, byteCount: byteCount)
                else { preconditionFailure("members of a near team are mapped") }
                if member == 0 {
                    workspace.tile.load(call.type, from: bytes)
                } else {
                    workspace.tile.accumulate(call.type, call.reduction, from: bytes)
                }
            }
            let place = destination(first) + start - block
            guard
                var bytes = endpoint.peerMutableBytes(team.member(first), at: place, byteCount: byteCount)
            else { preconditionFailure("members of a near team are mapped") }
            workspace.tile.store(call.type, into: &bytes)
            if call.operation == .allReduce {
                for member in 1..<max(size, 1) {
                    copy(from: first, place, to: member, destination(member) + start, byteCount)
                }
            }
            start += byteCount
        }
    }
}
