internal import Fabric
internal import Kernels
internal import Mutants

// The receiving half of a dispatch. Everything a peer wrote is checked before it is used as a number of anything.

extension ExpertExchange {
    /// Copies the counts of all sources, checks them, and places the segments.
    func takeCounts() throws(FabricError) {
        let endpoint = endpoint
        let sources = layout.rankCount
        let local = layout.localExpertCount
        segments[0] = 0
        for source in 0..<sources {
            let counts = endpoint.values(
                UInt32.self, at: flagOffset(.dispatch, writer: source) + ExpertLayout.countsOffset, count: local)
            if layout.isProtected { try requireWholeCounts(counts, of: source) }
            var sum = 0
            for expert in 0..<local {
                let count = Int(counts[expert])
                guard count <= layout.maximumTokens else {
                    throw corrupt(
                        .dispatch, source,
                        "\(count) rows for local expert \(expert), at most \(layout.maximumTokens) are possible")
                }
                sum += count
                segments[expert * sources + source + 1] = count
            }
            guard sum <= layout.maximumTokens * min(layout.choices, local) else {
                throw corrupt(.dispatch, source, "its counts sum to \(sum) rows, more than its tokens can choose")
            }
        }
        for index in 1..<segments.count { segments[index] += segments[index - 1] }
    }

    /// Compacts and widens the slots into (local expert, source rank, index) order.
    func receive() throws(FabricError) -> DispatchResult {
        let sources = layout.rankCount
        let total = segments[segments.count - 1]
        for index in arrived.indices { arrived[index] = 0 }
        if !isKnownUniquelyReferenced(&lease) {
            // An earlier result is still alive and keeps its buffers.
            lease = Lease()
            buffers = ReceiveBuffers()
        }
        var target = ReceiveBuffers()
        swap(&target, &buffers)  // Held by one owner while it is filled, so that nothing is copied.
        target.reserve(rowCount: total, hidden: layout.hidden, limit: layout.maximumReceivedRows)
        defer { buffers = target }
        for expert in 0..<layout.localExpertCount {
            for source in 0..<sources {
                let first = segments[expert * sources + source]
                var lastToken = -1
                for row in first..<segments[expert * sources + source + 1] {
                    let slot =
                        region.offset
                        + layout.dispatchSlot(half: half, expert: expert, source: source, index: row - first)
                    if layout.isProtected { try requireWholeRow(at: slot, expert, source, row - first) }
                    let (origin, scale) = try takeHeader(at: slot, source: source, after: lastToken)
                    lastToken = Int(origin.token)
                    target.origins[row] = origin
                    decode(at: slot + layout.headerByteCount, scale: scale, into: &target.rows, row: row)
                }
            }
        }
        return DispatchResult(
            handle: DispatchHandle(sequence: sequence, exchange: ObjectIdentifier(self)), rowCount: total,
            hidden: layout.hidden, offsets: (0...layout.localExpertCount).map { segments[$0 * sources] },
            buffers: target, lease: lease, segments: segments, sourceCount: sources)
    }

    /// Reads and checks a slot's header: the right sender, a token after the last one, a choice in range, this call, and no
    /// (source, token, choice) twice.
    private func takeHeader(
        at slot: Int, source: Int, after lastToken: Int
    ) throws(FabricError) -> (RowOrigin, Float) {
        let endpoint = endpoint
        let header = endpoint.values(UInt32.self, at: slot, count: 4)
        let sender = header[0]
        let token = header[1]
        let choice = header[2] & 0xFFFF
        guard sender == UInt32(source) || Mutated.senderCheck,
            token < UInt32(layout.maximumTokens) || Mutated.tokenCheck, Int(token) > lastToken || Mutated.tokenOrder,
            choice < UInt32(layout.choices), header[2] >> 16 == stamp || Mutated.stampCheck
        else {
            throw corrupt(
                .dispatch, source,
                "a slot of call \(header[2] >> 16) (now \(stamp)) says source \(sender), token \(token) after "
                    + "\(lastToken), choice \(choice); the rank's number is \(source)")
        }
        let bit = (source * layout.maximumTokens + Int(token)) * layout.choices + Int(choice)
        let mask: UInt64 = 1 << UInt64(bit & 63)
        guard arrived[bit >> 6] & mask == 0 || Mutated.arrivedTwice else {
            throw corrupt(.dispatch, source, "token \(token), choice \(choice) arrived twice")
        }
        arrived[bit >> 6] |= mask
        return (
            RowOrigin(source: Int32(source), token: Int32(token), choice: Int32(choice)),
            Float(bitPattern: header[3])
        )
    }

    private func decode(at offset: Int, scale: Float, into rows: inout [Float], row: Int) {
        let endpoint = endpoint
        let payload = endpoint.bytes(at: offset, byteCount: layout.dispatchRowByteCount)
        var all = rows.mutableSpan
        var target = all._mutatingExtracting(row * layout.hidden..<(row + 1) * layout.hidden)
        switch layout.dispatchFormat {
        case .float32: NumberFormats.decodeFloat32(payload, into: &target)
        case .bfloat16: NumberFormats.decodeBFloat16(payload, into: &target)
        case .int8: NumberFormats.decodeInt8(payload, scale: scale, into: &target)
        }
    }
}
