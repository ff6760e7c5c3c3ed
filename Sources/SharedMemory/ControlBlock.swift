internal import CLinux
internal import Glibc
public import Synchronization

/// What a die tells the others about itself: how to wake it, its state, what it waits for, its phase, its counters.
///
/// 4,096 bytes, one line a group, written by the die alone except the doorbell:
///
/// ```
/// 0    doorbell   u32   0: awake; else 1 + index of the word it sleeps on, set by the die, taken back by the rank that wakes it
/// 64   state      u64   DieState; u64 heartbeat; u64 process id (the agent writes the same before the die does)
/// 128  wait       u64 operation, i64 peer, u64 word offset, u64 since (ns), u64 target
/// 192  phase      u64 length, 56 bytes of text
/// 256  counters   32 words
/// 576  agreement  2 x u64   what the die says to the agreement of an even and of an odd number: see Membership
/// 1024 flight     the last operations: see ``FlightRecorder``
/// ```
@safe
public struct ControlBlock: @unchecked Sendable, BitwiseCopyable {
    @usableFromInline let base: UnsafeMutableRawPointer

    static let doorbellOffset = 0
    static let stateOffset = 64
    static let waitOffset = 128
    static let phaseOffset = 192
    static let countersOffset = 256
    /// Words of counters in a block.
    public static let counterCount = 32
    static let agreementOffset = 576
    static let phaseTextByteCount = 56

    @usableFromInline
    init(base: UnsafeMutableRawPointer) { unsafe self.base = base }

    /// The futex the die sleeps on.
    @inlinable
    package var doorbell: UnsafeMutablePointer<Atomic<UInt32>> {
        unsafe base.assumingMemoryBound(to: Atomic<UInt32>.self)
    }

    /// The doorbell's value for a word at an offset of the window.
    @inlinable
    package static func doorbellValue(wordOffset: Int) -> UInt32 { UInt32(truncatingIfNeeded: wordOffset >> 3) &+ 1 }

    /// Wakes the die if it sleeps on the word at this offset. Call after the word was stored sequentially.
    ///
    /// The sleeper stores its doorbell and then reads the word; the waker stores the word and then reads the doorbell; both
    /// in the single total order, so at least one sees the other and no sleeper is lost.
    @inlinable @inline(__always)
    package func wakeIfWaiting(wordOffset: Int) {
        if unsafe doorbell.pointee.load(ordering: .sequentiallyConsistent)
            == Self.doorbellValue(wordOffset: wordOffset)
        {
            wake()
        }
    }

    /// Wakes the die if it sleeps in this crowd. Call after the crowd's word was stored sequentially.
    package func wakeIfWaiting(in crowd: Crowd) {
        if unsafe doorbell.pointee.load(ordering: .sequentiallyConsistent) == crowd.bell { wake() }
    }

    /// Wakes the die even if its doorbell was taken back already: the rank that did may have died before it woke the die.
    @inline(never)
    func wakeAnyway() {
        unsafe doorbell.pointee.store(0, ordering: .sequentiallyConsistent)
        _ = unsafe softpod_futex_wake(doorbell, 1)  // No sleeper is as good as one woken.
    }

    /// Wakes the die whatever it sleeps on.
    @inline(never)
    public func wake() {
        if unsafe doorbell.pointee.exchange(0, ordering: .sequentiallyConsistent) != 0 {
            _ = unsafe softpod_futex_wake(doorbell, 1)  // No sleeper is as good as one woken.
        }
    }

    /// Sleeps until woken, the doorbell is taken back, or the time is over. The caller has set the doorbell and checked again.
    func sleep(value: UInt32, nanoseconds: UInt64) {
        // A spurious return is harmless: the caller checks the word again.
        _ = unsafe softpod_futex_wait(doorbell, value, Int64(min(nanoseconds, 1 << 62)))
    }

    /// As ``sleep(value:nanoseconds:)``, and also until the low half of another word is not what it was, or that word is woken.
    func sleep(value: UInt32, or word: Word, whileIts old: UInt64, nanoseconds: UInt64) {
        let timeout = Int64(min(nanoseconds, 1 << 62))
        let code = unsafe softpod_futex_wait_either(
            doorbell, value, word.pointer, UInt32(truncatingIfNeeded: old), timeout)
        // Old kernels do not know the call, and some sandboxes forbid what they do not know.
        if code == ENOSYS || code == EPERM { sleep(value: value, nanoseconds: nanoseconds) }
    }

    private func field(_ offset: Int) -> Word { unsafe Word(base + offset) }

    /// Whether the die has joined, runs, or has left.
    public enum DieState: UInt64, Sendable {
        case absent = 0
        case running = 1
        case left = 2
    }

