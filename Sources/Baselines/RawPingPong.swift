internal import CLinux
public import Fabric
internal import SharedMemory

/// The limit the fabric is measured against: a flag passed between two dies by bare loads, stores and PAUSE.
///
/// No bounds, counters or doorbells: what a loop in C would do, on the same two lines, in the same run; clock and epoch are looked at once in
/// thousands of turns in vain, which no round that is measured takes.
public enum RawPingPong {
    /// Passes the flag `rounds` times to and fro and returns the nanoseconds that took, on either side.
    ///
    /// Both dies call it at the same time (a barrier before); `words` holds two lines in each window. It spins, so it is for
    /// dies that have a core each.
    /// - Throws: `.timedOut` naming the peer, or `.membershipChanged`.
    public static func run(
        endpoint: Endpoint, peer: Rank, words: Region, rounds: Int, first: Bool
    ) throws(FabricError) -> UInt64 {
        precondition(words.byteCount >= 128 && endpoint.isNear(peer), "two lines in a mapped window")
        let mine = endpoint.bareWord(endpoint.rank, at: words.offset)
        let theirs = endpoint.bareWord(peer, at: words.offset)
        let start = Monotonic.now()
        var turn: UInt64 = 0
        while turn < UInt64(rounds) {
            turn &+= 1
            if first { theirs.storeReleasing(turn) }
            try awaitTurn(turn, mine, peer, endpoint)
            if !first { theirs.storeReleasing(turn) }
        }
        return Monotonic.now() - start
    }

    /// The bare wait of a ping-pong, here and with a payload.
    @inline(__always)
    static func awaitTurn(_ turn: UInt64, _ word: Word, _ peer: Rank, _ endpoint: Endpoint) throws(FabricError) {
        var wait = BareWait(endpoint, for: peer)
        while word.loadAcquiring() != turn {
            softpod_pause()
            try wait.turn(each: BareWait.spinTurns)
        }
        wait.finish()
    }
}
