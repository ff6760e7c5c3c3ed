internal import Mutants
public import SharedMemory
internal import Synchronization

// A meeting: every member of a near team posts what it has to say on the leader's board and counts itself in; the last to
// arrive sees what all have posted, and answers, or opens work of which every member that runs may take pieces.
//
// ## Why
// Where ranks outnumber cores, a member that waits has to be given the processor before it can go on, so the best protocol lets each
// member wait once, and those that run do the work of those that do not. Where each has a core, one counter and one watched
// word are two hops.
//
// ## Order
// A post is released by the member's fetch-add on the arrivals and acquired by the last arriver's. The last arriver's answer,
// and through it all posts, are released by the gate and acquired by each member that sees it. What a member wrote for a piece is
// released by its fetch-add on the completed pieces, acquired by the one that completes, and passed on by the gate. A member posts for
// its next meeting but one in the same record only after all arrived at the next, so none still reads it.
//
// ## Failure
// A member that gives up stores all ones into the gate and whom it blames into the fault word: all others hear at once.

extension Team {
    /// Members of a team that share a counter before the leader's.
    static let groupSize = 16
    /// Teams larger than this count by groups, where many cores would otherwise contend for one line.
    static let flatSize = 64

    /// A word of the slot in the leader's window.
    func leaderWord(_ word: Int) -> Word { endpoint.peerWord(start, at: offset(word)) }

    /// What the leader's gate says: which meeting is open, and which are over.
    private var gateWord: Word { leaderWord(WindowLayout.gateOffset) }

    private var crowd: Crowd {
        Crowd(
            sleepers: leaderWord(WindowLayout.sleepersOffset),
            number: start.index * WindowLayout.teamSlotCount + slot)
    }

    /// Where a member's record of the current meeting lies, and in whose window.
    private var recordHolder: Rank { meetsByFlags ? endpoint.rank : start }
    private func record(_ member: MemberIndex) -> Int {
        if meetsByFlags { return flagRecord(member) }
        return board + member * WindowLayout.recordByteCount
            + (generation & 1 == 0 || Mutated.boardParity ? 0 : WindowLayout.recordByteCount / 2)
    }

    /// Begins a meeting: posts seven words and up to 64 bytes, and arrives.
    ///
    /// Until ``awaitEnd(_:_:)`` or ``close()`` the member may do nothing else with the team.
    /// - Returns: whether this member was the last; then it must ``open()`` or ``close()``.
    public func arrive(_ words: [7 of UInt64], payload: RawSpan? = nil) throws(FabricError) -> Bool {
        try begin()
        let record = record(rank)
        if let payload, payload.byteCount > 0 {
            precondition(payload.byteCount <= 64, "a record holds 64 bytes of payload")
            try endpoint.put(payload, to: start, at: record + 64)
        }
        let post = endpoint.peerWords(start, at: record, count: 8)
        post[0].storeRelaxed(generation)
        for index in 0..<7 { post[1 + index].storeRelaxed(words[index]) }
        guard try countIn() else { return false }
        // Released by the gate; see hasSpoken.
        leaderWord(WindowLayout.gateOffset + 8).storeRelaxed(generation)
        return true
    }

    /// Begins a meeting without a post, as a barrier does; else as ``arrive(_:payload:)``.
    public func arrive() throws(FabricError) -> Bool {
        try begin()
        return try countIn()
    }

    private func begin() throws(FabricError) {
        if let failure { throw failure }
        precondition(alive && isNear && !meetsByFlags && !isMeeting, "one meeting of a near team at a time")
        generation &+= 1
    }

    /// Counts this member in. Whether it was the last; if not, it says that it waits, so that a last arriver that dies stands out.
    private func countIn() throws(FabricError) -> Bool {
        if try countArrival() { return true }
        endpoint.word(at: offset(WindowLayout.waitsOffset)).storeRelaxed(generation)
        return false
    }

