internal import CLinux
internal import Glibc
internal import Mutants
internal import Synchronization

/// How a waiting die behaves, decided once by census.
public struct WaitPolicy: Sendable, Equatable {
    /// Checks with a PAUSE between them before the processor is given away.
    public var spinCount: Int
    /// Nanoseconds of giving the processor away before the die goes to sleep.
    public var yieldNanoseconds: UInt64

    /// A policy of one's own; ``census(dies:cores:)`` gives the usual one.
    public init(spinCount: Int, yieldNanoseconds: UInt64) {
        self.spinCount = spinCount
        self.yieldNanoseconds = yieldNanoseconds
    }

    /// Dies that fit the cores spin; dies that share cores check twice and give way.
    ///
    /// A hand-over costs 27-65 ns spinning across cores, 1.3 us by yield on one core, 2.3-28 us by futex, so sleep comes
    /// only after about a millisecond, or as long as it takes to give each of many dies a few turns: a barrier of hundreds in which all
    /// go to sleep takes a hundred times as long. Spinning ends after some 50 us: a partner that has not answered by then is
    /// computing or does not run, and on a busy machine it needs the core (20,000 turns cost 4 to 6 times the CPU there).
    public static func census(dies: Int, cores: Int? = nil) -> WaitPolicy {
        let cores = cores ?? Int(softpod_usable_cores())
        let turns = UInt64(max(dies / max(cores, 1), 1)) * nanosecondsPerTurn
        return WaitPolicy(
            spinCount: dies <= cores ? 2_000 : 2,
            yieldNanoseconds: min(max(1_000_000, turns), 10_000_000))
    }

    /// What a die that shares its core gets before others sleep on it: some tens of hand-overs.
    private static let nanosecondsPerTurn: UInt64 = 50_000

    /// Cores this process may use.
    public static var usableCores: Int { Int(softpod_usable_cores()) }
}

/// The six comparisons of a wait.
public enum Comparison: UInt8, Sendable, CaseIterable {
    case equal, notEqual, greater, greaterOrEqual, less, lessOrEqual

    /// Whether `value` compared with `target` is so. Unsigned.
    @inlinable @inline(__always)
    public func holds(_ value: UInt64, _ target: UInt64) -> Bool {
        switch self {
        case .equal: value == target
        case .notEqual: value != target
        case .greater: value > target
        case .greaterOrEqual: value >= target
        case .less: value < target
        case .lessOrEqual: value <= target
        }
    }
}

/// The one way to wait for a word: spin if there are cores to spare, else give way, then sleep.
///
/// A die waits only on words of its own window, with one thread, so one doorbell a die is enough. Every wait has a deadline
/// and ends early when the epoch moves.
public struct Waiter: Sendable {
    /// How a wait ended.
    public enum Outcome: Sendable, Equatable {
        /// The comparison held for this value.
        case satisfied(UInt64)
        /// The deadline passed; nanoseconds waited since the patience began, which is anew after a stop of the waiter itself.
        case timedOut(UInt64)
        /// The epoch moved; nanoseconds waited.
        case epochMoved(UInt64)
    }

    let control: ControlBlock
    let cluster: ClusterBlock
    let policy: WaitPolicy
    /// Slow waits (that gave the processor away more than once), and sleeps; for the counters.
    let slowWaits: Word
    let sleeps: Word

    /// A waiter for the die that owns `control`.
    public init(segment: Segment, rank: Int, policy: WaitPolicy, slowWaits: Word, sleeps: Word) {
        control = segment.control(of: rank)
        cluster = segment.cluster
        self.policy = policy
        self.slowWaits = slowWaits
        self.sleeps = sleeps
    }

