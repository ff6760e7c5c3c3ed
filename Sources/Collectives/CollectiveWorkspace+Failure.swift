internal import Fabric

// How a collective ends when it cannot be completed: every rank hears which one to blame, within moments.

extension CollectiveWorkspace {
    /// Runs one operation. Its first error ends the workspace and is told to all ranks.
    ///
    /// - Parameter flight: its number in the flight recorder, which learns how it ends; or 0.
    func perform(
        _ operation: CollectiveOperation, _ team: Team, flight: UInt64, _ body: () throws(FabricError) -> Void
    ) throws(FabricError) {
        do throws(FabricError) {
            if let failure { throw failure }
            if teams.last !== team, !teams.contains(where: { $0 === team }) {
                teams.removeAll(where: \.isDestroyed)
                teams.append(team)
            }
            try body()
        } catch {
            endpoint.endFlight(flight, inSuccess: false)
            if let failure { throw failure }
            var final = trace(error)
            final.context = "in \(operation)" + (final.context.isEmpty ? "" : ", \(final.context)")
            failure = final
            // Members of this team that wait on its board, and those that wait for this die's events, hear of it.
            team.fail(final)
            for other in teams where other !== team { other.fail(final) }
            tell(final)
            throw final
        }
    }

    /// Finds the rank that is really to blame for a time-out: the peer may itself wait for another, or have just given up.
    ///
    /// Dies of one operation time out at about the same moment, even by the same tick of the kernel's timer, so a peer, or one that
    /// it waits for in turn, may be between its wait and its message. All of them are looked at many times in a tenth of a second,
    /// with short waits for the peer's message in between whose length depends on the rank, so that two dies do not keep step. A
    /// rank that has given up is believed; else the end of the longest chain seen is to blame.
    private func trace(_ error: FabricError) -> FabricError {
        guard error.code == .timedOut, error.peers.count == 1, let direct = error.peers.first else { return error }
        let pause = 2 + endpoint.rank.index % 7
        var error = error
        var longest = 0
        for _ in 0..<max(1, 100 / pause) {
            var culprit = direct
            var length = 0
            while length < endpoint.rankCount {
                if endpoint.hasReached(Notification.givenUp, at: line(culprit)) { return told(by: culprit) }
                guard let next = endpoint.rankAwaited(by: culprit), next != endpoint.rank, next != culprit else {
                    break
                }
                culprit = next
                length += 1
            }
            if length > longest {
                longest = length
                error.peers = [culprit]
                error.context = "rank \(direct) waits for it"
            }
            let said = try? endpoint.wait(  // a time-out: the peer has nothing to say yet
                at: line(direct), reaches: Notification.givenUp,
                deadline: endpoint.deadline(after: .milliseconds(pause)),
                peer: direct, operation: .collective)
            if said != nil { return told(by: direct) }
        }
        return error
    }

    /// Tells every rank of the cluster that this die has given up, and on whom.
    ///
    /// Not when the epoch has moved: every rank sees that by itself.
    private func tell(_ error: FabricError) {
        guard !error.isSeenByAll else { return }
        let why = FailureWord.word(for: error, of: endpoint.rank)
        let mine = line(endpoint.rank)
        for peer in 0..<Rank(endpoint.rankCount) where peer != endpoint.rank {
            do {
                try endpoint.store(why, to: peer, at: mine + Self.failureOffset)
                try endpoint.signal(.set, Notification.givenUp, at: peer, mine)
            } catch {
                continue  // A rank that cannot be told finds out by its own deadline.
            }
        }
    }

    /// What a rank said when it gave up.
    func told(by peer: Rank) -> FabricError {
        let word = word(line(peer) + Self.failureOffset)
        // A rank says why before it says that it has given up.
        return endpoint.failure(from: word, operation: .collective, context: "rank \(peer) gave up on it")
            ?? (word == 0
                ? overwritten(peer, "flag", Notification.givenUp) : overwritten(peer, "word of failure", word))
    }
}
