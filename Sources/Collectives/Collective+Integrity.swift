internal import Fabric
internal import Kernels
internal import Tensors

// Where integrity is asked for, every operation that moves bytes proves them, whichever algorithm carries it out and whatever they pass
// on their way. Before it moves anything a member makes the check words of its own bytes and tells those that will end with them; after it,
// each compares what it has got.
//
//     blocks      put check words of my blocks | meet | take the words of what I am to get | meet | move | compare each block
//     reductions  put check words of my part of each slice | meet | fold my slice from all sources, comparing each part
//                 | put the check word of what came of it | meet | move and fold as ever | compare each slice
//     a send      one event more, with the check word, before the others
//
// So a reduction is folded twice: once to know the check word of the result, a slice at each member (n parts read, one fold of 1 / n of
// the bytes), and once by the algorithm. Numbers of eight bytes, offsets and lengths have seals of their own and need none of this.
//
// Complexity, for B bytes a member: a checksum of B at the source and one at the destination, a fold of B more for reductions, n puts of 16
// bytes, and two meetings.

/// What a member's destination is to hold when an operation is over: check words of its parts.
struct BlockChecks {
    /// A part: where it lies in the window, how long it is, whose it is, and its word.
    struct Part {
        var offset: Int
        var byteCount: Int
        var member: Int
        var word: UInt64
    }

    var sequence: UInt64 = 0
    var parts: [Part] = []
}

extension Collective {
    /// Tells the other members the check words of this one's bytes, and hears theirs.
    ///
    /// - Throws: `.damaged` naming a member whose part of a reduction is not what it told of; what a meeting throws.
    func exchangeChecks(_ call: CollectiveCall) throws(FabricError) -> BlockChecks {
        if call.operation == .barrier { return BlockChecks() }
        if call.operation == .sendReceive { return try exchangeCheck(ofSend: call) }
        team.protectedCalls += 1
        var checks = BlockChecks(sequence: team.protectedCalls)
        let isReduction = call.operation.isReduction
        try putChecks(call, checks.sequence)
        try meetForChecks()
        if isReduction {
            let word = try foldOwnSlice(call, checks.sequence)
            try putResult(call, word)
            try meetForChecks()
            checks.parts = results(call, word)
        } else {
            checks.parts = incoming(call)
            // No member says its next words before all have read these.
            try meetForChecks()
        }
        return checks
    }

    /// Compares what this member has got.
    ///
    /// - Throws: `.damaged` naming the member whose bytes they are.
    func requireWhole(_ checks: BlockChecks) throws(FabricError) {
        let endpoint = endpoint
        for part in checks.parts where part.byteCount > 0 {
            let sum = Checksum.crc32c(endpoint.bytes(at: part.offset, byteCount: part.byteCount))
            guard endpoint.checkWord(sum, sequence: checks.sequence, place: part.member) != part.word else { continue }
            throw endpoint.damaged(
                .collective, from: team[part.member], at: part.offset, byteCount: part.byteCount,
                "what member \(part.member) sent or folded, in call \(checks.sequence) of the team")
        }
    }

    // MARK: - Words

    /// Where a rank's words lie in every window.
    private func place(_ rank: Rank) -> Int { workspace.checks.offset + 3 * CheckWord.byteCount * rank.index }

    private func meetForChecks() throws(FabricError) {
        if !team.isNear { try endpoint.quiet() }
        try team.sync(deadline: workspace.deadline(), operation: .collective)
    }

    /// The part of a reduction that a member folds here: as the cooperative form divides it.
    private func slice(_ member: Int, _ call: CollectiveCall) -> Range<Int> {
        guard call.operation == .reduceScatter else {
            let (total, slice) = (call.source.byteCount, call.sliceByteCount(team.size))
            return min(member * slice, total)..<min((member + 1) * slice, total)
        }
        return member * call.destination.byteCount..<(member + 1) * call.destination.byteCount
    }

    /// Puts the check word of what each member gets of this one's source, and where that lies.
    private func putChecks(_ call: CollectiveCall, _ sequence: UInt64) throws(FabricError) {
        let endpoint = endpoint
        var last = (start: -1, byteCount: -1, word: UInt64(0))
        for step in 0..<team.size {
            let member = (team.rank + step) % team.size
            let part: (start: Int, byteCount: Int)
            if call.operation.isReduction {
                let slice = slice(member, call)
                part = (slice.lowerBound, slice.count)
            } else {
                part = call.outgoing(to: member, team.size, me: team.rank)
            }
            let offset = call.source.offset + part.start
            if (part.start, part.byteCount) != (last.start, last.byteCount) {
                let bytes = endpoint.bytes(at: part.byteCount > 0 ? offset : 0, byteCount: part.byteCount)
                let word = endpoint.checkWord(Checksum.crc32c(bytes), sequence: sequence, place: team.rank)
                last = (part.start, part.byteCount, word)
            }
            let words: [2 of UInt64] = [last.word, UInt64(offset)]
            try endpoint.put(words.span, to: team[member], at: place(endpoint.rank))
        }
    }

    /// What this member gets from each, with the words that have been told.
    private func incoming(_ call: CollectiveCall) -> [BlockChecks.Part] {
        let endpoint = endpoint
        return (0..<team.size).map { member in
            let part = call.incoming(from: member, team.size, me: team.rank)
            let word = endpoint.values(UInt64.self, at: place(team[member]), count: 1)[0]
            return BlockChecks.Part(
                offset: call.destination.offset + part.start, byteCount: part.byteCount, member: member, word: word)
        }
    }

