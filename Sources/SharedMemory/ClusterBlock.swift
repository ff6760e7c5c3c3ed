internal import Glibc
internal import Mutants
internal import Synchronization

/// What all dies of a host watch: the epoch, and why it moved.
@safe
public struct ClusterBlock: @unchecked Sendable, BitwiseCopyable {
    let base: UnsafeMutableRawPointer
    /// The epoch that the members of the segment begin in.
    let firstEpoch: UInt64

    /// The epoch's word. It starts at the plan's first epoch and rises when the member set changes.
    public var epoch: Word { unsafe Word(base) }

    private var verdictBase: UnsafeMutableRawPointer { unsafe base + 64 }
    private func field(_ offset: Int) -> Word { unsafe Word(verdictBase + offset) }

    /// Claims, writes and publishes the verdict. False if another process did before.
    func publish(_ verdict: Verdict) -> Bool {
        guard Mutated.firstVerdict || claim(expected: 0) || succeed() else { return false }
        field(Verdict.codeOffset).storeRelaxed(verdict.code.rawValue)
        field(Verdict.rankOffset).storeRelaxed(UInt64(bitPattern: Int64(verdict.rank ?? -1)))
        field(Verdict.detailOffset).storeRelaxed(UInt64(bitPattern: Int64(verdict.detail)))
        field(Verdict.processOffset).storeRelaxed(UInt64(bitPattern: Int64(verdict.process ?? -1)))
        let text = Array(verdict.text.utf8.prefix(Verdict.textByteCount))
        field(Verdict.lengthOffset).storeRelaxed(UInt64(text.count))
        unsafe PackedText.write(text, to: verdictBase + Verdict.textOffset, capacity: Verdict.textByteCount)
        field(Verdict.givenOffset).storeReleasing(1)  // acquired in `verdict`
        // Releases the verdict; acquired in `verdict` and, through the epoch, by every waiter. Sequential, because a
        // sleeper stores its doorbell and then reads the epoch, and the publisher stores the epoch and then reads the doorbells.
        // It only must not be the one that dies belong to, whatever has been stored over it.
        epoch.storeSequentially(max(epoch.loadRelaxed() &+ 1, firstEpoch + 1))
        return true
    }

    /// Becomes the verdict's writer in place of `expected`. The epoch's store publishes what the writer writes.
    private func claim(expected: UInt64) -> Bool {
        unsafe field(Verdict.claimOffset).atomic.pointee.compareExchange(
            expected: expected, desired: UInt64(getpid()), ordering: .acquiringAndReleasing
        ).exchanged
    }

    /// Takes the claim of a writer that was killed between its claim and the epoch's store; else no rank would ever be told.
    ///
    /// A writer that lives needs microseconds, and is waited for. One that is gone is replaced at once, one that is stopped or
    /// a zombie after ``patience``. If that one goes on after all, a reader may see a mixture of two verdicts, never bad memory.
    private func succeed() -> Bool {
        let since = Monotonic.now()
        while field(Verdict.givenOffset).loadAcquiring() == 0 {
            let writer = field(Verdict.claimOffset).loadAcquiring()
            let isGone = kill(pid_t(truncatingIfNeeded: writer), 0) != 0 && errno == ESRCH
            if isGone || Monotonic.now() - since > Self.patience { return claim(expected: writer) }
            sched_yield()
        }
        return false
    }

    /// How long a verdict may be half written, in nanoseconds; well within the two seconds in which a run must end.
    private static let patience: UInt64 = 300_000_000

    /// The word by which ``claimObituary()`` is claimed, for an agent that has told the user of its own death.
    var obituary: UnsafeMutablePointer<UInt64> { unsafe (base + 512).assumingMemoryBound(to: UInt64.self) }

    /// Whether the caller is the one of this host that tells the user of the agent's death. True once.
    public func claimObituary() -> Bool {
        unsafe Word(base + 512).atomic.pointee.compareExchange(
            expected: 0, desired: UInt64(getpid()), ordering: .relaxed
        ).exchanged
    }

    /// The verdict, once there is one: the run ends. An epoch that moves without one is that of a new membership (``MemberBlock``).
    public var verdict: Verdict? {
        // Both acquire what publish released.
        guard epoch.loadAcquiring() != firstEpoch, field(Verdict.givenOffset).loadAcquiring() != 0,
            let code = Verdict.Code(rawValue: field(Verdict.codeOffset).loadRelaxed())
        else { return nil }
        let rank = Int(Int64(bitPattern: field(Verdict.rankOffset).loadRelaxed()))
        let process = Int(Int64(bitPattern: field(Verdict.processOffset).loadRelaxed()))
        let count = min(Int(clamping: field(Verdict.lengthOffset).loadRelaxed()), Verdict.textByteCount)
        let text = unsafe PackedText.read(
            verdictBase + Verdict.textOffset, count: count, capacity: Verdict.textByteCount)
        return Verdict(
            code, rank: rank < 0 ? nil : rank,
            detail: Int(Int64(bitPattern: field(Verdict.detailOffset).loadRelaxed())),
            process: process < 0 ? nil : process, text: text)
    }
}

/// Short text in shared memory, eight bytes a word, so that a reader never races a byte it cannot see whole.
///
/// It ends on a terminal, whatever has been stored over it: control characters are read as question marks.
enum PackedText {
    static func write(_ text: [UInt8], to base: UnsafeMutableRawPointer, capacity: Int) {
        for start in stride(from: 0, to: capacity, by: 8) {
            var packed: UInt64 = 0
            for index in start..<min(start + 8, capacity) where index < text.count {
                packed |= UInt64(text[index]) << UInt64(8 * (index - start))
            }
            unsafe Word(base + start).storeRelaxed(packed)
        }
    }

    static func read(_ base: UnsafeMutableRawPointer, count: Int, capacity: Int) -> String {
        var bytes: [UInt8] = []
        for start in stride(from: 0, to: min(count, capacity), by: 8) {
            let packed = unsafe Word(base + start).loadRelaxed()
            for index in start..<min(start + 8, count) {
                let byte = UInt8(truncatingIfNeeded: packed >> UInt64(8 * (index - start)))
                bytes.append(byte < 0x20 || byte == 0x7F ? 0x3F : byte)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
