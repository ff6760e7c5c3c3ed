internal import Fabric
internal import Histories
internal import Mutants

// How members tell each other that their rows are there, or that they refuse their own call.

extension ExpertExchange {
    /// The two phases of a call, each with its own flags.
    enum Phase {
        case dispatch, combine

        var operation: FabricOperation {
            switch self {
            case .dispatch: .dispatch
            case .combine: .combine
            }
        }
    }

    /// The flag that member `writer` sets at every other member in the current call.
    func flagOffset(_ phase: Phase, writer: Int) -> Int {
        switch phase {
        case .dispatch: region.offset + layout.dispatchStatus(half: half, source: writer)
        case .combine: region.offset + layout.combineStatus(half: half, peer: writer)
        }
    }

    /// Tells member `peer` that `count` rows are there; nil refuses. Releases the rows; acquired in `collect`.
    func publish(_ phase: Phase, to peer: Int, count: Int?) throws(FabricError) {
        note(.flag, phase, peer, count: count)
        try endpoint.notify(
            sequence, value: count.map { UInt64($0) } ?? ExpertLayout.refusal, at: team[peer],
            flagOffset(phase, writer: team.rank))
    }

    /// Refuses this member's own call: all others learn of it, and all flags are seen, so that the next call may follow.
    ///
    /// An error on the way leaves the exchange broken and is dropped: the refusal's own reason is the one to report.
    func refuse(_ phase: Phase) {
        do {
            for step in 0..<layout.rankCount {
                try publish(phase, to: (team.rank + step) % layout.rankCount, count: nil)
            }
            try collect(phase)
        } catch {
            broken = true
        }
    }

    /// Waits for the flags of all members and notes who has refused. Acquires their rows and counts.
    ///
    /// - Throws: `.timedOut` naming all members whose flag is missing; `.corrupt` for a flag of another call, or of another number of
    ///   rows: in a dispatch than the counts beside it add up to, in a combine than were sent to it.
    func collect(_ phase: Phase) throws(FabricError) {
        let endpoint = endpoint
        let deadline = endpoint.deadline()
        for step in 0..<layout.rankCount {
            let peer = (team.rank + step) % layout.rankCount
            let offset = flagOffset(phase, writer: peer)
            if !endpoint.isNotified(sequence, at: offset) {
                let start = ContinuousClock.now
                do throws(FabricError) {
                    // What it says is read below, when the rows it should tell of are known.
                    _ = try endpoint.awaitNotification(
                        sequence, at: offset, from: team[peer], deadline: deadline, operation: phase.operation)
                } catch {
                    throw error.code == .timedOut ? blame(error, phase) : error
                }
                noteWait(phase, peer, (ContinuousClock.now - start).components)
            }
            let flag = endpoint.values(UInt64.self, at: offset, count: 1)[0]
            hasRefused[peer] = flag == endpoint.notification(sequence, value: ExpertLayout.refusal)
            guard hasRefused[peer] || flag == endpoint.notification(sequence, value: rowCount(phase, peer)) else {
                throw corrupt(
                    phase, peer, "its flag of call \(sequence) is \(flag), which does not go with its rows")
            }
            note(.seen, phase, peer, count: hasRefused[peer] ? nil : Int(clamping: rowCount(phase, peer)))
        }
    }

    /// Rows that a member's flag must tell of: those that its counts say it sent, or those it got and so returns.
    private func rowCount(_ phase: Phase, _ peer: Int) -> UInt64 {
        guard phase == .dispatch else { return UInt64(plan.rowCount(to: peer)) }
        let endpoint = endpoint
        let counts = endpoint.values(
            UInt32.self, at: flagOffset(.dispatch, writer: peer) + ExpertLayout.countsOffset,
            count: layout.localExpertCount)
        var sum: UInt64 = 0
        for expert in counts.indices { sum += UInt64(counts[expert]) }
        return sum
    }

    /// Throws if a member has refused its own call.
    func requireNoRefusal(_ phase: Phase) throws(FabricError) {
        guard hasRefused.contains(true), !Mutated.refusal else { return }
        let peers = hasRefused.indices.filter { hasRefused[$0] }.map { team[$0] }
        throw FabricError(
            .mismatch, scope: .operation, operation: phase.operation, rank: endpoint.rank, peers: peers,
            epoch: endpoint.epoch, phase: endpoint.phase,
            context:
                "rank \(peers.map(String.init).joined(separator: ", ")) refused its own input; its message says why")
    }

    func corrupt(_ phase: Phase, _ peer: Int, _ context: String) -> FabricError {
        FabricError(
            .corrupt, scope: .peer, operation: phase.operation, rank: endpoint.rank, peers: [team[peer]],
            epoch: endpoint.epoch, phase: endpoint.phase, context: context)
    }

    /// A time-out names every member whose flag is missing.
    private func blame(_ error: FabricError, _ phase: Phase) -> FabricError {
        var error = error
        error.peers = (0..<layout.rankCount)
            .filter { !endpoint.isNotified(sequence, at: flagOffset(phase, writer: $0)) }
            .map { team[$0] }
        return error
    }

    private func noteWait(_ phase: Phase, _ peer: Int, _ time: (seconds: Int64, attoseconds: Int64)) {
        let nanoseconds =
            UInt64(max(0, time.seconds)) * 1_000_000_000 + UInt64(max(0, time.attoseconds)) / 1_000_000_000
        switch phase {
        case .dispatch: statistics.dispatchWaitNanoseconds[peer] += nanoseconds
        case .combine: statistics.combineWaitNanoseconds[peer] += nanoseconds
        }
    }
}
