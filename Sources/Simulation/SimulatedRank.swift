internal import Fabric
internal import Faults
internal import Histories
internal import SharedMemory

/// A rank's part in a simulation: what the fabric shows its accesses to, its waits ask, and its operations note their history with.
final class SimulatedRank: AccessObserver, ThreadArbiter, HistoryRecorder {
    private let rank: Int
    private let scheduler: Scheduler
    private var number = 0
    /// What it has noted while it lived.
    private(set) var history: [HistoryEntry] = []

    init(_ rank: Int, _ scheduler: Scheduler) {
        self.rank = rank
        self.scheduler = scheduler
    }

    private var isAlive: Bool { !scheduler.isEnding }

    func willAccess(_ access: FabricAccess) { scheduler.step(rank, access) }

    func willPass(_ point: FaultPoint, toward peer: Rank?) { scheduler.step(rank, nil) }

    func wait(_ wait: SimulatedWait) -> Waiter.Outcome { scheduler.wait(rank, wait) }

    func record(_ entry: HistoryEntry) {
        if isAlive { history.append(entry) }
    }

    func nextNumber() -> Int {
        number += 1
        return number
    }
}
