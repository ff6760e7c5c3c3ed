internal import CLinux
internal import SharedMemory

/// The limit the fabric is measured against: a flag passed between two dies by bare loads, stores and PAUSE.
///
/// No bounds, counters, doorbells, deadlines or epochs: what a loop in C would do, on the same two lines, in the same run.
public enum RawPingPong {
    /// Passes the flag `rounds` times to and fro and returns the nanoseconds that took, on either side.
    ///
    /// Both dies call it at the same time (a barrier before); `words` holds two lines in each window. It spins, so it is for
    /// dies that have a core each.
    public static func run(endpoint: Endpoint, peer: Int, words: Region, rounds: Int, first: Bool) -> UInt64 {
        precondition(words.byteCount >= 128 && endpoint.isNear(peer), "two lines in a mapped window")
        let mine = endpoint.word(at: words.offset)
        let theirs = endpoint.peerWord(peer, at: words.offset)
        let start = Monotonic.now()
        var turn: UInt64 = 0
        while turn < UInt64(rounds) {
            turn &+= 1
            if first { theirs.storeReleasing(turn) }
            while mine.loadAcquiring() != turn { softpod_pause() }
            if !first { theirs.storeReleasing(turn) }
        }
        return Monotonic.now() - start
    }
}

extension Endpoint {
    func peerWord(_ peer: Int, at offset: Int) -> Word { unsafe Word(shared.address(peer, offset)) }
}
