internal import Fabric
internal import Kernels

// The check words of an exchange where integrity is asked for; `ExpertLayout.swift` draws where they lie. Each is made from the bytes at the
// sender, and compared before anything else looks at what came. Places count from the start of the region, so they are the same at all members.

extension ExpertExchange {
    /// Notes the checksum of a staged row's payload, which is the same for all its choices.
    func noteChecksum(ofRow token: Int) {
        let endpoint = endpoint
        payloadSums[token] = Checksum.crc32c(
            endpoint.bytes(
                at: region.offset + layout.staging(token) + layout.headerByteCount,
                byteCount: layout.dispatchRowByteCount))
    }

    /// Writes the check word of a staged row and its header as they are now, for the slot they will lie in.
    func protectHeader(ofRow token: Int, for slot: Int) {
        let endpoint = endpoint
        let place = region.offset + layout.staging(token)
        let sum = Checksum.crc32c(
            endpoint.bytes(at: place, byteCount: ExpertLayout.metadataByteCount), continuing: payloadSums[token])
        var words = endpoint.mutableValues(UInt64.self, at: place + ExpertLayout.metadataByteCount, count: 2)
        words[0] = endpoint.checkWord(sum, sequence: sequence, place: slot)
        words[1] = sequence
    }

    /// Throws if a row, its header or its check word is not what the source sent to this slot in this call.
    func requireWholeRow(at slot: Int, _ expert: Int, _ source: Int, _ index: Int) throws(FabricError) {
        let endpoint = endpoint
        let metadata = ExpertLayout.metadataByteCount
        let payload = endpoint.bytes(at: slot + layout.headerByteCount, byteCount: layout.dispatchRowByteCount)
        let sum = Checksum.crc32c(
            endpoint.bytes(at: slot, byteCount: metadata), continuing: Checksum.crc32c(payload))
        let words = endpoint.values(UInt64.self, at: slot + metadata, count: 2)
        let right = endpoint.checkWord(sum, sequence: sequence, place: slot - region.offset)
        guard words[0] == right, words[1] == sequence else {
            let token = endpoint.values(UInt32.self, at: slot, count: 4)[1]
            throw endpoint.damaged(
                .dispatch, from: team[source], at: slot,
                byteCount: layout.headerByteCount + layout.dispatchRowByteCount,
                "row \(index) for local expert \(expert) in call \(sequence), whose header says token \(token)")
        }
    }

    /// A member's counts with their check word behind them, as they are put at `place` of its window.
    func countsWithCheck(_ counts: Span<UInt32>, at place: Int) -> [UInt32] {
        let width = layout.countsByteCount / MemoryLayout<UInt32>.size
        var row = [UInt32](repeating: 0, count: width)
        for index in counts.indices { row[index] = counts[index] }
        let check = endpoint.checkWord(
            Checksum.crc32c(row.span.extracting(0..<width - 2)), sequence: sequence, place: place - region.offset)
        row[width - 2] = UInt32(truncatingIfNeeded: check)
        row[width - 1] = UInt32(truncatingIfNeeded: check >> 32)
        return row
    }

    /// Throws if the counts of a source, or their check word, are not what it put.
    func requireWholeCounts(_ counts: Span<UInt32>, of source: Int) throws(FabricError) {
        let endpoint = endpoint
        let place = flagOffset(.dispatch, writer: source) + ExpertLayout.countsOffset
        let said = endpoint.values(
            UInt32.self, at: place, count: layout.countsByteCount / MemoryLayout<UInt32>.size)
        let right = countsWithCheck(counts, at: place)
        for index in right.indices where right[index] != said[index] {
            throw endpoint.damaged(
                .dispatch, from: team[source], at: place, byteCount: layout.countsByteCount,
                "its counts of call \(sequence)")
        }
    }

    /// Writes the check word behind a row that returns, as it lies in staging, for the slot it will lie in.
    func protectAnswer(at place: Int, for slot: Int) {
        let endpoint = endpoint
        let sum = Checksum.crc32c(endpoint.bytes(at: place, byteCount: layout.combineRowByteCount))
        var word = endpoint.mutableValues(
            UInt64.self, at: place + layout.combinePutByteCount - CheckWord.byteCount, count: 1)
        word[0] = endpoint.checkWord(sum, sequence: sequence, place: slot - region.offset)
    }

    /// Throws if a row that returned to this member's tokens, or its check word, is not what the expert's rank sent.
    func requireWholeAnswers() throws(FabricError) {
        let endpoint = endpoint
        let chosen = plan.chosen
        for entry in 0..<openTokens * layout.choices where chosen[entry] >= 0 {
            let (token, choice) = (entry / layout.choices, entry % layout.choices)
            let slot = region.offset + layout.combineSlot(half: half, token: token, choice: choice)
            let sum = Checksum.crc32c(endpoint.bytes(at: slot, byteCount: layout.combineRowByteCount))
            let word = endpoint.values(
                UInt64.self, at: slot + layout.combinePutByteCount - CheckWord.byteCount, count: 1)
            guard word[0] == endpoint.checkWord(sum, sequence: sequence, place: slot - region.offset) else {
                throw endpoint.damaged(
                    .combine, from: team[layout.rank(ofExpert: Int(chosen[entry]))], at: slot,
                    byteCount: layout.combinePutByteCount,
                    "the answer of expert \(chosen[entry]) to token \(token), choice \(choice), in call \(sequence)")
            }
        }
    }
}
