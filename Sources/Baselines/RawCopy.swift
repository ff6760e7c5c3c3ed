internal import CKernels
internal import CLinux
public import Fabric
internal import SharedMemory
internal import Synchronization

/// The limits that one-sided operations are measured against: what a loop in C would do with the same bytes, without bounds,
/// counters, choices or deadlines.
public enum RawCopy {
    /// Copies the source into the destination, which is as long: one `memcpy` between private buffers.
    @inline(never)
    public static func run(_ source: Span<UInt8>, _ destination: inout MutableSpan<UInt8>) {
        precondition(source.count == destination.count, "buffers of one length")
        unsafe source.withUnsafeBytes { from in
            unsafe destination.withUnsafeMutableBytes { to in
                guard let start = to.baseAddress, let other = from.baseAddress else { return }
                unsafe start.copyMemory(from: other, byteCount: from.count)
            }
        }
    }

    /// The same past the caches, in one bare loop.
    @inline(never)
    public static func stream(_ source: Span<UInt8>, _ destination: inout MutableSpan<UInt8>) {
        precondition(source.count == destination.count, "buffers of one length")
        unsafe source.withUnsafeBytes { from in
            unsafe destination.withUnsafeMutableBytes { to in
                guard let start = to.baseAddress, let other = from.baseAddress else { return }
                unsafe softpod_copy_stream(start, other, from.count)
            }
        }
    }

    /// One `memcpy` from a private buffer into a peer's mapped window.
    @inline(never)
    public static func put(_ source: Span<UInt8>, to peer: Rank, at offset: Int, of endpoint: Endpoint) {
        unsafe source.withUnsafeBytes { from in
            guard let start = from.baseAddress else { return }
            unsafe endpoint.bareAddress(peer, offset, from.count).copyMemory(from: start, byteCount: from.count)
        }
    }

    /// One `memcpy` from a peer's mapped window into a private buffer.
    @inline(never)
    public static func get(
        from peer: Rank, at offset: Int, of endpoint: Endpoint, into destination: inout MutableSpan<UInt8>
    ) {
        unsafe destination.withUnsafeMutableBytes { to in
            guard let start = to.baseAddress else { return }
            unsafe start.copyMemory(from: endpoint.bareAddress(peer, offset, to.count), byteCount: to.count)
        }
    }

    /// `rounds` bare stores of a word into a peer's window.
    @inline(never)
    public static func store(_ rounds: Int, to peer: Rank, at offset: Int, of endpoint: Endpoint) {
        let word = endpoint.bareWord(peer, at: offset)
        for turn in 0..<rounds { word.storeRelaxed(UInt64(truncatingIfNeeded: turn)) }
    }

    /// `rounds` bare locked additions to a word that no other die touches.
    @inline(never)
    public static func add(_ rounds: Int) -> UInt64 {
        let word = Atomic<UInt64>(0)
        for _ in 0..<rounds { word.wrappingAdd(1, ordering: .sequentiallyConsistent) }
        return word.load(ordering: .relaxed)
    }

    /// A payload and a flag passed to and fro by bare `memcpy`, store, load and PAUSE; nanoseconds of all rounds.
    ///
    /// Both dies call it at the same time; `words` holds two lines, the first of which is clear. For dies that have a core each.
    /// - Throws: `.timedOut` naming the peer, or `.membershipChanged`.
    @inline(never)
    public static func pingPong(
        _ source: Span<UInt8>, at payload: Region, words: Region, peer: Rank, of endpoint: Endpoint, rounds: Int,
        first: Bool
    ) throws(FabricError) -> UInt64 {
        precondition(words.byteCount >= 64 && endpoint.isNear(peer), "a line in a mapped window")
        let mine = endpoint.bareWord(endpoint.rank, at: words.offset)
        let theirs = endpoint.bareWord(peer, at: words.offset)
        let start = Monotonic.now()
        var turn: UInt64 = 0
        while turn < UInt64(rounds) {
            turn &+= 1
            if first {
                put(source, to: peer, at: payload.offset, of: endpoint)
                theirs.storeReleasing(turn)
            }
            try RawPingPong.awaitTurn(turn, mine, peer, endpoint)
            if !first {
                put(source, to: peer, at: payload.offset, of: endpoint)
                theirs.storeReleasing(turn)
            }
        }
        return Monotonic.now() - start
    }
}
