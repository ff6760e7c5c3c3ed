import Glibc
import Synchronization

/// Counts the calls of the first two ranks' transports once they are armed, so that a trial can stop one at any of them.
///
/// A lock would order the ranks' steps, and hide from the thread sanitizer what the channel itself does not order.
final class StepCounts: Sendable {
    private static let idle = -1
    private let first = Atomic<Int>(idle)
    private let second = Atomic<Int>(idle)

    /// From here on the rank's calls count, from 0.
    func arm(_ rank: Int) {
        switch rank {
        case 0: first.store(0, ordering: .relaxed)
        case 1: second.store(0, ordering: .relaxed)
        default: break
        }
    }

    /// No call of the rank counts any more; returns how many did.
    @discardableResult
    func disarm(_ rank: Int) -> Int {
        switch rank {
        case 0: max(0, first.exchange(Self.idle, ordering: .relaxed))
        case 1: max(0, second.exchange(Self.idle, ordering: .relaxed))
        default: 0
        }
    }

    /// The number of this call; nil if the rank is not armed. A rank counts only its own calls.
    func next(_ rank: Int) -> Int? {
        switch rank {
        case 0 where first.load(ordering: .relaxed) >= 0: first.wrappingAdd(1, ordering: .relaxed).oldValue
        case 1 where second.load(ordering: .relaxed) >= 0: second.wrappingAdd(1, ordering: .relaxed).oldValue
        default: nil
        }
    }
}

/// Pauses of the kind a busy machine makes.
enum Delay {
    /// Gives the processor away.
    static func yield() { sched_yield() }

    /// Keeps the processor busy for some turns.
    static func spin(_ turns: Int) {
        let word = Atomic<Int>(0)
        for _ in 0..<turns { word.wrappingAdd(1, ordering: .relaxed) }
    }
}
