internal import Fabric

// The check words of a decode where integrity is asked for: of a split's states of one member's rows, and of each finished row with its
// log-sum-exp. A partial state that changed is so never merged, and none merges as an empty one.

extension DistributedDecode {
    /// Puts the check word of a split's states behind them, as this member computed them.
    func putCheck(
        ofStates states: Span<Float>, _ split: Int, to member: Int, at offset: Int
    ) throws(FabricError) {
        try put(
            [
                team.endpoint.checkWord(
                    Checksum.crc32c(states), sequence: UInt64(step), place: place(offset))
            ], to: team[member], at: checkOffset(split: split))
    }

    /// Throws if a split's states of this member's rows are not what the split's owner put in this step.
    func requireWholeStates(of split: Int, at offset: Int, _ byteCount: Int) throws(FabricError) {
        let endpoint = team.endpoint
        let sum = Checksum.crc32c(endpoint.bytes(at: offset, byteCount: byteCount))
        let word = endpoint.values(UInt64.self, at: checkOffset(split: split), count: 1)
        guard word[0] == endpoint.checkWord(sum, sequence: UInt64(step), place: place(offset)) else {
            throw endpoint.damaged(
                .put, from: team[split % team.size], at: offset, byteCount: byteCount,
                "the partial states of split \(split) in step \(step)")
        }
    }

    /// Puts the check words of finished rows behind them.
    func putChecks(
        ofRows values: Span<Float>, _ sums: Span<Float>, _ firstRow: Int, to peer: Rank
    ) throws(FabricError) {
        let words = sums.indices.map { row in
            let sum = Checksum.crc32c(values.extracting(row * latentWidth..<(row + 1) * latentWidth))
            return team.endpoint.checkWord(
                Checksum.crc32c(sums.extracting(row..<row + 1), continuing: sum), sequence: UInt64(step),
                place: place(outputOffset(row: firstRow + row)))
        }
        try put(words, to: peer, at: checkOffset(row: firstRow))
    }

    /// Throws if a row of this step's outputs is not what the member put that finished it.
    func requireWholeRows(_ plan: DecodePlan, byKeys: Bool) throws(FabricError) {
        let endpoint = team.endpoint
        let words = endpoint.values(UInt64.self, at: checkOffset(row: 0), count: plan.rowCount)
        for row in 0..<plan.rowCount {
            let values = endpoint.bytes(at: outputOffset(row: row), byteCount: 4 * latentWidth)
            let sum = Checksum.crc32c(
                endpoint.bytes(at: sumOffset(row: row), byteCount: 4), continuing: Checksum.crc32c(values))
            let right = endpoint.checkWord(
                sum, sequence: UInt64(step), place: place(outputOffset(row: row)))
            if words[row] == right { continue }
            throw endpoint.damaged(
                .put, from: team[owner(ofRow: row, plan, byKeys)], at: outputOffset(row: row),
                byteCount: 4 * latentWidth, "row \(row) of the outputs of step \(step)")
        }
    }

    /// The member that finished a row: of all rows by keys, of a query's heads by heads.
    private func owner(ofRow row: Int, _ plan: DecodePlan, _ byKeys: Bool) -> Int {
        let (item, count) = byKeys ? (row, plan.rowCount) : (row % plan.heads.count, plan.heads.count)
        return (0..<team.size).first { share(of: $0, count).contains(item) } ?? team.rank
    }

    private func put(_ words: [UInt64], to peer: Rank, at offset: Int) throws(FabricError) {
        try team.endpoint.put(words.span, to: peer, at: offset)
    }
}
