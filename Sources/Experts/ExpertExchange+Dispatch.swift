internal import Fabric
internal import Faults
internal import Kernels
internal import Mutants

extension ExpertExchange {
    /// Sends each token's row to the experts it chose, and returns what this rank's experts received.
    ///
    /// Rows are encoded once each, before they are sent. Destinations are served from this rank's own number on, so that no
    /// member is the first of all others.
    ///
    /// - Parameters:
    ///   - rows: `[tokens, hidden]`.
    ///   - experts: `[tokens, choices]`, ids of experts of the whole team, -1 for none; no id twice in a token.
    /// - Returns: rows in (local expert, source rank, index) order with their metadata.
    /// - Throws: `.tooManyTokens` or `.badRouting` with the token, before anything is sent; `.fabric` with `.mismatch` if
    ///   another member refused its call, `.timedOut` naming the members that did not come, `.corrupt` naming the one that
    ///   sent what cannot be, `.damaged` where integrity is asked for and something changed on its way, `.membershipChanged`.
    public func dispatch(rows: Span<Float>, experts: Span<Int32>) throws(ExpertError) -> DispatchResult {
        let tokens = experts.count / layout.choices
        precondition(experts.count == tokens * layout.choices, "each token has its choices")
        precondition(rows.count == tokens * layout.hidden, "each token has its row")
        try requireWhole()
        endpoint.record(.dispatch)
        sequence += 1
        isOpen = false
        if let fault = check(tokens: tokens, experts: experts) {
            refuse(.dispatch)
            throw fault
        }
        do {
            try send(rows, tokens: tokens)
            endpoint.pass(.dispatchWait)
            try collect(.dispatch)
        } catch {
            broken = true
            noteFailure(.dispatch, error)
            throw ExpertError(error)
        }
        do { try requireNoRefusal(.dispatch) } catch {
            noteFailure(.dispatch, error)
            throw ExpertError(error)
        }
        endpoint.pass(.dispatchRead)
        do {
            try takeCounts()
            let result = try receive()
            isOpen = true
            openTokens = tokens
            openRows = result.rowCount
            count(result)
            noteReceived(result)
            return result
        } catch {
            broken = true
            noteFailure(.dispatch, error)
            throw ExpertError(error)
        }
    }

    /// Plans the call; returns what is wrong with it.
    private func check(tokens: Int, experts: Span<Int32>) -> ExpertError? {
        let rank = endpoint.rank
        guard tokens <= layout.maximumTokens else {
            return ExpertError(
                .tooManyTokens, rank: rank, token: layout.maximumTokens,
                "rank \(rank) brought \(tokens) tokens to a dispatch for at most \(layout.maximumTokens)")
        }
        guard let fault = plan.take(experts) else { return nil }
        let rule =
            fault.isDuplicate
            ? "chose expert \(fault.expert) twice"
            : "chose expert \(fault.expert), which is not one of \(layout.expertCount) nor -1"
        return ExpertError(.badRouting, rank: rank, token: fault.token, "token \(fault.token) of rank \(rank) \(rule)")
    }

    private func send(_ rows: Span<Float>, tokens: Int) throws(FabricError) {
        let hidden = layout.hidden
        // Rows staged for the last dispatch or combine may still be leaving for other hosts: no flag of a peer says that they have come.
        if !Mutated.stagingReuse { try endpoint.completeLocally() }
        for token in 0..<tokens {
            stage(rows.extracting(token * hidden..<(token + 1) * hidden), token: token)
        }
        noteDispatch(tokens: tokens)
        for step in 0..<layout.rankCount {
            let rank = (team.rank + step) % layout.rankCount
            let peer = team[rank]
            if Mutated.earlyFlag { try publish(.dispatch, to: rank, count: plan.rowCount(to: rank)) }
            for position in plan.starts[rank]..<plan.starts[rank + 1] {
                if Mutated.droppedRow, position + 1 == plan.starts[rank + 1] { continue }
                endpoint.pass(.dispatchRow, toward: peer)
                try sendRow(Int(plan.order[position]), to: peer)
            }
            endpoint.pass(.dispatchCounts, toward: peer)
            try sendCounts(to: rank)
            endpoint.pass(.dispatchFlag, toward: peer)
            try publish(.dispatch, to: rank, count: plan.rowCount(to: rank))
        }
    }

