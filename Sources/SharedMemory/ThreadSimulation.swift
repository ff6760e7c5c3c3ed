internal import CLinux
internal import Synchronization

/// Decides when the waits of a simulated rank end, in the place of spinning and sleeping.
package protocol ThreadArbiter: AnyObject {
    /// Called by the rank's own thread where a waiter would read the clock and give way. Returns when the wait is over.
    func wait(_ wait: SimulatedWait) -> Waiter.Outcome
}

/// A thread that takes part in a simulation: its waits are an arbiter's, and the clock it reads is the simulation's.
///
/// Other threads of the process do not notice; to them it costs a look at a variable of the thread where a wait is slow already, and where
/// the clock is read.
@safe
package final class ThreadSimulation: @unchecked Sendable {
    /// What decides.
    package let arbiter: any ThreadArbiter
    private let clock: SimulatedClock

    /// A thread's part in a simulation.
    package init(_ arbiter: any ThreadArbiter, clock: SimulatedClock) {
        self.arbiter = arbiter
        self.clock = clock
    }

    /// Runs a body as a part of the simulation, on the calling thread.
    package func run(_ body: () -> Void) {
        unsafe softpod_simulate_thread(clock.place, Unmanaged.passUnretained(self).toOpaque())
        defer { softpod_simulate_thread(nil, nil) }
        body()
    }

    /// That of the calling thread; nil outside simulations.
    static var current: ThreadSimulation? {
        guard let place = unsafe softpod_thread_arbiter() else { return nil }
        // SAFETY: set by `run`, whose caller holds the object until the thread has left.
        return unsafe Unmanaged<ThreadSimulation>.fromOpaque(place).takeUnretainedValue()
    }
}

/// The time that the threads of a simulation read. Moved by the one that runs.
@safe
package final class SimulatedClock: @unchecked Sendable {
    fileprivate let place: UnsafeMutablePointer<UInt64>

    /// A clock that starts at a moment above zero.
    package init() {
        unsafe place = .allocate(capacity: 1)
        unsafe place.initialize(to: 1_000_000_000)
    }

    deinit { unsafe place.deallocate() }

    /// The time, in nanoseconds. It only rises.
    package var nanoseconds: UInt64 {
        get { unsafe place.pointee }
        set { unsafe place.pointee = max(newValue, place.pointee) }
    }
}

/// A wait as the waiter would have begun it: the word, what is asked of it, and the doorbell by which its writer wakes this rank.
package struct SimulatedWait: Sendable {
    let word: Word
    let wordOffset: Int
    let comparison: Comparison
    /// What the word is compared with.
    package let target: UInt64
    let epoch: UInt64
    /// When it gives up, on the simulation's clock.
    package let deadline: UInt64
    /// On whose behalf, as codes of the fabric.
    package let operation: UInt64
    /// The rank that is to write the word, if one is known.
    package let peer: Int?
    let crowd: Crowd?
    let control: ControlBlock
    let cluster: ClusterBlock

    /// What the word holds. Acquires.
    package var value: UInt64 { word.loadAcquiring() }
    /// Whether that is what is waited for.
    package var isSatisfied: Bool { comparison.holds(value, target) }
    /// Whether the membership has changed.
    package var hasEpochMoved: Bool { cluster.epoch.loadAcquiring() != epoch }
    /// Whether a writer has taken the doorbell back.
    package var isWoken: Bool { unsafe control.doorbell.pointee.load(ordering: .acquiring) == 0 }

    /// What a sleeper does before it looks at the word once more: counts itself in where many wait, and sets its doorbell.
    package func fallAsleep() {
        _ = unsafe crowd?.sleepers.atomic.pointee.wrappingAdd(1, ordering: .sequentiallyConsistent)
        let bell = crowd?.bell ?? ControlBlock.doorbellValue(wordOffset: wordOffset)
        unsafe control.doorbell.pointee.store(bell, ordering: .sequentiallyConsistent)
    }

    /// What a sleeper does when it runs again.
    package func getUp() {
        unsafe control.doorbell.pointee.store(0, ordering: .relaxed)
        _ = unsafe crowd?.sleepers.atomic.pointee.wrappingSubtract(1, ordering: .relaxed)
    }

    /// Tells the other ranks what this one waits for, as the waiter does; or that it no longer waits.
    package func tell(since: UInt64?) {
        control.publish(
            since.map {
                WaitRecord(operation: operation, peer: peer, wordOffset: wordOffset, since: $0, target: target)
            })
    }

    /// In words, for a wait graph.
    package var text: String {
        "waits for the word at \(wordOffset) to be \(comparison) \(target), which is \(value)"
            + (peer.map { ", of rank \($0)" } ?? "") + (crowd == nil ? "" : ", in a crowd")
    }
}
