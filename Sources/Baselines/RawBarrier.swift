internal import CLinux
public import Fabric
internal import Glibc
internal import SharedMemory
internal import Synchronization

/// The limit that barriers and collectives are measured against: a counter and a release word by bare atomics.
///
/// No bounds, counters or doorbells: what a loop in C would do, over the same processes, in the same run; clock and epoch are looked at once
/// in thousands of turns in vain, which no round that is measured takes. A die that waits gives the processor away between looks where dies share cores, and pauses where each has its own:
/// a barrier of n processes on fewer cores can cost no less than scheduling each of them once.
public enum RawBarrier {
    /// Bytes of words at the home: a line for the arrivals, a line for the release.
    public static let byteCount = 128

    /// Looks, with a pause after each, before a die that has a core gives it away: far more than a round takes.
    private static let patience = 4096

    /// Passes `rounds` barriers of `size` dies and returns the nanoseconds that took here.
    ///
    /// All of them call it with the same arguments; `words` was zero in the window of `home` before the first call, and
    /// belongs to these dies and this purpose: `size` ranks from `home` on, `stride` apart.
    ///
    /// Memory order: arrivals are sequentially consistent read-modify-writes, so the last one has acquired all that the
    /// others released; its release store is acquired by all that wait.
    ///
    /// - Throws: `.timedOut` naming those that have not come, or `.membershipChanged`.
    /// - Complexity: one fetch-add a die and round, one store by the last, n - 1 loads that miss.
    public static func run(
        endpoint: Endpoint, home: Rank, words: Region, size: Int, stride: Int = 1, rounds: Int, spins: Bool
    ) throws(FabricError) -> UInt64 {
        precondition(words.byteCount >= byteCount && endpoint.isNear(home), "two lines in a mapped window")
        precondition(size >= 1 && rounds >= 0, "a barrier has members")
        let arrivals = endpoint.bareWord(home, at: words.offset)
        let release = endpoint.bareWord(home, at: words.offset + 64)
        // No die can release this round before this die has arrived, so the word holds the rounds that are over.
        var round = release.loadAcquiring()
        let end = round &+ UInt64(rounds)
        let start = Monotonic.now()
        while round < end {
            round &+= 1
            let arrived = unsafe arrivals.atomic.pointee.wrappingAdd(1, ordering: .sequentiallyConsistent).newValue
            if arrived == round &* UInt64(size) {
                release.storeReleasing(round)
            } else if spins {
                var looks = 0
                var wait = BareWait(endpoint, for: home, stride: stride, count: size)
                while release.loadAcquiring() < round {
                    looks &+= 1
                    // On a busy machine two dies may share a core after all; without this each round would take a time
                    // slice.
                    if looks < Self.patience {
                        softpod_pause()
                    } else {
                        sched_yield()
                        try wait.turn(each: BareWait.yieldTurns)
                    }
                }
                wait.finish()
            } else {
                var wait = BareWait(endpoint, for: home, stride: stride, count: size)
                while release.loadAcquiring() < round {
                    sched_yield()
                    try wait.turn(each: BareWait.yieldTurns)
                }
                wait.finish()
            }
        }
        return Monotonic.now() - start
    }
}
