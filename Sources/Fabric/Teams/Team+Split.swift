internal import Hashing
internal import Mutants
internal import SharedMemory

// New teams out of old ones. Every member of the parent makes the same call; a team is usable at once.

extension Team {
    /// The members `start, start + stride, …` of this team, `size` of them, as a team of their own.
    ///
    /// Collective over this team, with two barriers: members exchange which of their 64 slots are free and take the lowest
    /// that is free everywhere.
    /// - Parameters:
    ///   - start: number of the first member in this team.
    ///   - stride: distance between members; any but zero (may be zero or anything for one member).
    ///   - size: members of the new team.
    /// - Returns: the new team, or nil for members of this team that are not in it.
    /// - Throws: `.mismatch` if a triplet leaves the team or members disagree about it; `.tooManyTeams`.
    public func split(start: Int, stride: Int, size: Int) throws(FabricError) -> Team? {
        let last = max(size, 1).subtractingReportingOverflow(1).partialValue.multipliedReportingOverflow(by: stride)
        let end = start.addingReportingOverflow(last.partialValue)
        let valid =
            size >= 1 && (0..<self.size).contains(start) && !last.overflow && !end.overflow
            && (0..<self.size).contains(end.partialValue) && (stride != 0 || size == 1)
        let index = valid ? Self.index(of: rank, start: start, stride: size == 1 ? 1 : stride, size: size) : nil
        let slot = try agreeOnSlot(digest: Self.digest([1, start, stride, size]), leads: index == 0 ? size : nil)
        guard valid else {
            throw FabricError(
                .mismatch, scope: .operation, operation: .split, rank: endpoint.rank,
                context: "members \(start) by \(stride), \(size) of them, are not all in a team of \(self.size)")
        }
        guard let index else { return nil }
        return try found(start, stride: size == 1 ? 1 : stride, size: size, rank: index, slot: slot)
    }

    /// Rows and columns of this team laid out row-major in rows of `width`; the last row may be short.
    ///
    /// - Returns: the row team and the column team of this member.
    public func split2D(width: Int) throws(FabricError) -> (row: Team, column: Team) {
        guard width >= 1 else {
            // Still collective: all members see the same bad width, so none is left waiting.
            throw FabricError(
                .mismatch, scope: .operation, operation: .split, rank: endpoint.rank,
                context: "rows of \(width) members")
        }
        let width = min(width, size)
        let x = rank % width
        let y = rank / width
        let rowSize = min(width, size - y * width)
        let columnSize = (size - x + width - 1) / width
        let rowSlot = try agreeOnSlot(digest: Self.digest([2, width]), leads: x == 0 ? rowSize : nil)
        // Who has no board for its row still takes part in the agreement about columns.
        let row: Result<Team, FabricError>
        do throws(FabricError) {
            row = .success(try found(y * width, stride: 1, size: rowSize, rank: x, slot: rowSlot))
        } catch {
            row = .failure(error)
        }
        let columnSlot = try agreeOnSlot(digest: Self.digest([3, width]), leads: y == 0 ? columnSize : nil)
        let column = try found(x, stride: width, size: columnSize, rank: y, slot: columnSlot)
        return (try row.get(), column)
    }

    /// Takes the slot and the board that were agreed on, for a team of the members from `first` on at a distance.
    private func found(
        _ first: MemberIndex, stride: Int, size: Int, rank: MemberIndex, slot: Int
    ) throws(FabricError) -> Team {
        let start = self[first]
        let word = WindowLayout.slot(slot) + WindowLayout.boardWordOffset
        let board = try Self.checkBoard(
            endpoint.isNear(start) ? try endpoint.fetch(at: start, word) : 0, leader: start, size: size, on: endpoint)
        let members =
            self.stride == 0
            ? TeamMembers((0..<size).map { self[first + $0 * stride] })
            : TeamMembers(start: start, stride: stride * self.stride, size: size)
        let team = Team(endpoint: endpoint, members: members, rank: rank, slot: slot, board: board)
        guard !team.isNear || board > 0 else {
            throw FabricError(
                .tooManyTeams, scope: .operation, operation: .split, rank: endpoint.rank, peers: [start],
                context: "rank \(start) leads too many teams; destroy some")
        }
        endpoint.teamSpace.take(slot: slot)
        return team
    }

