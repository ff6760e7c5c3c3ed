internal import Fabric
internal import Faults
internal import Kernels
internal import Mutants

extension ExpertExchange {
    /// Sends the experts' rows back to where their tokens came from, and sums what this rank's own tokens get back.
    ///
    /// `output[t] = sum over k of weights[t, k] * row(t, k)`: from zero, `k` rising, each term one fused multiply-add in
    /// float32, entries without an expert skipped. A token without any expert gets zeros.
    ///
    /// - Parameters:
    ///   - rows: `[received rows, hidden]`, in the order of the dispatch.
    ///   - weights: `[tokens, choices]` of this rank's own tokens; those of entries without an expert are ignored.
    ///   - handle: of the last dispatch.
    ///   - output: `[tokens, hidden]`; holds nothing of use after a throw.
    /// - Throws: `.staleHandle`, and the combine may still be made with the right one; `.badWeight` with the token, before
    ///   anything is sent; `.fabric` as ``dispatch(rows:experts:)`` does.
    public func combine(
        rows: Span<Float>, weights: Span<Float>, handle: DispatchHandle, into output: inout MutableSpan<Float>
    ) throws(ExpertError) {
        try requireWhole()
        try require(handle)
        precondition(rows.count == openRows * layout.hidden, "each received row has its answer")
        precondition(weights.count == openTokens * layout.choices, "each choice has its weight")
        precondition(output.count == openTokens * layout.hidden, "each token has its sum")
        endpoint.record(.combine)
        isOpen = false
        if let fault = check(weights) {
            refuse(.combine)
            throw fault
        }
        noteCombine(rows, weights)
        do {
            try sendBack(rows)
            endpoint.pass(.combineWait)
            try collect(.combine)
        } catch {
            broken = true
            noteFailure(.combine, error)
            throw ExpertError(error)
        }
        do { try requireNoRefusal(.combine) } catch {
            noteFailure(.combine, error)
            throw ExpertError(error)
        }
        endpoint.pass(.combineRead)
        if layout.isProtected {
            do { try requireWholeAnswers() } catch {
                broken = true
                noteFailure(.combine, error)
                throw ExpertError(error)
            }
        }
        sum(weights, into: &output)
        noteCombined(output.span)
        statistics.combines += 1
        statistics.combineBytes += UInt64(openRows * layout.combinePutByteCount)
    }

    private func require(_ handle: DispatchHandle) throws(ExpertError) {
        guard handle.exchange == ObjectIdentifier(self) else {
            throw ExpertError(
                .staleHandle, rank: endpoint.rank, "rank \(endpoint.rank): a handle of another exchange cannot combine")
        }
        guard handle.sequence == sequence && isOpen || Mutated.staleHandle else {
            let state = isOpen ? "waits for its combine" : "needs no combine"
            throw ExpertError(
                .staleHandle, rank: endpoint.rank,
                "rank \(endpoint.rank): the handle of call \(handle.sequence) is stale; the last call is \(sequence) and "
                    + state)
        }
    }

    private func check(_ weights: Span<Float>) -> ExpertError? {
        for entry in plan.chosen.indices
        where plan.chosen[entry] >= 0 && !weights[entry].isFinite && !Mutated.weightCheck {
            let token = entry / layout.choices
            return ExpertError(
                .badWeight, rank: endpoint.rank, token: token,
                "token \(token) of rank \(endpoint.rank) weighs expert \(plan.chosen[entry]) with \(weights[entry])")
        }
        return nil
    }

    private func sendBack(_ rows: Span<Float>) throws(FabricError) {
        let sources = layout.rankCount
        let hidden = layout.hidden
        // No place of staging is known to be free: rows of the dispatch may still be leaving for other hosts.
        var staged = layout.maximumTokens
        for step in 0..<sources {
            let source = (team.rank + step) % sources
            let peer = team[source]
            var count = 0
            for expert in 0..<layout.localExpertCount {
                let segment = expert * sources + source
                for row in segments[segment]..<segments[segment + 1] {
                    let origin = buffers.origins[row]
                    let slot =
                        region.offset
                        + layout.combineSlot(half: half, token: Int(origin.token), choice: Int(origin.choice))
                    endpoint.pass(.combineRow, toward: peer)
                    try put(rows.extracting(row * hidden..<(row + 1) * hidden), to: peer, at: slot, &staged)
                }
                count += segments[segment + 1] - segments[segment]
            }
            endpoint.pass(.combineFlag, toward: peer)
            try publish(.combine, to: source, count: count)
        }
    }

    /// Sends one row in the combine format: encoded in place where the peer's window is mapped, else, and where it has a check word, beside and
    /// then put without waiting.
    ///
    /// A row that needs no encoding lies in the caller's span: the fabric copies it into its own staging, and waits for room there at most.
    /// - Parameter staged: places of this rank's staging that have been used since they were all free.
    private func put(_ row: Span<Float>, to peer: Rank, at slot: Int, _ staged: inout Int) throws(FabricError) {
        let endpoint = endpoint
        let byteCount = layout.combineRowByteCount
        if !layout.isProtected {
            if layout.combineFormat == .float32 { return try endpoint.put(row, to: peer, at: slot) }
            if var bytes = endpoint.peerMutableBytes(peer, at: slot, byteCount: byteCount) {
                return NumberFormats.encodeBFloat16(row, into: &bytes)
            }
        }
        let place = try freeStaging(&staged)
        var bytes = endpoint.mutableBytes(at: place, byteCount: byteCount)
        switch layout.combineFormat {
        case .float32: NumberFormats.encodeFloat32(row, into: &bytes)
        case .bfloat16, .int8: NumberFormats.encodeBFloat16(row, into: &bytes)
        }
        // The check word is of the bytes here, so that it also finds what changes on their way into the slot.
        if layout.isProtected { protectAnswer(at: place, for: slot) }
        try endpoint.putNonBlocking(from: place, byteCount: layout.combinePutByteCount, to: peer, at: slot)
    }

    /// The next place of staging that nothing is leaving from.
    private func freeStaging(_ staged: inout Int) throws(FabricError) -> Int {
        if staged == layout.maximumTokens {
            // All have left, so their places are free.
            try endpoint.completeLocally()
            staged = 0
        }
        staged += 1
        return region.offset + layout.staging(staged - 1)
    }

    private func sum(_ weights: Span<Float>, into output: inout MutableSpan<Float>) {
        let endpoint = endpoint
        let chosen = plan.chosen
        let choices = layout.choices
        let hidden = layout.hidden
        let stride = layout.combineSlotByteCount
        for token in 0..<openTokens {
            let slots = endpoint.bytes(
                at: region.offset + layout.combineSlot(half: half, token: token, choice: 0), byteCount: choices * stride
            )
            var target = output._mutatingExtracting(token * hidden..<(token + 1) * hidden)
            NumberFormats.weightedSum(
                of: slots, stride: stride, narrow: layout.combineFormat == .bfloat16,
                weights: weights.extracting(token * choices..<(token + 1) * choices),
                chosen: chosen.span.extracting(token * choices..<(token + 1) * choices), into: &target)
        }
    }
}