    /// The die's state. Written by the die (release), read by other processes (acquire).
    public var state: DieState {
        get { DieState(rawValue: field(Self.stateOffset).loadAcquiring()) ?? .absent }
        nonmutating set { field(Self.stateOffset).storeReleasing(newValue.rawValue) }
    }

    /// Rises while the die lives and works or waits.
    public var heartbeat: UInt64 { field(Self.stateOffset + 8).loadRelaxed() }

    /// The process the die runs in; 0 before it has started. Written by that process before anything else of the block.
    public var process: Int {
        get { Int(clamping: field(Self.stateOffset + 16).loadAcquiring()) }
        nonmutating set { field(Self.stateOffset + 16).storeReleasing(UInt64(clamping: newValue)) }
    }

    /// One more sign of life. Only the die calls this.
    package func beat() {
        let word = field(Self.stateOffset + 8)
        word.storeRelaxed(word.loadRelaxed() &+ 1)
    }

    /// What the die does now, in one word or two: the text that a report about its death quotes. At most 56 bytes.
    public var phase: String {
        get {
            let count = min(Int(clamping: field(Self.phaseOffset).loadAcquiring()), Self.phaseTextByteCount)
            return unsafe PackedText.read(base + Self.phaseOffset + 8, count: count, capacity: Self.phaseTextByteCount)
        }
        nonmutating set {
            let text = Array(newValue.utf8.prefix(Self.phaseTextByteCount))
            unsafe PackedText.write(text, to: base + Self.phaseOffset + 8, capacity: Self.phaseTextByteCount)
            // Releases the text; acquired above. A reader that races the next change may see a mixture, never bad memory.
            field(Self.phaseOffset).storeReleasing(UInt64(text.count))
        }
    }

    /// What the die did last.
    public var flight: FlightRecorder { unsafe FlightRecorder(base: base + FlightRecorder.offset) }

    /// A word of the counters; written by the die alone.
    public func counter(_ index: Int) -> Word {
        precondition((0..<Self.counterCount).contains(index), "no such counter")
        return field(Self.countersOffset + 8 * index)
    }

    /// What the die says to an agreement, by the parity of its number; written by the die alone.
    package func agreement(_ parity: Int) -> Word { field(Self.agreementOffset + 8 * (parity & 1)) }

    /// Rises with every use of the fabric, every wait that goes to sleep and every change of phase: a die for which it does not, and
    /// which does not wait, computes or hangs. The sum of the counters and the heartbeat; nothing is written for it.
    public var progress: UInt64 {
        (0..<Self.counterCount).reduce(heartbeat) { $0 &+ counter($1).loadRelaxed() }
    }

    /// First of the counters, for the fabric's own increments.
    @inlinable
    package var counters: UnsafeMutableRawPointer { unsafe base + 256 }
}

/// What a die waits for, so that anyone can say in one line who waits for whom.
///
/// As the die's block holds it: nothing in it is believed before it has been compared with what there is.
public struct WaitRecord: Sendable, Equatable {
    /// The fabric's operation code; 0 when the die does not wait.
    public var operation: UInt64
    /// The peer that is to write the word, if one is known.
    public var peer: Int?
    /// The word's offset in the waiter's window.
    public var wordOffset: Int
    /// When the wait began, on the ``Monotonic`` clock.
    public var since: UInt64
    /// The value it compares with.
    public var target: UInt64

    /// What a die says before it waits.
    package init(operation: UInt64, peer: Int?, wordOffset: Int, since: UInt64, target: UInt64) {
        self.operation = operation
        self.peer = peer
        self.wordOffset = wordOffset
        self.since = since
        self.target = target
    }
}

extension ControlBlock {
    /// The current wait, if the die waits (and has done so long enough to say so).
    public var waiting: WaitRecord? {
        let operation = unsafe Word(base + Self.waitOffset).loadAcquiring()
        guard operation != 0 else { return nil }
        func value(_ index: Int) -> UInt64 { unsafe Word(base + Self.waitOffset + 8 * index).loadRelaxed() }
        let peer = Int(Int64(bitPattern: value(1)))
        return WaitRecord(
            operation: operation, peer: peer < 0 ? nil : peer, wordOffset: Int(clamping: value(2)), since: value(3),
            target: value(4))
    }

    /// Says what the die waits for, or that it no longer waits. Only the die calls this.
    package func publish(_ record: WaitRecord?) {
        func set(_ index: Int, _ value: UInt64) { unsafe Word(base + Self.waitOffset + 8 * index).storeRelaxed(value) }
        guard let record else {
            unsafe Word(base + Self.waitOffset).storeReleasing(0)
            return
        }
        set(1, UInt64(bitPattern: Int64(record.peer ?? -1)))
        set(2, UInt64(clamping: record.wordOffset))
        set(3, record.since)
        set(4, record.target)
        // Releases the fields; acquired in `waiting`.
        unsafe Word(base + Self.waitOffset).storeReleasing(record.operation)
    }
}