    // MARK: - Reductions

    /// Folds this member's slice of a reduction from all sources, comparing each part with what its member told.
    ///
    /// - Returns: the check word of the result.
    private func foldOwnSlice(_ call: CollectiveCall, _ sequence: UInt64) throws(FabricError) -> UInt64 {
        let endpoint = endpoint
        let tile = workspace.tile
        let range = slice(team.rank, call)
        let tileByteCount = ReductionTile.capacity(call.type) * call.type.byteCount
        var scratch = [UInt8](repeating: 0, count: min(tileByteCount, range.count))
        var sums = [UInt32](repeating: 0, count: team.size)
        let offsets = try sourceOffsets(range.count, call.type)
        var result: UInt32 = 0
        for start in stride(from: 0, to: range.count, by: tileByteCount) {
            let count = min(tileByteCount, range.count - start)
            for member in 0..<team.size {
                let offset = offsets[member] + start
                if let bytes = endpoint.peerBytes(team[member], at: offset, byteCount: count) {
                    sums[member] = Checksum.crc32c(bytes, continuing: sums[member])
                    tile.absorb(call, bytes, isFirst: member == 0)
                } else {
                    let fetched = try endpoint.get(UInt8.self, count: count, from: team[member], at: offset)
                    sums[member] = Checksum.crc32c(fetched.span, continuing: sums[member])
                    if member == 0 {
                        tile.load(call.type, from: fetched.span)
                    } else {
                        tile.accumulate(call.type, call.reduction, from: fetched.span)
                    }
                }
            }
            var all = scratch.mutableSpan
            var folded = all._mutatingExtracting(0..<count)
            tile.store(call.type, into: &folded)
            result = Checksum.crc32c(scratch.span.extracting(0..<count), continuing: result)
        }
        for member in 0..<team.size {
            let told = endpoint.values(UInt64.self, at: place(team[member]), count: 1)[0]
            guard endpoint.checkWord(sums[member], sequence: sequence, place: member) == told else {
                throw endpoint.damaged(
                    .collective, from: team[member], at: place(team[member]), byteCount: range.count,
                    "member \(member)'s part of bytes \(range) of a reduction, or its word, in call \(sequence)")
            }
        }
        return endpoint.checkWord(result, sequence: sequence, place: team.rank)
    }

    /// Where each member's part of this member's slice lies, compared with the window.
    private func sourceOffsets(_ byteCount: Int, _ type: ElementType) throws(FabricError) -> [Int] {
        var offsets: [Int] = []
        for member in 0..<team.size {
            let endpoint = endpoint
            let offset = endpoint.values(UInt64.self, at: place(team[member]), count: 2)[1]
            // A peer wrote it: nothing is read outside a window, and no element where none begins.
            guard byteCount <= endpoint.windowByteCount, offset <= UInt64(endpoint.windowByteCount - byteCount),
                offset % UInt64(type.byteCount) == 0
            else {
                throw endpoint.damaged(
                    .collective, from: team[member], at: place(team[member]), byteCount: 16,
                    "the place \(offset) of its part of a reduction")
            }
            offsets.append(Int(offset))
        }
        return offsets
    }

    /// Tells the members that end with a reduction the check word of the slice that was folded here.
    private func putResult(_ call: CollectiveCall, _ word: UInt64) throws(FabricError) {
        guard call.operation != .reduceScatter else { return }
        let endpoint = endpoint
        let words: [1 of UInt64] = [word]
        for step in 0..<team.size {
            let member = (team.rank + step) % team.size
            guard call.operation == .allReduce || member == call.root else { continue }
            try endpoint.put(words.span, to: team[member], at: place(endpoint.rank) + 2 * CheckWord.byteCount)
        }
    }

    /// The slices that this member ends with, and their words.
    private func results(_ call: CollectiveCall, _ own: UInt64) -> [BlockChecks.Part] {
        let endpoint = endpoint
        if call.operation == .reduceScatter {
            return [
                BlockChecks.Part(
                    offset: call.destination.offset, byteCount: call.destination.byteCount, member: team.rank,
                    word: own)
            ]
        }
        guard call.operation == .allReduce || team.rank == call.root else { return [] }
        return (0..<team.size).map { member in
            let slice = slice(member, call)
            let word = endpoint.values(
                UInt64.self, at: place(team[member]) + 2 * CheckWord.byteCount, count: 1)[0]
            return BlockChecks.Part(
                offset: call.destination.offset + slice.lowerBound, byteCount: slice.count, member: member, word: word)
        }
    }

    // MARK: - A send and a receive

    /// A send concerns two members only, so its check word is an event between them.
    private func exchangeCheck(ofSend call: CollectiveCall) throws(FabricError) -> BlockChecks {
        let endpoint = endpoint
        let digest = call.digest(team.size)
        var checks = BlockChecks()
        var own: UInt64 = 0
        if let target = call.target {
            let bytes = endpoint.bytes(at: call.source.offset, byteCount: call.source.byteCount)
            own = endpoint.checkWord(Checksum.crc32c(bytes), sequence: 0, place: team.rank)
            if target != team.rank {
                try workspace.send(own, digest, to: team[target], in: CollectiveWorkspace.checkOffset)
            }
        }
        if let origin = call.origin {
            let word =
                origin == team.rank
                ? own : try workspace.receive(digest, from: team[origin], in: CollectiveWorkspace.checkOffset)
            checks.parts = [
                BlockChecks.Part(
                    offset: call.destination.offset, byteCount: call.destination.byteCount, member: origin, word: word)
            ]
        }
        return checks
    }
}