    /// Waits until the word compares as asked.
    ///
    /// Acquires what the word's writer released, also when the value was there at once. `epoch` is the epoch the caller
    /// belongs to; the word is checked before the epoch, so a wait that is satisfied never fails.
    ///
    /// It gives up at `deadline`, or if there is none when `timeout` has passed. A waiter that finds that it was stopped itself
    /// starts its patience anew (``WaitSpan``).
    ///
    /// A word of the die's own window has one waiter, and its writer looks at that die's doorbell. A word that many dies wait
    /// for (`crowd`) has a count of those who may be asleep, so that its writer looks at doorbells only if there are any.
    @inline(never)
    public func wait(
        _ word: Word, at wordOffset: Int, until comparison: Comparison, _ target: UInt64, epoch: UInt64,
        deadline: Deadline?, timeout: Duration, operation: UInt64, peer: Int?, crowd: Crowd? = nil
    ) -> Outcome {
        for turn in 0..<policy.spinCount {
            let value = word.loadAcquiring()
            if comparison.holds(value, target) { return .satisfied(value) }
            if turn & 255 == 255, cluster.epoch.loadAcquiring() != epoch { break }
            softpod_pause()
        }
        // Where ranks share cores, most waits end after one turn of the others: no clock is read before.
        if policy.yieldNanoseconds > 0 {
            sched_yield()
            let value = word.loadAcquiring()
            if comparison.holds(value, target) { return .satisfied(value) }
        }
        if let simulation = ThreadSimulation.current {
            return simulation.arbiter.wait(
                SimulatedWait(
                    word: word, wordOffset: wordOffset, comparison: comparison, target: target, epoch: epoch,
                    deadline: (deadline ?? Deadline(after: timeout)).nanoseconds, operation: operation, peer: peer,
                    crowd: crowd, control: control, cluster: cluster))
        }
        let since = Monotonic.now()
        var span = WaitSpan((deadline ?? Deadline(after: timeout)).remaining(at: since), at: since)
        slowWaits.storeRelaxed(slowWaits.loadRelaxed() &+ 1)
        var isPublished = false
        defer { if isPublished { control.publish(nil) } }
        while true {
            let value = word.loadAcquiring()
            if comparison.holds(value, target) { return .satisfied(value) }
            if cluster.epoch.loadAcquiring() != epoch, !Mutated.epochWatch {
                return .epochMoved(Monotonic.now() - since)
            }
            let now = Monotonic.now()
            let left = span.remaining(now)
            if left == 0 {
                // The record stays until the die waits again: others that time out because of this one ask whom it has given up on.
                isPublished = false
                return .timedOut(now - span.begun)
            }
            if !isPublished, now - since >= min(Self.quietNanoseconds, policy.yieldNanoseconds) {
                isPublished = true
                control.publish(
                    WaitRecord(operation: operation, peer: peer, wordOffset: wordOffset, since: since, target: target))
            }
            if now - since < policy.yieldNanoseconds {
                sched_yield()
                continue
            }
            control.beat()
            let bell = crowd?.bell ?? ControlBlock.doorbellValue(wordOffset: wordOffset)
            _ = unsafe crowd?.sleepers.atomic.pointee.wrappingAdd(1, ordering: .sequentiallyConsistent)
            defer { _ = unsafe crowd?.sleepers.atomic.pointee.wrappingSubtract(1, ordering: .relaxed) }
            if let outcome = sleepOnce(
                word, bell, comparison, target, epoch, span.sleep(left), inCrowd: crowd != nil)
            {
                return outcome
            }
        }
    }

    /// A wait shorter than this is not told of: most are, and telling the others costs lines of memory.
    private static let quietNanoseconds: UInt64 = 200_000

    /// Sets the doorbell, looks again, sleeps. Nil when the word must be looked at again.
    private func sleepOnce(
        _ word: Word, _ bell: UInt32, _ comparison: Comparison, _ target: UInt64, _ epoch: UInt64,
        _ nanoseconds: UInt64, inCrowd: Bool
    ) -> Outcome? {
        // Sequential on both sides: see ControlBlock.wakeIfWaiting, Crowd and ClusterBlock.publish.
        unsafe control.doorbell.pointee.store(bell, ordering: .sequentiallyConsistent)
        defer { unsafe control.doorbell.pointee.store(0, ordering: .relaxed) }
        let value = word.loadSequentially()
        if comparison.holds(value, target) { return .satisfied(value) }
        if cluster.epoch.loadSequentially() != epoch { return nil }
        sleeps.storeRelaxed(sleeps.loadRelaxed() &+ 1)
        if inCrowd {
            control.sleep(value: bell, or: word, whileIts: value, nanoseconds: nanoseconds)
        } else {
            control.sleep(value: bell, nanoseconds: nanoseconds)
        }
        return nil
    }
}

/// Those who wait for one word that is in the window of one of them.
///
/// A sleeper adds itself to the count, sets its doorbell to the crowd's number, looks at the word again and sleeps on both; the writer
/// stores the word, then reads the count, and if it is not zero wakes all who sleep on the word with one system call, and by their doorbells
/// those that could not sleep on two words; all in the single total order, so no sleeper is lost. (Woken one after the
/// other, hundreds would each take the processor from the one that wakes.) A die that is killed asleep leaves the count too high,
/// which costs its writers time and nothing else.
public struct Crowd: Sendable {
    /// How many may be asleep.
    public let sleepers: Word
    /// What a sleeper's doorbell says: above all values that stand for a word of its own window.
    public let bell: UInt32

    /// The crowd of a word, told apart from others by a number below 2^30.
    public init(sleepers: Word, number: Int) {
        self.sleepers = sleepers
        bell = 1 << 31 | UInt32(truncatingIfNeeded: number & 0x3FFF_FFFF) + 1
    }

    /// Whether the writer of the word must look at doorbells. Call after the word was stored sequentially.
    @inlinable @inline(__always)
    public var mayBeAsleep: Bool { sleepers.loadSequentially() != 0 }

    /// Wakes all who sleep on the word. Returns whether there may be others, who sleep on their doorbells alone.
    public func wakeAll(_ word: Word) -> Bool {
        let woken = unsafe softpod_futex_wake(word.pointer, Int32.max)
        return UInt64(max(woken, 0)) < sleepers.loadSequentially()
    }
}
