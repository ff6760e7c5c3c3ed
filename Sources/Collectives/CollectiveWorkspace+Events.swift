internal import Fabric
internal import Mutants

// The streams of events between pairs of ranks. See CollectiveWorkspace for the words and the protocol.

extension CollectiveWorkspace {
    /// Says to a rank what this die calls and where its bytes lie: the first event of an operation between two partners.
    ///
    /// Releases the source, and everything this die did before; acquired in ``awaitAnnouncement(_:_:_:)``.
    func announce(_ peer: Rank, _ digest: UInt64, _ block: PartnerBlock) throws(FabricError) {
        let (out, into) = (UInt64(block.outOffset), UInt64(block.inOffset))
        let words: [5 of UInt64] = [
            Self.mark(digest, sent[peer.index] &+ 1, out, into), out, UInt64(block.outByteCount), into,
            UInt64(block.inByteCount),
        ]
        try send(words.span, to: peer, in: Self.metadataOffset)
    }

    /// One event to a rank, with words that lie beside the flag; they are marked with its number.
    private func send(_ words: Span<UInt64>, to peer: Rank, in word: Int) throws(FabricError) {
        let mine = line(endpoint.rank)
        sent[peer.index] &+= 1
        try endpoint.putSignal(
            words, to: peer, at: mine + word, signal: .set, endpoint.notification(sent[peer.index]), at: mine)
    }

    /// Waits for a member's announcement and takes its offsets into the block. Does nothing the second time.
    func awaitAnnouncement(_ member: Int, _ peer: Rank, _ digest: UInt64) throws(FabricError) {
        if blocks[member].isAnnounced { return }
        try expect(peer)
        let endpoint = endpoint
        let words = endpoint.values(UInt64.self, at: line(peer) + Self.metadataOffset, count: 5)
        guard words[0] == Self.mark(digest, seen[peer.index], words[1], words[3]) || Mutated.callMark else {
            throw other(peer)
        }
        let block = blocks[member]
        guard
            words[2] == UInt64(block.inByteCount) && words[4] == UInt64(block.outByteCount) || Mutated.lengthComparison
        else {
            throw error(
                .mismatch, peer,
                "rank \(peer) sends \(words[2]) and takes \(words[4]) bytes, here they are \(block.inByteCount) and "
                    + "\(block.outByteCount)")
        }
        blocks[member].remoteSource = try inWindow(words[1], words[2], peer)
        blocks[member].remoteDestination = try inWindow(words[3], words[4], peer)
        blocks[member].isAnnounced = true
    }

    /// An offset a peer sent, if bytes of that number there are inside a window.
    private func inWindow(_ offset: UInt64, _ byteCount: UInt64, _ peer: Rank) throws(FabricError) -> Int {
        let window = UInt64(endpoint.windowByteCount)
        guard byteCount <= window, offset <= window - byteCount else {
            throw error(.corrupt, peer, "\(byteCount) bytes at \(offset) are outside its window")
        }
        return Int(offset)
    }

    /// One more event to a rank. Releases what this die put there, and the end of what it read there.
    func signal(_ peer: Rank) throws(FabricError) {
        sent[peer.index] &+= 1
        try endpoint.notify(sent[peer.index], at: peer, line(endpoint.rank))
    }

    /// Waits for the next event from a rank. Acquires what it released.
    func expect(_ peer: Rank) throws(FabricError) {
        seen[peer.index] &+= 1
        let reading = try endpoint.awaitNotification(
            seen[peer.index], at: line(peer), from: peer, deadline: timeout.map(endpoint.deadline),
            operation: .collective)
        switch reading {
        case .reached: return
        case .givenUp: throw told(by: peer)
        case .impossible(let word): throw overwritten(peer, "flag", word)
        }
    }

    /// Counts the next event from a rank without waiting for it; what a mutant does.
    func pass(_ peer: Rank) { seen[peer.index] &+= 1 }

