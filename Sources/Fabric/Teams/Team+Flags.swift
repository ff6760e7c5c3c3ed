internal import CLinux
internal import Mutants
public import SharedMemory

// Small teams whose members have a core each: each writes its record into every member's window, flag and words in one line, so
// that the line that tells of the arrival brings what is said with it. One hop, n - 1 stores and waits; no member is first or last.
//
// Rounds alternate between two halves of a record. A member writes a half again two rounds later, after it has seen every member's flag of
// the round between, which each sends only when it has read the half. A flag is the notification of its round.

extension Team {
    /// Teams up to this size have a record for each member in every window.
    static let flagTeamSize = 4

    /// The last of a record's seven words says in which round it was written: a barrier's round leaves it as it was.
    static let roundWord = 6

    /// Whether members meet by flags; the same at every member.
    public var meetsByFlags: Bool { isNear && size <= Self.flagTeamSize && endpoint.spins }

    /// Where a member's record of the current round lies in every window.
    func flagRecord(_ member: MemberIndex) -> Int {
        offset(WindowLayout.flagsOffset) + member * WindowLayout.recordByteCount
            + (flagRound & 1 == 0 || Mutated.flagParity ? 0 : WindowLayout.recordByteCount / 2)
    }

    /// One round without words: the shortest way from flag to flag; what takes longer is left to the waiter.
    func syncByFlags(_ deadline: Deadline?, _ operation: FabricOperation) throws(FabricError) {
        flagRound &+= 1
        let round = endpoint.notification(flagRound)
        let mine = flagRecord(rank)
        // Each releases everything put before; acquired below, at each other member. A plain store, so that it travels while this
        // member looks for the others' flags; a sleeper is looked for behind a fence, which by then has little to wait for.
        for step in 1..<size {
            endpoint.peerWord(self[(rank + step) % size], at: mine).storeReleasing(round)
        }
        var isLate = false
        for step in 1..<size where !isLate {
            let word = endpoint.word(at: flagRecord((rank + step) % size))
            var looks = 0
            while word.loadAcquiring() < round, !isLate {
                softpod_pause()
                looks &+= 1
                isLate = looks >= Self.briefLooks
            }
            isLate = isLate || word.loadRelaxed() != round
        }
        // The sleeper stores its doorbell and then reads the flag; this member stored the flag and now reads the doorbells.
        endpoint.fullFence()
        for step in 1..<size { endpoint.wake(self[(rank + step) % size], mine) }
        if isLate { try awaitFlags(deadline, operation) }
    }

    /// Looks before a wait is a wait: a few hops between cores.
    private static let briefLooks = 50

    /// Begins a round without words; ``hasExchanged(_:)`` or ``awaitExchange(_:_:)`` ends it.
    public func beginFlags() throws(FabricError) {
        if let failure { throw failure }
        flagRound &+= 1
        isMeeting = true
        try sendFlags()
    }

    /// Begins a round in which each tells all others seven words and up to 64 bytes. The seventh word is the team's own.
    ///
    /// When it has ended, read them with ``posted(by:_:)`` and ``payload(of:byteCount:)`` before the team's next round.
    public func beginExchange(_ words: [7 of UInt64], payload: RawSpan? = nil) throws(FabricError) {
        if let failure { throw failure }
        precondition(alive && meetsByFlags && !isMeeting, "small teams exchange, one round at a time")
        flagRound &+= 1
        isMeeting = true
        let record = flagRecord(rank)
        for step in 0..<size {
            let peer = self[(rank + step) % size]
            if let payload, payload.byteCount > 0 {
                precondition(payload.byteCount <= 64, "a record holds 64 bytes of payload")
                try endpoint.put(payload, to: peer, at: record + 64)
            }
            let post = endpoint.peerWords(peer, at: record + 8, count: 7)
            for index in 0..<7 { post[index].storeRelaxed(index == Self.roundWord ? flagRound : words[index]) }
        }
        try sendFlags()
    }

    /// Whether the round has ended, without waiting.
    public func hasExchanged(_ operation: FabricOperation) throws(FabricError) -> Bool {
        for other in 0..<size where other != rank {
            guard endpoint.isNotified(flagRound, at: flagRecord(other)) else { return false }
            let flag = endpoint.word(at: flagRecord(other)).loadRelaxed()
            try checkFlag(Notification.read(flag, flagRound, epoch: endpoint.epoch), of: other, operation)
        }
        isMeeting = false
        return true
    }

    /// Waits until the round has ended.
    public func awaitExchange(_ deadline: Deadline?, _ operation: FabricOperation) throws(FabricError) {
        try guarded { () throws(FabricError) in try awaitFlags(deadline, operation) }
    }

    /// A whole round with words.
    public func exchange(
        _ words: [7 of UInt64], payload: RawSpan? = nil, deadline: Deadline?, operation: FabricOperation
    ) throws(FabricError) {
        try beginExchange(words, payload: payload)
        try awaitExchange(deadline, operation)
    }

    /// Each member tells all others seven words, by flags or on the board; on return all have.
    func meet(_ words: [7 of UInt64], _ operation: FabricOperation) throws(FabricError) {
        if meetsByFlags { return try exchange(words, deadline: nil, operation: operation) }
        try guarded { () throws(FabricError) in
            if try arrive(words) { return try close() }
            try awaitEnd(nil, operation)
        }
    }

    /// Releases everything put before, and the record; acquired in `awaitFlags` at each other member.
    private func sendFlags() throws(FabricError) {
        let record = flagRecord(rank)
        for step in 1..<max(size, 1) {
            try endpoint.notify(flagRound, at: self[(rank + step) % size], record)
        }
    }

    private func awaitFlags(_ deadline: Deadline?, _ operation: FabricOperation) throws(FabricError) {
        for step in 1..<max(size, 1) {
            let other = (rank + step) % size
            let reading: Notification.Reading
            do {
                reading = try endpoint.awaitNotification(
                    flagRound, at: flagRecord(other), from: self[other], deadline: deadline, operation: operation)
            } catch {
                guard error.code == .timedOut else { throw error }
                throw blame(
                    error, (0..<size).filter { $0 != rank && !endpoint.isNotified(flagRound, at: flagRecord($0)) })
            }
            try checkFlag(reading, of: other, operation)
        }
        isMeeting = false
    }
}
