internal import CLinux
internal import Synchronization

/// What lies where in a port, through which a die of one host asks the switch to reach another host.
///
/// ```
/// 0       posted    u64   descriptors ever posted; rises; written by the die, which rings the bell after it
/// 4096    ring      256 entries of 64 bytes: entry n mod 256 is written by the die before it counts n in, and is the die's again
///                         when the switch has said in the die's window that it consumed it
/// 20480   staging   262,144 bytes: written by the die before the entry that names them, read by the switch until it has consumed
///                         that entry; or written by the switch with what was asked for, before it counts the reply
/// ```
public enum PortLayout {
    /// Entries of the ring.
    public static let entryCount = 256
    /// Bytes of an entry.
    public static let entryByteCount = 64
    static let ringOffset = 4096
    static let stagingOffset = ringOffset + entryCount * entryByteCount
    /// Bytes of staging.
    public static let stagingByteCount = 256 << 10
    static let byteCount = stagingOffset + stagingByteCount
}

/// A die's ring of descriptors and its staging.
@safe
public struct Port: @unchecked Sendable, BitwiseCopyable {
    let base: UnsafeMutableRawPointer

    init(base: UnsafeMutableRawPointer) { unsafe self.base = base }

    /// How many descriptors the die has ever posted.
    public var posted: Word { unsafe Word(base) }

    /// The place of the n-th descriptor.
    package func entry(_ number: UInt64) -> UnsafeMutableRawPointer {
        let index = Int(number % UInt64(PortLayout.entryCount))
        return unsafe base + PortLayout.ringOffset + index * PortLayout.entryByteCount
    }

    /// First byte of staging.
    package var staging: UnsafeMutableRawPointer { unsafe base + PortLayout.stagingOffset }
}

/// What wakes the switch of a host: a word that says whether it sleeps, and an event for when it does.
///
/// The switch stores 1 and then looks at everything it sleeps on; a die that has work for it stores that and then reads the word; all in the
/// single total order, so at least one sees the other. No system call is made while the switch is awake.
public struct SwitchBell: Sendable {
    let word: Word
    let event: Int32

    /// The descriptor that becomes readable when the bell is rung.
    public var descriptor: Int32 { event }

    /// Wakes the switch if it sleeps. Call after its work was stored sequentially.
    @inline(__always)
    public func wakeSwitch() {
        if word.loadSequentially() != 0 { wake() }
    }

    @inline(never)
    private func wake() {
        if unsafe word.atomic.pointee.exchange(0, ordering: .sequentiallyConsistent) != 0 { softpod_raise_event(event) }
    }

    /// Says that the switch is about to sleep. It looks at its work once more before it does.
    public func announceSleep() { word.storeSequentially(1) }

    /// Says that the switch is awake again. Who rang just before raises the event once more than needed, which costs one look.
    public func announceAwake() { word.storeSequentially(0) }

    /// Sleeps until the bell is rung, one of the other descriptors can be read, or the time is over; with no time, looks once.
    ///
    /// - Parameters:
    ///   - descriptors: the bell's own first.
    ///   - readable: as many; 1 for those that can be read now.
    /// - Returns: whether there is any of those.
    @discardableResult
    public func sleep(_ descriptors: [Int32], nanoseconds: UInt64, readable: inout [UInt8]) -> Bool {
        precondition(readable.count == descriptors.count && !readable.isEmpty, "an answer for each descriptor")
        let found = unsafe softpod_poll_readable(
            descriptors, Int32(descriptors.count), Int64(min(nanoseconds, 3_600_000_000_000)), &readable)
        guard found > 0 else { return false }
        // The event stays raised until it is taken back.
        if readable[0] != 0 { softpod_clear_event(event) }
        return true
    }
}
