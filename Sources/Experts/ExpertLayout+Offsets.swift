// Offsets inside the region of an exchange. `half` is the parity of the call's sequence, 0 or 1.

extension ExpertLayout {
    /// The status row in which `source` announces its rows.
    package func dispatchStatus(half: Int, source: Int) -> Int { (half * rankCount + source) * statusStride }

    /// The status line in which the expert rank `peer` announces the rows it sent back.
    package func combineStatus(half: Int, peer: Int) -> Int {
        combineStatusOffset + (half * rankCount + peer) * Self.lineByteCount
    }

    /// Where this member keeps the encoded form of its row `token`.
    func staging(_ token: Int) -> Int { stagingOffset + token * stagingStride }

    /// Slot `index` of the rows that `source` sends to a local expert.
    package func dispatchSlot(half: Int, expert: Int, source: Int, index: Int) -> Int {
        dispatchSlotsOffset + half * dispatchHalf
            + ((expert * rankCount + source) * maximumTokens + index) * dispatchSlotByteCount
    }

    /// The slot of a token's choice, at the token's own rank.
    package func combineSlot(half: Int, token: Int, choice: Int) -> Int {
        combineSlotsOffset + half * combineHalf + (token * choices + choice) * combineSlotByteCount
    }

    /// Bytes of a dispatch slot before its payload.
    package var headerByteCount: Int { Self.headerByteCount(isProtected: isProtected) }

    /// Bytes that a member puts of its counts, their check word included.
    var countsByteCount: Int { Self.withCheck(4 * localExpertCount, isProtected) }

    /// Bytes that are put of a row that returns, its check word included.
    var combinePutByteCount: Int { Self.withCheck(combineRowByteCount, isProtected) }

    /// Bytes of a row in the dispatch format, without its header.
    var dispatchRowByteCount: Int { dispatchFormat.elementByteCount * hidden }

    /// Bytes of a row in the combine format.
    var combineRowByteCount: Int { combineFormat.elementByteCount * hidden }
}
