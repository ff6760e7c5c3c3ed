import Glibc
import Synchronization

/// Counts the calls of each rank's transport once the rank is armed, so that a trial can stop it at any of them.
final class StepCounts: Sendable {
    private let armed = Mutex<[Int: Int]>([:])

    /// From here on the rank's calls count, from 0.
    func arm(_ rank: Int) { armed.withLock { $0[rank] = 0 } }

    /// No call of the rank counts any more; returns how many did.
    @discardableResult
    func disarm(_ rank: Int) -> Int { armed.withLock { $0.removeValue(forKey: rank) } ?? 0 }

    /// The number of this call; nil if the rank is not armed.
    func next(_ rank: Int) -> Int? {
        armed.withLock { armed in
            guard let step = armed[rank] else { return nil }
            armed[rank] = step + 1
            return step
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