    /// Counts this member in, by its group where many cores would contend for one line. Whether it was the last.
    private func countArrival() throws(FabricError) -> Bool {
        isMeeting = true
        endpoint.word(at: offset(WindowLayout.arrivedOffset)).storeReleasing(generation)
        if size > Self.flatSize, endpoint.hasManyCores {
            let group = rank / Self.groupSize
            let members = min(Self.groupSize, size - group * Self.groupSize)
            let groups = (size + Self.groupSize - 1) / Self.groupSize
            // Sequentially consistent, each acquiring what earlier arrivers released: the last of a group passes it on.
            let first = self[group * Self.groupSize]
            let here = try endpoint.fetchAdd(1, at: first, offset(WindowLayout.groupOffset))
            guard try isLast(here &+ 1, of: members, in: first) else { return false }
            return try isLast(
                endpoint.fetchAdd(1, at: start, offset(WindowLayout.arrivalsOffset)) &+ 1, of: groups, in: start)
        }
        return try isLast(
            endpoint.fetchAdd(1, at: start, offset(WindowLayout.arrivalsOffset)) &+ 1, of: size, in: start)
    }

    /// Whether a member posted for this meeting; else what is on the board is from a meeting before. Valid as ``posted(by:_:)``.
    public func hasPosted(_ member: MemberIndex) -> Bool {
        precondition(member >= 0 && member < size, "no such member")
        if meetsByFlags { return posted(by: member, Self.roundWord) == flagRound }
        return endpoint.peerWord(start, at: record(member)).loadRelaxed() == generation
    }

    /// Whether the last arriver of a meeting that is open or over had posted, and so looked at what the others posted.
    public var hasSpoken: Bool {
        meetsByFlags
            || leaderWord(WindowLayout.gateOffset + 8).loadRelaxed() == generation
    }

    /// What a member posted for this meeting. Valid at the last arriver, and at all members once the meeting is open or over.
    public func posted(by member: MemberIndex, _ index: Int) -> UInt64 {
        precondition(member >= 0 && member < size && index >= 0 && index < 7, "no such word on the board")
        return endpoint.peerWord(recordHolder, at: record(member) + 8 + 8 * index).loadRelaxed()
    }

    /// The bytes a member posted for this meeting; `byteCount` of at most 64. Valid as ``posted(by:_:)``.
    @_lifetime(borrow self)
    public func payload(of member: MemberIndex, byteCount: Int) -> RawSpan {
        precondition(member >= 0 && member < size && byteCount <= 64, "no such payload on the board")
        return boardBytes(recordHolder, at: record(member) + 64, byteCount)
    }

    @_lifetime(borrow self)
    private func boardBytes(_ holder: Rank, at offset: Int, _ byteCount: Int) -> RawSpan {
        let endpoint = endpoint
        guard let bytes = endpoint.peerBytes(holder, at: offset, byteCount: byteCount) else {
            preconditionFailure("the board of a near team")
        }
        return unsafe _overrideLifetime(bytes, borrowing: self)
    }

    /// A word of the answer. Written by the last arriver, or by a member that owns the word by agreement, before it completes.
    public func setAnswer(_ index: Int, _ value: UInt64) {
        precondition((0..<8).contains(index), "an answer has eight words")
        leaderWord(WindowLayout.answerOffset + 8 * index).storeRelaxed(value)
    }

    /// The answer. Valid until the member arrives at its next meeting.
    public func answer(_ index: Int) -> UInt64 {
        precondition((0..<8).contains(index), "an answer has eight words")
        return leaderWord(WindowLayout.answerOffset + 8 * index).loadRelaxed()
    }

    /// The answer as bytes, of which there are 64. Valid as ``answer(_:)``.
    @_lifetime(borrow self)
    public func answerBytes(byteCount: Int) -> RawSpan {
        precondition(byteCount >= 0 && byteCount <= 64, "an answer has 64 bytes")
        return boardBytes(start, at: offset(WindowLayout.answerOffset), byteCount)
    }

