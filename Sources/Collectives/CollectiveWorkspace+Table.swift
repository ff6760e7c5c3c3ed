internal import Fabric

// The table of an all-to-all of differing lengths, for those who carry bytes between others: one row for each member of the team, final
// with the event that follows it.

extension CollectiveWorkspace {
    /// Says in this die's own window what goes to and comes from each member.
    func publishTable(_ call: CollectiveCall, _ size: Int, me: Int) throws(FabricError) {
        for member in 0..<size {
            let out = call.outgoing(to: member, size, me: me)
            let into = call.incoming(from: member, size, me: me)
            let words: [4 of Int64] = [
                Int64(out.start), Int64(out.byteCount), Int64(into.start), Int64(into.byteCount),
            ]
            try endpoint.put(words.span, to: endpoint.rank, at: row(member))
        }
    }

    /// What a rank's table says it sends to a member: where that starts in its source, and its length. Not checked.
    func sent(by peer: Rank, to member: Int) throws(FabricError) -> (start: Int, byteCount: Int) {
        (
            try endpoint.load(Int.self, from: peer, at: row(member)),
            try endpoint.load(Int.self, from: peer, at: row(member) + 8)
        )
    }

    /// What a rank's table says it takes from a member: where that goes in its destination, and its length. Not checked.
    func taken(by peer: Rank, from member: Int) throws(FabricError) -> (start: Int, byteCount: Int) {
        (
            try endpoint.load(Int.self, from: peer, at: row(member) + 16),
            try endpoint.load(Int.self, from: peer, at: row(member) + 24)
        )
    }

    /// The error of two ranks whose tables contradict each other.
    func tableMismatch(_ producer: Rank, _ sent: Int, _ consumer: Rank, _ taken: Int) -> FabricError {
        error(
            .mismatch, producer, "rank \(producer) sends \(sent) bytes to rank \(consumer), which takes \(taken)")
    }
}
