internal import Mutants
internal import SharedMemory

// What members make of words of the team that cannot be: an error that tells whose word it was, and never a trap. All of this is
// beside the way of a barrier, which pays a comparison for it.

extension Team {
    /// A word in a rank's window that no member of the team can have stored.
    @inline(never)
    func corrupt(_ operation: FabricOperation, in rank: Rank, _ word: String, _ value: UInt64) -> FabricError {
        FabricError(
            .corrupt, scope: .operation, operation: operation, rank: endpoint.rank, peers: [rank],
            epoch: endpoint.epoch, phase: endpoint.phase,
            context: "the \(word) of team slot \(slot) in the window of rank \(rank) is \(value), which no member "
                + "stores: it was overwritten")
    }

    /// Whether an arrival was the last of `count`, by what the counter in a rank's window is after it.
    ///
    /// A count that no arrivals can give is seen at the latest by the member that arrives last.
    @inline(__always)
    func isLast(_ arrivals: UInt64, of count: Int, in rank: Rank) throws(FabricError) -> Bool {
        let left = generation &* UInt64(count) &- arrivals
        guard left < UInt64(count) || Mutated.arrivalCheck else {
            throw corrupt(.barrier, in: rank, "counter of arrivals", arrivals)
        }
        return left == (Mutated.lastArrival && count > 1 ? 1 : 0)
    }

    /// What the member that gave up first said.
    ///
    /// - Parameter member: whose flag said so, where members meet by flags.
    func givenUp(_ operation: FabricOperation, by member: MemberIndex? = nil) -> FabricError {
        let word = leaderWord(WindowLayout.faultOffset).loadSequentially()
        if let told = endpoint.failure(from: word, operation: operation, context: "another member gave up on it") {
            return told
        }
        if word == 0, let member {
            return corrupt(operation, in: endpoint.rank, "flag of rank \(self[member])", Notification.givenUp)
        }
        return corrupt(
            operation, in: start, word == 0 ? "gate" : "fault word", word == 0 ? Notification.givenUp : word)
    }

    /// What a gate beyond this meeting means: that a member has given up, unless the meeting was over before; else nonsense.
    func checkGate(_ gate: UInt64, _ operation: FabricOperation) throws(FabricError) {
        guard gate != Notification.givenUp else {
            if wasOver(generation) { return }
            throw givenUp(operation)
        }
        throw corrupt(operation, in: start, "gate", gate)
    }

    /// Whether a meeting was over when the first member gave up.
    private func wasOver(_ meeting: UInt64) -> Bool {
        leaderWord(WindowLayout.faultOffset + 8).loadSequentially() > meeting
    }

    /// What a flag says that has reached this round: that the member has arrived, that it has given up, or nonsense.
    func checkFlag(
        _ reading: Notification.Reading, of member: MemberIndex, _ operation: FabricOperation
    ) throws(FabricError) {
        switch reading {
        // A half of a record is written again only after this member's next round.
        case .reached(flagRound): return
        case .givenUp:
            if hadArrived(member) { return }
            throw givenUp(operation, by: member)
        case .reached(let round): throw impossibleFlag(endpoint.notification(round), of: member, operation)
        case .impossible where Mutated.flagCheck: return
        case .impossible(let flag): throw impossibleFlag(flag, of: member, operation)
        }
    }

    private func impossibleFlag(_ flag: UInt64, of member: MemberIndex, _ operation: FabricOperation) -> FabricError {
        corrupt(operation, in: endpoint.rank, "flag of rank \(self[member])", flag)
    }

    /// Whether a member had arrived at this round before it gave up.
    private func hadArrived(_ index: Int) -> Bool {
        endpoint.peerWord(self[index], at: offset(WindowLayout.faultOffset) + 16).loadSequentially() >= flagRound
    }

    /// Where the board of a new team lies in its leader's window, by the leader's word for it; 0 if it had no room.
    static func checkBoard(_ word: UInt64, leader: Rank, size: Int, on endpoint: Endpoint) throws(FabricError) -> Int {
        guard word != 0 else { return 0 }
        let first = UInt64(WindowLayout.boardsOffset)
        let record = UInt64(WindowLayout.recordByteCount)
        let room = UInt64(WindowLayout.recordCount(dies: endpoint.rankCount) - size) * record
        guard Mutated.boardCheck || word >= first && word - first <= room && (word - first) % record == 0 else {
            throw FabricError(
                .corrupt, scope: .operation, operation: .split, rank: endpoint.rank, peers: [leader],
                epoch: endpoint.epoch, phase: endpoint.phase,
                context: "the board of the team that rank \(leader) leads is said to be at \(word), where there is none"
            )
        }
        return Int(word)
    }
}
