internal import Fabric
internal import Hashing
internal import Histories

// What an exchange notes in its die's history, if there is one: what it was asked, what it sent and saw, and what came of it.

extension ExpertExchange {
    /// Values that are written out in full in one entry at most; of more there is only a digest.
    private static let mostValues = 1 << 13

    private func entry(_ kind: HistoryEntry.Kind) -> HistoryEntry {
        HistoryEntry(
            kind,
            [
                .exchange: [historyNumber], .call: [Int(truncatingIfNeeded: sequence)],
                .members: (0..<team.size).map { team[$0].index },
            ])
    }

    /// A dispatch begins: the choices, and a digest of each row as it travels.
    func noteDispatch(tokens: Int) {
        guard let history = endpoint.history else { return }
        var entry = entry(.dispatch)
        entry[.experts] = [layout.expertCount]
        entry[.limit] = [layout.maximumTokens]
        entry[.choices] = [layout.choices]
        entry[.chosen] = plan.chosen.prefix(tokens * layout.choices).map(Int.init)
        entry[.digest] = (0..<tokens).map { digest(at: region.offset + layout.staging($0)) }
        history.record(entry)
    }

    /// A dispatch is done: what arrived, row by row.
    func noteReceived(_ result: DispatchResult) {
        guard let history = endpoint.history else { return }
        var entry = entry(.received)
        var (experts, digests): ([Int], [Int]) = ([], [])
        for expert in 0..<layout.localExpertCount {
            for source in 0..<layout.rankCount {
                let segment = expert * layout.rankCount + source
                for row in segments[segment]..<segments[segment + 1] {
                    experts.append(team.rank * layout.localExpertCount + expert)
                    digests.append(
                        digest(
                            at: region.offset
                                + layout.dispatchSlot(
                                    half: half, expert: expert, source: source, index: row - segments[segment])))
                }
            }
        }
        let origins = buffers.origins.prefix(result.rowCount)
        entry[.expert] = experts
        entry[.source] = origins.map { Int($0.source) }
        entry[.token] = origins.map { Int($0.token) }
        entry[.choice] = origins.map { Int($0.choice) }
        entry[.digest] = digests
        history.record(entry)
    }

    /// A combine begins: the experts' answers and the weights of this member's tokens, bit by bit where they are few.
    func noteCombine(_ rows: Span<Float>, _ weights: Span<Float>) {
        guard let history = endpoint.history else { return }
        var entry = entry(.combine)
        entry[.narrow] = [layout.combineFormat == .bfloat16 ? 1 : 0]
        entry[.width] = [layout.hidden]
        if rows.count <= Self.mostValues {
            entry[.answers] = rows.indices.map { Int(rows[$0].bitPattern) }
            entry[.weights] = weights.indices.map { Int(weights[$0].bitPattern) }
        }
        history.record(entry)
    }

    /// A combine is done: the sums.
    func noteCombined(_ sums: Span<Float>) {
        guard let history = endpoint.history else { return }
        var entry = entry(.combined)
        var digest = FNV1a()
        for index in sums.indices { digest.add(UInt64(sums[index].bitPattern)) }
        entry[.digest] = [digest.signed]
        if sums.count <= Self.mostValues { entry[.sums] = sums.indices.map { Int(sums[$0].bitPattern) } }
        history.record(entry)
    }

    /// A flag was sent or seen; a refusal counts as -1.
    func note(_ kind: HistoryEntry.Kind, _ phase: Phase, _ peer: Int, count: Int?) {
        guard let history = endpoint.history else { return }
        var entry = entry(kind)
        entry[.phase] = [phase == .dispatch ? 0 : 1]
        entry[.peer] = [peer]
        entry[.count] = [count ?? -1]
        entry[.epoch] = [Int(truncatingIfNeeded: endpoint.epoch)]
        history.record(entry)
    }

    /// A call failed.
    func noteFailure(_ phase: Phase, _ error: FabricError) {
        guard let history = endpoint.history else { return }
        var entry = entry(.failed)
        entry.text = error.code.rawValue
        entry[.phase] = [phase == .dispatch ? 0 : 1]
        entry[.peers] = error.peers.map(\.index)
        entry[.epoch] = [Int(truncatingIfNeeded: error.epoch)]
        history.record(entry)
    }

    /// Of a row as it lies in staging or in a slot: scale and payload, and not what is put beside them.
    private func digest(at offset: Int) -> Int {
        let endpoint = endpoint
        var digest = FNV1a()
        let scale = endpoint.values(UInt8.self, at: offset + 12, count: 4)
        for index in scale.indices { digest.add(byte: scale[index]) }
        let payload = endpoint.values(
            UInt8.self, at: offset + layout.headerByteCount, count: layout.dispatchRowByteCount)
        for index in payload.indices { digest.add(byte: payload[index]) }
        return digest.signed
    }
}