    /// Puts the counts of a member's rows beside the flag that will tell of them, with their check word where there is one.
    private func sendCounts(to member: Int) throws(FabricError) {
        let local = layout.localExpertCount
        let counts = plan.counts
        let own = counts.span.extracting(member * local..<(member + 1) * local)
        let place = flagOffset(.dispatch, writer: team.rank) + ExpertLayout.countsOffset
        guard layout.isProtected else { return try endpoint.put(own, to: team[member], at: place) }
        let row = countsWithCheck(own, at: place)
        try endpoint.put(row.span, to: team[member], at: place)
    }

    /// Encodes a row beside its header in this rank's own window.
    private func stage(_ row: Span<Float>, token: Int) {
        let endpoint = endpoint
        let place = region.offset + layout.staging(token)
        var payload = endpoint.mutableBytes(
            at: place + layout.headerByteCount, byteCount: layout.dispatchRowByteCount)
        var scale: Float = 0
        switch layout.dispatchFormat {
        case .float32: NumberFormats.encodeFloat32(row, into: &payload)
        case .bfloat16: NumberFormats.encodeBFloat16(row, into: &payload)
        case .int8: scale = NumberFormats.encodeInt8(row, into: &payload)
        }
        var header = endpoint.mutableValues(UInt32.self, at: place, count: 4)
        header[0] = UInt32(team.rank)
        header[1] = UInt32(token)
        header[3] = scale.bitPattern
        if layout.isProtected { noteChecksum(ofRow: token) }
    }

    /// Sends a staged row to the expert of `entry`, which is token * choices + choice.
    private func sendRow(_ entry: Int, to peer: Rank) throws(FabricError) {
        let endpoint = endpoint
        let token = entry / layout.choices
        let choice = entry - token * layout.choices
        let expert = Int(plan.chosen[entry])
        let place = region.offset + layout.staging(token)
        var header = endpoint.mutableValues(UInt32.self, at: place, count: 4)
        header[2] = UInt32(choice) | stamp << 16
        let slot = layout.dispatchSlot(
            half: half, expert: expert % layout.localExpertCount, source: team.rank, index: plan.place(expert: expert))
        if layout.isProtected { protectHeader(ofRow: token, for: slot) }
        let headerByteCount = layout.headerByteCount
        let rowByteCount = layout.dispatchRowByteCount
        guard rowByteCount > Self.copiedByteCount, !endpoint.isNear(peer) else {
            // Complete, or copied out of the window, on return.
            return try endpoint.put(
                from: place, byteCount: headerByteCount + rowByteCount, to: peer, at: region.offset + slot)
        }
        // The header is written again for the token's next choice, so it has left the window on return; the row stays as it is until the
        // next use of staging.
        try endpoint.put(from: place, byteCount: headerByteCount, to: peer, at: region.offset + slot)
        try endpoint.putNonBlocking(
            from: place + headerByteCount, byteCount: rowByteCount, to: peer, at: region.offset + slot + headerByteCount
        )
    }

    /// Rows up to this length are copied by the fabric on their way to another host, header and all; longer ones leave from staging.
    private static let copiedByteCount = 4 << 10

    /// The part of the sequence that every slot carries.
    var stamp: UInt32 { UInt32(truncatingIfNeeded: sequence & 0xFFFF) }

    private func count(_ result: DispatchResult) {
        statistics.dispatches += 1
        statistics.rowsSent += UInt64(plan.rowCount)
        statistics.rowsReceived += UInt64(result.rowCount)
        statistics.dispatchBytes += UInt64(
            plan.rowCount * (layout.headerByteCount + layout.dispatchRowByteCount)
                + layout.countsByteCount * layout.rankCount)
        for expert in statistics.expertLoad.indices {
            statistics.expertLoad[expert] += UInt64(result.rowCount(expert: expert))
        }
    }
}
