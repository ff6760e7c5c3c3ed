internal import SharedMemory

/// A die's end of its port: descriptors posted to the switch of this host, staging, and the words through which the switch answers.
///
/// Belongs to the die's thread. Every wait has a deadline and ends when the epoch moves; a word that the switch cannot have stored is
/// `.corrupt`.
@safe
final class DescriptorRing {
    private let place: FarPlace
    private let rank: Rank
    private let port: Port
    private let bell: SwitchBell
    private let window: Window
    private let words: Int
    /// Descriptors posted; the value of the port's word.
    private(set) var posted: UInt64 = 0
    /// Answers that have been asked for.
    private(set) var asked: UInt64 = 0
    /// Descriptors known to be taken by the switch.
    private var consumed: UInt64 = 0
    /// Bytes of staging ever used, and those of them that are free again.
    private var stagedTotal: UInt64 = 0
    private var freedTotal: UInt64 = 0
    /// `stagedTotal` behind each entry of the ring.
    private var stagedAfter: InlineArray<256, UInt64> = .init(repeating: 0)

    init(_ place: FarPlace) {
        guard let bell = place.segment.switchBell else { preconditionFailure("a cluster of one host needs no switch") }
        precondition(stagedAfter.count == PortLayout.entryCount, "a note for each entry of the ring")
        self.place = place
        self.bell = bell
        rank = place.rank
        port = place.segment.port(of: place.rank.index)
        window = place.segment.window(of: place.rank.index)
        words = WindowLayout.linkWordsOffset(dies: place.segment.plan.rankCount)
    }

    private func word(_ offset: Int) -> Word { unsafe Word(window.base + words + offset) }

    /// Waits for one of the switch's words. Acquires what the switch did before it.
    private func awaitWord(
        _ offset: Int, _ target: UInt64, _ operation: FabricOperation, _ peer: Rank?
    ) throws(FabricError) -> UInt64 {
        let value = word(offset).loadAcquiring()
        if value >= target { return try believable(value, offset, operation) }
        // The switch of this host answers soon, another host's later.
        let waiter = offset == LinkWords.consumed ? place.waiter : place.farWaiter
        let outcome = waiter.wait(
            word(offset), at: words + offset, until: .greaterOrEqual, target, epoch: place.segment.plan.firstEpoch,
            deadline: nil, timeout: place.timeout, operation: operation.rawValue, peer: peer?.index)
        switch outcome {
        case .satisfied(let value): return try believable(value, offset, operation)
        case .timedOut(let elapsed):
            throw FabricError(
                .timedOut, scope: .link, operation: operation, rank: rank, peers: peer.map { [$0] } ?? [],
                wordOffset: words + offset, elapsedNanoseconds: elapsed,
                phase: place.segment.control(of: rank.index).phase,
                context: "the switch of this host does not answer")
        case .epochMoved(let elapsed):
            throw FabricError(
                membershipOf: place.segment, operation, rank: rank, since: place.segment.plan.firstEpoch,
                wordOffset: words + offset, elapsed, awaiting: peer.map { [$0] } ?? [])
        }
    }

    /// A word of the switch's, if it can be: no more is taken, acknowledged or answered than was posted or asked for.
    private func believable(
        _ value: UInt64, _ offset: Int, _ operation: FabricOperation
    ) throws(FabricError) -> UInt64 {
        let limit = offset == LinkWords.replies ? asked : posted
        guard value > limit else { return value }
        throw FabricError(
            .corrupt, scope: .link, operation: operation, rank: rank, peers: [rank], wordOffset: words + offset,
            phase: place.segment.control(of: rank.index).phase,
            context: value >= LinkWords.ruined
                ? "the switch of this host cannot read this rank's ring, or does not count right: a word of either was overwritten"
                : "the switch of this host says \(value) where at most \(limit) can be: its word was overwritten")
    }

    /// Waits until the switch has taken the first `target` descriptors, and so has copied what they name in staging, or short in the window.
    func awaitConsumed(_ target: UInt64, _ operation: FabricOperation, _ peer: Rank?) throws(FabricError) {
        if consumed >= target { return }
        consumed = try awaitWord(LinkWords.consumed, target, operation, peer)
        if consumed > 0 { freedTotal = stagedAfter[Int((consumed - 1) % UInt64(PortLayout.entryCount))] }
    }

    /// Posts a descriptor; waits for room at most.
    func post(_ record: LinkRecord, _ operation: FabricOperation) throws(FabricError) {
        if place.segment.cluster.epoch.loadAcquiring() != place.segment.plan.firstEpoch {
            throw FabricError(
                membershipOf: place.segment, operation, rank: rank, since: place.segment.plan.firstEpoch,
                wordOffset: nil, 0)
        }
        if posted - consumed >= UInt64(PortLayout.entryCount) {
            // Until half of it is free: who is woken for each entry does nothing but wake and sleep.
            try awaitConsumed(posted - UInt64(PortLayout.entryCount / 2), operation, record.targetRank)
        }
        var record = record
        record.check = record.ringCheck(posted)
        unsafe record.write(to: port.entry(posted))
        stagedAfter[Int(posted % UInt64(PortLayout.entryCount))] = stagedTotal
        posted += 1
        // Releases entry and staging, acquired in HostSwitch.drainRings; sequential, to be ordered before the look at the bell.
        port.posted.storeSequentially(posted)
        bell.wakeSwitch()
    }

    /// Posts a request whose answer is counted.
    func ask(_ record: LinkRecord, _ operation: FabricOperation) throws(FabricError) {
        // An answer too many would be taken for the next one.
        _ = try believable(word(LinkWords.replies).loadAcquiring(), LinkWords.replies, operation)
        try post(record, operation)
        asked += 1
    }

    /// Bytes of staging in one piece, free to be written.
    func stage(_ byteCount: Int, _ operation: FabricOperation, _ peer: Rank) throws(FabricError) -> Int {
        let size = UInt64(PortLayout.stagingByteCount)
        let whole = UInt64((byteCount + 63) & ~63)
        var start = stagedTotal
        if start % size + whole > size { start += size - start % size }
        while start + whole - freedTotal > size {
            // Nothing that is posted needs it: all of it is free, and pieces are much shorter than all of it.
            guard consumed < posted else {
                freedTotal = stagedTotal
                break
            }
            try awaitConsumed(consumed + 1, operation, peer)
        }
        stagedTotal = start + whole
        return Int(start % size)
    }

    /// Where staging starts.
    @unsafe var staging: UnsafeMutableRawPointer { unsafe port.staging }

    // MARK: Answers

    /// Waits until the other hosts have carried out everything posted. All of it, as hosts acknowledge in any order: the first n
    /// acknowledged need not be the first n posted.
    func awaitAcknowledged(_ operation: FabricOperation, _ peer: Rank?) throws(FabricError) {
        _ = try awaitWord(LinkWords.acknowledged, posted, operation, peer)
    }

    /// Waits for the first `target` answers; by default for all that have been asked for. Acquires what they brought.
    func awaitReplies(_ operation: FabricOperation, _ peer: Rank?, upTo target: UInt64? = nil) throws(FabricError) {
        _ = try awaitWord(LinkWords.replies, target ?? asked, operation, peer)
    }

    /// What the last atomic whose answer the die waits for found.
    var value: UInt64 { word(LinkWords.value).loadRelaxed() }
}
