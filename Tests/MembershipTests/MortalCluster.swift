import Dispatch
import Fabric
import Faults
import Membership
import SharedMemory
import Synchronization
import TestKit
import Workers

/// A cluster of threads in which dies die: at a step of the protocol, between any two instructions of it as the others see it.
///
/// A die that dies is taken out of the membership, as its agent would when its process has ended, and does nothing more until all others are
/// done. Then it goes on where it was: a rank that was taken for lost and was not.
final class MortalCluster: Sendable {
    /// A die, and at which of the points that it passes it dies, from 1.
    struct Death: Sendable, CustomStringConvertible {
        var rank: Int
        var step: Int
        var description: String { "rank \(rank) at step \(step)" }

        /// Deaths of so many of the dies, none twice, each at one of the first steps.
        static func drawn(
            _ count: ClosedRange<Int>, of dies: Int, steps: Int, using random: inout SeededGenerator
        ) -> [Death] {
            let victims = (0..<dies).shuffled(using: &random).prefix(Int.random(in: count, using: &random))
            return victims.map { Death(rank: $0, step: Int.random(in: 1...steps, using: &random)) }
        }
    }

    /// What came of a die.
    enum End<Value: Sendable>: Sendable {
        case returned(Value)
        case threw(FabricError)
        case failed(String)
    }

    let segment: Segment
    let authority: Mutex<MembershipAuthority>
    private let dies: Int
    private let gate = DispatchSemaphore(value: 0)
    private let dead = Mutex<Set<Int>>([])

    init(dies: Int) throws {
        self.dies = dies
        segment = try Segment.create(
            SegmentPlan(dieCount: dies, windowByteCount: Endpoint.reservedByteCount(dies: dies) + (1 << 18)))
        authority = Mutex(MembershipAuthority(segment))
    }

    /// Counts the points a die passes, and ends it at one.
    private final class Fate: AccessObserver {
        private let cluster: MortalCluster
        private let rank: Int
        private let step: Int
        private var passed = 0

        init(_ cluster: MortalCluster, rank: Int, step: Int) {
            self.cluster = cluster
            self.rank = rank
            self.step = step
        }

        func willAccess(_ access: FabricAccess) {}
        func willPass(_ point: FaultPoint, toward peer: Rank?) {
            guard point.isOfSurvivors else { return }
            passed += 1
            if passed == step { cluster.die(rank) }
        }
    }

    private func die(_ rank: Int) {
        dead.withLock { _ = $0.insert(rank) }
        _ = authority.withLock { $0.lose(rank..<rank + 1, .killed, detail: 9) }
        gate.wait()
    }

    /// Dies that died.
    var lost: Set<Int> { dead.withLock { $0 } }

    /// Runs a body on each die, with the deaths that come to their step.
    ///
    /// - Returns: what came of each die; of those that died, what came when they went on at the end.
    func run<Value: Sendable>(
        _ deaths: [Death], _ body: @escaping @Sendable (Team) throws -> Value
    ) throws -> [End<Value>] {
        let ends = Mutex<[End<Value>]>(Array(repeating: .failed("it never ended"), count: dies))
        let workers = try (0..<dies).map { rank in
            try Worker.start(name: "die \(rank)") { [self] in
                let endpoint = Endpoint(segment: segment, rank: Rank(rank), timeout: .seconds(30))
                let step = deaths.first { $0.rank == rank }?.step ?? 0
                endpoint.observer = Fate(self, rank: rank, step: step)
                endpoint.requestRevocation = { epoch in
                    _ = self.authority.withLock { $0.revoke(epoch, by: rank) }
                }
                let end: End<Value>
                do { end = .returned(try body(Team.world(endpoint))) } catch let error as FabricError {
                    end = .threw(error)
                } catch { end = .failed("\(error)") }
                ends.withLock { $0[rank] = end }
                if !self.lost.contains(rank) { endpoint.leave() }
            }
        }
        for (rank, worker) in workers.enumerated() where !deaths.contains(where: { $0.rank == rank }) { worker.join() }
        // Those whose step never came have ended or will; the others go on now.
        for _ in deaths { gate.signal() }
        for (rank, worker) in workers.enumerated() where deaths.contains(where: { $0.rank == rank }) { worker.join() }
        return ends.withLock { $0 }
    }
}
