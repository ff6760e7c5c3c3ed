internal import Fabric

/// What one of the two queues of a lane still has to move: the write queue pushes, the read queue pulls.
struct Transfer {
    /// The other die.
    var peer: Rank = 0
    /// Where the bytes lie in their producer's window, and where they go in their consumer's.
    var source = 0
    var destination = 0
    /// Bytes left.
    var byteCount = 0

    /// Bytes moved before the other queue gets its turn: within a second-level cache, so that what was just written or read is
    /// still there.
    static let pieceByteCount = 128 << 10

    /// With two lanes the second does the reads of pairs at least this long; shorter ones are done before it wakes.
    static let laneByteCount = 16 << 10

    /// Moves both to the end: at once, where the die has a second lane and both are long enough; else a piece of each in turn.
    ///
    /// What goes to or comes from another host is only started, so that the next partner's can follow it. The caller completes it before it
    /// uses what was pulled or says that it has been, and before the source of a push is written again.
    static func interleave(
        _ endpoint: Endpoint, _ lane: Lane?, push: consuming Transfer, pull: consuming Transfer
    ) throws(FabricError) {
        if let lane, min(push.byteCount, pull.byteCount) >= laneByteCount, endpoint.isNear(pull.peer) {
            lane.begin(
                from: pull.peer, at: pull.source, byteCount: pull.byteCount, to: endpoint.rank, at: pull.destination)
            defer { lane.finish() }
            return try interleave(endpoint, nil, push: push, pull: Transfer())
        }
        if pull.byteCount > 0, !endpoint.isNear(pull.peer) {
            // First, as it is only a request: its answer then comes while this die's own bytes leave.
            try endpoint.getNonBlocking(
                from: pull.peer, at: pull.source, byteCount: pull.byteCount, to: pull.destination)
            pull.byteCount = 0
        }
        if push.byteCount > 0, !endpoint.isNear(push.peer) {
            try endpoint.putNonBlocking(
                from: push.source, byteCount: push.byteCount, to: push.peer, at: push.destination)
            push.byteCount = 0
        }
        while push.byteCount > 0 || pull.byteCount > 0 {
            if push.byteCount > 0 {
                let piece = min(push.byteCount, pieceByteCount)
                try endpoint.put(from: push.source, byteCount: piece, to: push.peer, at: push.destination)
                push.advance(piece)
            }
            if pull.byteCount > 0 {
                let piece = min(pull.byteCount, pieceByteCount)
                try endpoint.get(from: pull.peer, at: pull.source, byteCount: piece, to: pull.destination)
                pull.advance(piece)
            }
        }
    }

    private mutating func advance(_ piece: Int) {
        source += piece
        destination += piece
        byteCount -= piece
    }
}
