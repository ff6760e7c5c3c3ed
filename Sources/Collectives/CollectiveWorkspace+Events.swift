internal import Fabric

// The streams of events between pairs of ranks. See CollectiveWorkspace for the words and the protocol.

extension CollectiveWorkspace {
    /// Says to a rank what this die calls and where its bytes lie: the first event of an operation between two partners.
    ///
    /// Releases the source, and everything this die did before; acquired in ``awaitAnnouncement(_:_:_:)``.
    func announce(_ peer: Int, _ digest: UInt64, _ leg: Leg) throws(FabricError) {
        let words: [5 of UInt64] = [
            digest, UInt64(leg.outOffset), UInt64(leg.outByteCount), UInt64(leg.inOffset), UInt64(leg.inByteCount),
        ]
        let mine = line(endpoint.rank)
        sent[peer] &+= 1
        try endpoint.putSignal(
            words.span, to: peer, at: mine + Self.metadataOffset, signal: .set, sent[peer], at: mine)
    }

    /// Waits for a member's announcement and takes its offsets into the leg. Does nothing the second time.
    func awaitAnnouncement(_ member: Int, _ peer: Int, _ digest: UInt64) throws(FabricError) {
        if legs[member].isAnnounced { return }
        try expect(peer)
        let endpoint = endpoint
        let words = endpoint.values(UInt64.self, at: line(peer) + Self.metadataOffset, count: 5)
        guard words[0] == digest else {
            throw error(.mismatch, peer, "rank \(peer) calls another collective, or the same with other arguments")
        }
        let leg = legs[member]
        guard words[2] == UInt64(leg.inByteCount), words[4] == UInt64(leg.outByteCount) else {
            throw error(
                .mismatch, peer,
                "rank \(peer) sends \(words[2]) and takes \(words[4]) bytes, here they are \(leg.inByteCount) and "
                    + "\(leg.outByteCount)")
        }
        legs[member].remoteSource = try inWindow(words[1], words[2], peer)
        legs[member].remoteDestination = try inWindow(words[3], words[4], peer)
        legs[member].isAnnounced = true
    }

    /// An offset a peer sent, if bytes of that number there are inside a window.
    private func inWindow(_ offset: UInt64, _ byteCount: UInt64, _ peer: Int) throws(FabricError) -> Int {
        let window = UInt64(endpoint.windowByteCount)
        guard byteCount <= window, offset <= window - byteCount else {
            throw error(.corrupt, peer, "\(byteCount) bytes at \(offset) are outside its window")
        }
        return Int(offset)
    }

    /// One more event to a rank. Releases what this die put there, and the end of what it read there.
    func signal(_ peer: Int) throws(FabricError) {
        sent[peer] &+= 1
        try endpoint.signal(.set, sent[peer], at: peer, line(endpoint.rank))
    }

    /// Waits for the next event from a rank. Acquires what it released.
    func expect(_ peer: Int) throws(FabricError) {
        seen[peer] &+= 1
        let value = try endpoint.wait(
            at: line(peer), reaches: seen[peer], deadline: timeout.map(endpoint.deadline), peer: peer,
            operation: .collective)
        if value == Self.poison { throw told(by: peer) }
    }

    /// An event to a rank that carries eight bytes in one of the words of the line.
    func send(_ scalar: UInt64, to peer: Int, in word: Int) throws(FabricError) {
        try endpoint.store(scalar, to: peer, at: line(endpoint.rank) + word)
        try signal(peer)
    }

    /// Waits for the next event from a rank and takes its eight bytes.
    func receive(from peer: Int, in word: Int) throws(FabricError) -> UInt64 {
        try expect(peer)
        return self.word(line(peer) + word)
    }

    /// A word of this die's own window, final because an event said so.
    func word(_ offset: Int) -> UInt64 {
        let endpoint = endpoint
        return endpoint.values(UInt64.self, at: offset, count: 1)[0]
    }

    /// Whether the last to arrive at a meeting that is open or over called a collective, and not a barrier.
    func checkSpoken(_ team: Team) throws(FabricError) {
        guard !team.hasSpoken else { return }
        let silent = team.member((0..<team.size).first { !team.hasPosted($0) } ?? team.rank)
        throw error(.mismatch, silent, "rank \(silent) calls a barrier")
    }

    func error(_ code: FabricError.Code, _ peer: Int, _ context: String) -> FabricError {
        FabricError(
            code, scope: .operation, operation: .collective, rank: endpoint.rank, peers: [peer],
            epoch: endpoint.epoch, phase: endpoint.phase, context: context)
    }
}