    /// The answer as bytes to write. Only the last arriver calls this.
    @_lifetime(borrow self)
    public func mutableAnswerBytes(byteCount: Int) -> MutableRawSpan {
        precondition(byteCount >= 0 && byteCount <= 64, "an answer has 64 bytes")
        let endpoint = endpoint
        guard
            let bytes = endpoint.peerMutableBytes(start, at: offset(WindowLayout.answerOffset), byteCount: byteCount)
        else { preconditionFailure("the board of a near team") }
        return unsafe _overrideLifetime(bytes, borrowing: self)
    }

    /// Opens the work. Only the last arriver calls this, when it has said in the answer what the work is.
    public func open() throws(FabricError) {
        leaderWord(WindowLayout.claimsOffset).storeRelaxed(0)
        leaderWord(WindowLayout.completedOffset).storeRelaxed(0)
        try setGate(generation &* 2 &- 1, from: generation &* 2 &- 2)
    }

    /// Ends a meeting that has no work. Only the last arriver calls this, and need not wait.
    public func close() throws(FabricError) {
        try setGate(generation &* 2, from: generation &* 2 &- 2)
        isMeeting = false
    }

    /// Takes the next piece of open work: its number, which may be beyond the last.
    public func claim() -> Int {
        endpoint.word(at: offset(WindowLayout.arrivedOffset) + 8).storeRelaxed(1)
        return Int(clamping: endpoint.addNear(1, at: start, offset(WindowLayout.claimsOffset)))
    }

    /// Says that this member has finished `count` pieces of `pieces`; the member that brings it to the last ends the meeting for all.
    public func complete(_ count: Int, of pieces: Int) throws(FabricError) {
        let mine = offset(WindowLayout.arrivedOffset)
        guard count > 0 else { return endpoint.word(at: mine + 8).storeRelaxed(0) }
        let before = endpoint.addNear(UInt64(count), at: start, offset(WindowLayout.completedOffset))
        endpoint.word(at: mine + 8).storeRelaxed(0)
        endpoint.word(at: mine + 16).storeRelaxed(generation)
        let done = before &+ UInt64(count)
        if done == UInt64(pieces) {
            try setGate(generation &* 2, from: generation &* 2 &- 1)
        } else if done > UInt64(pieces) {
            // More than there are: the meeting may have ended before all were done.
            throw corrupt(.collective, in: start, "counter of finished pieces", done)
        }
    }

    /// Whether the meeting is open for work, or over.
    public var isOpen: Bool { gateWord.loadAcquiring() >= generation &* 2 &- 1 }

    /// Whether the meeting is over. Throws if a member has given up.
    public func isOver() throws(FabricError) -> Bool {
        let gate = gateWord.loadAcquiring()
        guard gate >= generation &* 2 else { return false }
        if gate != generation &* 2 { try checkGate(gate, .collective) }
        isMeeting = false
        return true
    }

    /// Waits until the meeting is open or over.
    public func awaitOpening(_ deadline: Deadline?, _ operation: FabricOperation) throws(FabricError) {
        _ = try awaitGate(generation &* 2 &- 1, deadline, operation)
    }

    /// Waits until the meeting is over.
    public func awaitEnd(_ deadline: Deadline?, _ operation: FabricOperation) throws(FabricError) {
        _ = try awaitGate(generation &* 2, deadline, operation)
        isMeeting = false
    }

    private func awaitGate(
        _ target: UInt64, _ deadline: Deadline?, _ operation: FabricOperation
    ) throws(FabricError) -> UInt64 {
        let word = gateWord
        var gate = word.loadAcquiring()
        if gate < target {
            let outcome = endpoint.waiter.wait(
                word, at: offset(WindowLayout.gateOffset), until: .greaterOrEqual, target, epoch: endpoint.epoch,
                deadline: deadline, timeout: endpoint.timeout, operation: operation.rawValue, peer: nil, crowd: crowd)
            switch outcome {
            case .satisfied(let value): gate = value
            case .epochMoved(let elapsed):
                throw endpoint.membershipChanged(operation, offset(WindowLayout.gateOffset), elapsed)
            case .timedOut(let elapsed): throw overdue(operation, elapsed)
            }
        }
        // No later meeting opens before this member has arrived at it.
        if gate > generation &* 2 { try checkGate(gate, operation) }
        return gate
    }

