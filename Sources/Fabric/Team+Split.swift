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
        let last = (size - 1).multipliedReportingOverflow(by: stride)
        let end = start.addingReportingOverflow(last.partialValue)
        let valid =
            size >= 1 && (0..<self.size).contains(start) && !last.overflow && !end.overflow
            && (0..<self.size).contains(end.partialValue) && (stride != 0 || size == 1)
        let slot = try agreeOnSlot(digest: Self.digest([1, start, stride, size]))
        guard valid else {
            throw FabricError(
                .mismatch, scope: .operation, operation: .split, rank: endpoint.rank,
                context: "members \(start) by \(stride), \(size) of them, are not all in a team of \(self.size)")
        }
        let step = size == 1 ? 1 : stride
        guard let index = Self.index(of: rank, start: start, stride: step, size: size) else { return nil }
        endpoint.freeTeamSlots &= ~(1 << UInt64(slot))
        return Team(
            endpoint: endpoint, start: member(start), stride: step * self.stride, size: size, rank: index, slot: slot)
    }

    /// Rows and columns of this team laid out row-major in rows of `width`; the last row may be short.
    ///
    /// - Returns: the row team and the column team of this member.
    public func split2D(width: Int) throws(FabricError) -> (row: Team, column: Team) {
        guard width >= 1 else {
            // Still collective: everybody sees the same bad width, so nobody is left waiting.
            throw FabricError(
                .mismatch, scope: .operation, operation: .split, rank: endpoint.rank,
                context: "rows of \(width) members")
        }
        let width = min(width, size)
        let x = rank % width
        let y = rank / width
        let rowSlot = try agreeOnSlot(digest: Self.digest([2, width]))
        endpoint.freeTeamSlots &= ~(1 << UInt64(rowSlot))
        let row = Team(
            endpoint: endpoint, start: member(y * width), stride: stride, size: min(width, size - y * width), rank: x,
            slot: rowSlot)
        let columnSlot = try agreeOnSlot(digest: Self.digest([3, width]))
        endpoint.freeTeamSlots &= ~(1 << UInt64(columnSlot))
        let column = Team(
            endpoint: endpoint, start: member(x), stride: width * stride, size: (size - x + width - 1) / width, rank: y,
            slot: columnSlot)
        return (row, column)
    }

    /// A slot free at every member, cleared at every member. All check that they made the same call.
    private func agreeOnSlot(digest: UInt64) throws(FabricError) -> Int {
        endpoint.count(.split, bytes: 0)
        endpoint.word(at: exchange(0)).storeReleasing(endpoint.freeTeamSlots)
        endpoint.word(at: exchange(1)).storeReleasing(digest)
        try sync(operation: .split)
        var free = endpoint.freeTeamSlots
        var odd: Int?
        for index in 0..<size where index != rank {
            // Atomic reads: acquire what each member stored before it arrived.
            free &= try endpoint.fetch(at: member(index), exchange(0))
            if try endpoint.fetch(at: member(index), exchange(1)) != digest { odd = odd ?? member(index) }
        }
        if free != 0 { Team.clear(slot: free.trailingZeroBitCount, on: endpoint) }
        // The second barrier: nobody changes its words while another still reads, and all slots are clear before use.
        try sync(operation: .split)
        if let odd {
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

    static func digest(_ values: [Int]) -> UInt64 {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for value in values { hash = (hash ^ UInt64(bitPattern: Int64(value))) &* 0x100_0000_01B3 }
        return hash
    }
}