    /// Whether the next event from a rank has come, so that waiting for it takes no time. A rank that has given up counts as well.
    func hasEvent(_ peer: Rank) -> Bool { hasEvents(1, peer) }

    /// Whether so many have come.
    func hasEvents(_ count: UInt64, _ peer: Rank) -> Bool {
        endpoint.isNotified(seen[peer.index] &+ count, at: line(peer))
    }

    /// What an event says it is for: what is called, and the event's own number, as words of earlier operations stay where they were. It
    /// also covers the words that the event brings.
    private static func mark(_ digest: UInt64, _ event: UInt64, _ word: UInt64 = 0, _ other: UInt64 = 0) -> UInt64 {
        Sealed.check(digest, event, word, other)
    }

    /// One event to a rank that is for a number or its answer, which it carries.
    func send(_ number: UInt64, _ digest: UInt64, to peer: Rank, in word: Int) throws(FabricError) {
        let words: [2 of UInt64] = [Self.mark(digest, sent[peer.index] &+ 1, number), number]
        try send(words.span, to: peer, in: word)
    }

    /// Waits for the next event from a rank and takes its number.
    ///
    /// - Throws: `.mismatch` if the event is for something else.
    func receive(_ digest: UInt64, from peer: Rank, in word: Int) throws(FabricError) -> UInt64 {
        try expect(peer)
        let number = self.word(line(peer) + word + 8)
        guard self.word(line(peer) + word) == Self.mark(digest, seen[peer.index], number) else { throw other(peer) }
        return number
    }

    /// One event to a rank that is for a barrier, which announces nothing.
    ///
    /// A rank may be one barrier ahead of another, so its marks alternate between two words: by the number of the event, as whatever
    /// comes between two barriers of the same parity has been answered.
    func signalBarrier(_ peer: Rank) throws(FabricError) {
        let words: [1 of UInt64] = [Self.mark(Self.barrierDigest, sent[peer.index] &+ 1)]
        try send(words.span, to: peer, in: Self.barrierWord(sent[peer.index] &+ 1))
    }

    /// Waits for a rank's next event, which is for a barrier.
    ///
    /// - Throws: `.mismatch` if it is for something else.
    func expectBarrier(_ peer: Rank) throws(FabricError) {
        try expect(peer)
        let word = word(line(peer) + Self.barrierWord(seen[peer.index]))
        guard word == Self.mark(Self.barrierDigest, seen[peer.index]) else { throw other(peer) }
    }

    private static let barrierDigest: UInt64 = 0xBA88_1E88
    private static func barrierWord(_ event: UInt64) -> Int { barrierOffset + Int(event & 1) * 8 }

    private func other(_ peer: Rank) -> FabricError {
        error(.mismatch, peer, "rank \(peer) calls another collective, or the same with other arguments")
    }

    /// A word of a rank's line, in this die's window, that the rank cannot have stored.
    func overwritten(_ peer: Rank, _ word: String, _ value: UInt64) -> FabricError {
        error(
            .corrupt, peer, "the \(word) of rank \(peer) is \(value), which no rank stores: it was overwritten")
    }

    /// A word of this die's own window, final because an event said so.
    func word(_ offset: Int) -> UInt64 {
        let endpoint = endpoint
        return endpoint.values(UInt64.self, at: offset, count: 1)[0]
    }

    /// Whether the last to arrive at a meeting that is open or over brought a record, and did not call a barrier.
    func checkRecords(of team: Team) throws(FabricError) {
        guard !team.hasSpoken else { return }
        let silent = team[(0..<team.size).first { !team.hasPosted($0) } ?? team.rank]
        throw error(.mismatch, silent, "rank \(silent) calls a barrier")
    }

    func error(_ code: FabricError.Code, _ peer: Rank, _ context: String) -> FabricError {
        FabricError(
            code, scope: .operation, operation: .collective, rank: endpoint.rank, peers: [peer],
            epoch: endpoint.epoch, phase: endpoint.phase, context: context)
    }
}
