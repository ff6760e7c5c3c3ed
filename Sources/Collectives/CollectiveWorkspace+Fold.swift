internal import Fabric
internal import Kernels
internal import Mutants
internal import Tensors

extension CollectiveWorkspace {
    /// Folds elements of neighbouring members in member order into one place: what every reduction of every algorithm comes to, so that all
    /// give the same bits.
    ///
    /// A tile at a time, so that accumulators stay in cache while the members' elements stream past. Elements are read where they lie, if
    /// their window is mapped, or fetched first.
    ///
    /// - Parameters:
    ///   - members: whose elements; `carry` holds the accumulators of all members before, at an offset of this die's window.
    ///   - byteCount: bytes of one member's elements.
    ///   - target: the rank and the offset in its window where the outcome goes; another rank's window is mapped.
    ///   - isFinal: whether the outcome is rounded to elements, or stays accumulators.
    ///   - scratch: where elements are fetched to, with room for those of a tile; not looked at where all windows are mapped.
    ///   - place: the rank and offset where a member's elements start.
    func fold(
        _ call: CollectiveCall, _ members: Range<Int>, byteCount: Int, carry: Int? = nil,
        into target: (rank: Rank, offset: Int), isFinal: Bool = true, scratch: Int = 0,
        place: (_ member: Int) throws(FabricError) -> (rank: Rank, offset: Int)
    ) throws(FabricError) {
        let endpoint = endpoint
        let tile = tile
        let type = call.type
        let width = type.byteCount
        let accumulator = ReductionTile.accumulatorByteCount(type)
        let tileByteCount = ReductionTile.capacity(type) * width
        // Looked up once, and not for each tile.
        for member in members { places[member] = try place(member) }
        let places = places
        var start = 0
        while start < byteCount {
            let count = min(tileByteCount, byteCount - start)
            let carried = start / width * accumulator
            if let carry {
                tile.loadAccumulators(
                    type, from: endpoint.bytes(at: carry + carried, byteCount: count / width * accumulator))
            }
            for turn in members {
                let isFirst = carry == nil && turn == members.lowerBound
                let member = Mutated.foldOrder ? members.upperBound - 1 - (turn - members.lowerBound) : turn
                let (rank, offset) = places[member]
                if rank == endpoint.rank {
                    tile.absorb(call, endpoint.bytes(at: offset + start, byteCount: count), isFirst: isFirst)
                } else if let bytes = endpoint.peerBytes(rank, at: offset + start, byteCount: count) {
                    tile.absorb(call, bytes, isFirst: isFirst)
                } else {
                    try endpoint.get(from: rank, at: offset + start, byteCount: count, to: scratch)
                    tile.absorb(call, endpoint.bytes(at: scratch, byteCount: count), isFirst: isFirst)
                }
            }
            if !isFinal {
                var bytes = endpoint.mutableBytes(
                    at: target.offset + carried, byteCount: count / width * accumulator)
                tile.storeAccumulators(type, into: &bytes)
            } else if target.rank == endpoint.rank {
                var bytes = endpoint.mutableBytes(at: target.offset + start, byteCount: count)
                tile.store(type, into: &bytes)
            } else if var bytes = endpoint.peerMutableBytes(target.rank, at: target.offset + start, byteCount: count) {
                tile.store(type, into: &bytes)
            } else {
                preconditionFailure("a fold into a window that is not mapped")
            }
            start += count
        }
    }
}

extension ReductionTile {
    /// Takes in one member's elements: the first are the accumulators, the others are added to them.
    func absorb(_ call: CollectiveCall, _ bytes: RawSpan, isFirst: Bool) {
        if isFirst {
            load(call.type, from: bytes)
        } else {
            accumulate(call.type, call.reduction, from: bytes)
        }
    }
}