    /// Which members are missing: those that have not arrived; if all have, the last to arrive, which has not gone on, or one that took a piece and
    /// does not finish it.
    private func overdue(_ operation: FabricOperation, _ elapsed: UInt64) -> FabricError {
        let error = FabricError(
            .timedOut, scope: .peer, operation: operation, rank: endpoint.rank,
            wordOffset: offset(WindowLayout.gateOffset), elapsedNanoseconds: elapsed, epoch: endpoint.epoch,
            phase: endpoint.phase)
        let missing = notArrived()
        if !missing.isEmpty { return blame(error, missing) }
        // All have arrived, and the last has neither opened the work nor ended the meeting.
        let last = gateWord.loadAcquiring() < generation &* 2 &- 1 ? notWaiting() : []
        if !last.isEmpty { return blame(error, last) }
        let working = offset(WindowLayout.arrivedOffset) + 8
        let busy = (0..<size).filter { $0 != rank && endpoint.peerWord(self[$0], at: working).loadRelaxed() != 0 }
        if !busy.isEmpty { return blame(error, busy) }
        // Work of which each has a part of its own is not taken, only finished.
        return blame(
            error,
            (0..<size).filter {
                $0 != rank && endpoint.peerWord(self[$0], at: working + 8).loadRelaxed() != generation
            })
    }

    private func setGate(_ gate: UInt64, from previous: UInt64) throws(FabricError) {
        let (exchanged, found) = unsafe gateWord.atomic.pointee.compareExchange(
            expected: previous, desired: gate, ordering: .sequentiallyConsistent)
        guard exchanged else {
            // A gate has one writer at a time, but for members that give up.
            guard found == Notification.givenUp else { throw corrupt(.collective, in: start, "gate", found) }
            throw givenUp(.collective)
        }
        wakeAll()
    }

    private func wakeAll() {
        let crowd = crowd
        guard !Mutated.crowdWakeUp, crowd.mayBeAsleep, crowd.wakeAll(gateWord) else { return }
        for index in 0..<size where index != rank {
            endpoint.segment.control(of: self[index].index).wakeIfWaiting(in: crowd)
        }
    }

    /// Gives up on the team and tells the others whom this member blames. The first to do so is the one believed.
    public func fail(_ error: FabricError) {
        failure = failure ?? error
        let wasMeeting = isMeeting
        isMeeting = false
        guard alive, isNear, !error.isSeenByAll else { return }
        // Before anything tells of the failure: members that still leave a meeting that was over must not take its end for it.
        let over = wasMeeting ? generation &- 1 : generation
        _ = unsafe leaderWord(WindowLayout.faultOffset + 8).atomic.pointee.compareExchange(
            expected: 0, desired: over &+ 1, ordering: .sequentiallyConsistent)
        _ = unsafe leaderWord(WindowLayout.faultOffset).atomic.pointee.compareExchange(
            expected: 0, desired: FailureWord.word(for: error, of: endpoint.rank), ordering: .sequentiallyConsistent)
        endpoint.word(at: offset(WindowLayout.faultOffset) + 16).storeSequentially(flagRound)
        if meetsByFlags {
            // Both halves: a member that is a round behind hears as well.
            for peer in 0..<size where peer != rank {
                for half in [0, WindowLayout.recordByteCount / 2] {
                    let flag = offset(WindowLayout.flagsOffset) + rank * WindowLayout.recordByteCount + half
                    try? endpoint.signal(.set, Notification.givenUp, at: self[peer], flag)  // it has its deadline
                }
            }
        } else {
            gateWord.storeSequentially(Notification.givenUp)
            wakeAll()
        }
    }
}
