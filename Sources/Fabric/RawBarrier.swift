internal import CLinux
internal import Glibc
internal import SharedMemory
internal import Synchronization

/// The limits that barriers are measured against, on three lines of rank 0's window; nobody can die, be late, or leave.
public enum RawBarrier {
    /// How the bare barrier waits.
    public enum Form: String, Sendable, CaseIterable {
        /// One counter, one release word, `sched_yield` between looks: for ranks that share cores.
        case counterYield
        /// The same with PAUSE: for ranks that have a core each.
        case counterSpin
    }

    /// Bytes of the region.
    public static let byteCount = 192

    /// Passes `rounds` barriers of all ranks and returns the nanoseconds that took. All ranks call it at once.
    ///
    /// `from` is the number of barriers passed on these words before, as they only rise.
    @inline(never)
    public static func run(
        _ form: Form, endpoint: Endpoint, words: Region, rounds: Int, after from: UInt64
    ) -> UInt64 {
        precondition(words.byteCount >= byteCount && endpoint.isNear(0), "three lines in a mapped window")
        let arrivals = endpoint.peerWord(0, at: words.offset)
        let release = endpoint.peerWord(0, at: words.offset + 128)
        let size = UInt64(endpoint.rankCount)
        let start = Monotonic.now()
        for round in 1...UInt64(rounds) {
            let wanted = from &+ round
            // Releases what this rank did; the last arriver acquires all of it and releases it with the word below.
            let before = unsafe arrivals.atomic.pointee.wrappingAdd(1, ordering: .acquiringAndReleasing).oldValue
            if before &+ 1 == wanted &* size {
                release.storeReleasing(wanted)
                continue
            }
            while release.loadAcquiring() < wanted {
                switch form {
                case .counterYield: sched_yield()
                case .counterSpin: softpod_pause()
                }
            }
        }
        return Monotonic.now() - start
    }
}