    /// A slot free at every member, cleared at every member. All check that they made the same call.
    ///
    /// - Parameter leads: members of the team this member will lead, if any; it then gives that team a board.
    private func agreeOnSlot(digest: UInt64, leads: Int?) throws(FabricError) -> Int {
        // 1. Slots of teams that all members have left are free again.
        try endpoint.reclaimTeams()
        endpoint.count(.split, bytes: 0)
        // 2. Members exchange which slots are free here, and what they called: all see the same.
        let (free, odd) = try intersect(endpoint.teamSpace.freeSlots, digest)
        if free != 0 {
            let slot = free.trailingZeroBitCount
            // 3. Each clears its own words of the lowest slot free at all; a member that will lead a team gives it a board.
            Team.clear(slot: slot, on: endpoint)
            if let leads {
                let board = endpoint.teamSpace.takeBoard(members: leads) ?? 0
                if board > 0 { clear(board: board, size: leads) }
                endpoint.word(at: WindowLayout.slot(slot) + WindowLayout.boardWordOffset)
                    .storeReleasing(UInt64(board))
            }
        }
        // 4. The second barrier: all slots are clear before use, and no member changes its words while another still reads.
        try sync(operation: .split)
        if let odd, !Mutated.splitComparison {
            throw FabricError(
                .mismatch, scope: .operation, operation: .split, rank: endpoint.rank, peers: [odd],
                context: "rank \(odd) asked for another split")
        }
        guard free != 0 else {
            throw FabricError(
                .tooManyTeams, scope: .operation, operation: .split, rank: endpoint.rank,
                context: "at most 64 teams at a time; destroy some")
        }
        return free.trailingZeroBitCount
    }

    /// The bits that all members have, and a member whose digest differs from another's, if there is one.
    private func intersect(_ bits: UInt64, _ digest: UInt64) throws(FabricError) -> (bits: UInt64, odd: Rank?) {
        var all = bits
        var odd: Rank?
        guard isNear else {
            endpoint.word(at: exchange(0)).storeReleasing(bits)
            endpoint.word(at: exchange(1)).storeReleasing(digest)
            try sync(operation: .split)
            for index in 0..<size where index != rank {
                // Atomic reads: acquire what each member stored before it arrived.
                all &= try endpoint.fetch(at: self[index], exchange(0))
                if try endpoint.fetch(at: self[index], exchange(1)) != digest { odd = odd ?? self[index] }
            }
            return (all, odd)
        }
        try meet([bits, digest, 0, 0, 0, 0, 0], .split)
        for index in 0..<size {
            all &= posted(by: index, 0)
            if posted(by: index, 1) != posted(by: 0, 1) { odd = odd ?? self[index] }
        }
        return (all, odd)
    }

    /// Clears a board, so that no member takes a former team's posts for its own.
    func clear(board: Int, size: Int) {
        for word in Swift.stride(from: board, to: board + size * WindowLayout.recordByteCount, by: 8) {
            endpoint.word(at: word).storeReleasing(0)
        }
    }

    /// This member's words for a split or an allocation check of a team that is not near.
    func exchange(_ index: Int) -> Int { offset(WindowLayout.exchangeOffset) + 8 * index }

    static func digest(_ values: [Int]) -> UInt64 {
        var hash = FNV1a()
        for value in values { hash.add(whole: value) }
        return hash.value
    }
}

extension Endpoint {
    /// Takes back the slots and boards of teams that all their members have destroyed; waits for one if no slot is free.
    func reclaimTeams() throws(FabricError) {
        if let (offset, size) = teamSpace.nextLeaving {
            try wait(at: offset, until: .greaterOrEqual, UInt64(size), operation: .split)
        }
        teamSpace.reclaim { word(at: $0).loadAcquiring() }
    }
}
