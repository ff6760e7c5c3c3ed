import Experts
import Fabric
import Membership
import Oracle
import SharedMemory
import Synchronization
import TestKit
import Testing

/// Membership as a value, and as a host's segment holds it.
@Suite("Members")
struct MemberSetTests {
    private func segment(_ dies: Int) throws -> Segment {
        try Segment.create(SegmentPlan(dieCount: dies, windowByteCount: 4096))
    }

    @Test("What an epoch's members are does not change when others begin")
    func stays() throws {
        let segment = try segment(5)
        var authority = MembershipAuthority(segment)
        #expect(segment.members == MemberSet(epoch: 0, rankCount: 5))
        let lost = authority.lose(1..<3, .killed, detail: 9)
        let first = try #require(lost)
        #expect(first.present == [0, 3, 4] && first.epoch == 1)
        #expect(segment.members == first)
        let revoked = authority.revoke(1, by: 4)
        let second = try #require(revoked)
        #expect(second.present == first.present && second.epoch == 2)
        #expect(segment.memberBlock.revoker(of: 2) == 4 && segment.memberBlock.revoker(of: 1) == nil)
        let stopped = authority.lose(4..<5, .stopped, detail: 512)
        let third = try #require(stopped)
        #expect(segment.members == third && third.present == [0, 3])
        for (epoch, members) in [(1, first), (2, second), (3, third)] as [(UInt64, MemberSet)] {
            #expect(segment.memberBlock.members(at: epoch) == members)
        }
        #expect(third.lost(after: 1).map(\.rank) == [4])
        #expect(third.description.contains("rank 1 was killed by signal 9"))
    }

    @Test("Losing a rank twice, or giving up an epoch that is over, changes nothing")
    func once() throws {
        let segment = try segment(3)
        var authority = MembershipAuthority(segment)
        let first = authority.lose(1..<2, .exited, detail: 1)
        let again = authority.lose(1..<2, .killed, detail: 9)
        let late = authority.revoke(0, by: 0)
        let absent = authority.revoke(1, by: 1)
        #expect(first != nil && again == nil && late == nil && absent == nil)
        #expect(segment.cluster.epoch.loadAcquiring() == 1)
    }

    @Test("An epoch that was moved without members is none, and a verdict ends the run whatever the epoch was")
    func overwritten() throws {
        let segment = try segment(2)
        segment.cluster.epoch.storeSequentially(7)
        #expect(segment.members == nil)
        let other = try self.segment(2)
        var authority = MembershipAuthority(other)
        _ = authority.lose(0..<1, .killed, detail: 9)
        #expect(other.cluster.verdict == nil)
        #expect(other.publish(Verdict(.interrupted, text: "stopped")))
        #expect(other.cluster.verdict?.code == .interrupted && other.cluster.epoch.loadAcquiring() == 2)
    }

    @Test("A stop is told when the lease is over and not before, and is forgotten when the rank goes on")
    func leases() {
        var detector = LeaseDetector(dies: 2, lease: 100, patience: 1000, at: 0)
        let stopped = LeaseDetector.Sight(isStopped: true, progress: 1, isWaiting: false)
        let works = LeaseDetector.Sight(isStopped: false, progress: 2, isWaiting: false)
        var found = [detector.see(0, stopped, at: 10)]
        #expect(detector.untilNext(at: 50) == 60)
        for (sight, now) in [(stopped, 109), (works, 110), (stopped, 120), (stopped, 219)]
            as [(LeaseDetector.Sight, UInt64)]
        {
            found.append(detector.see(0, sight, at: now))
        }
        let over = detector.see(0, stopped, at: 220)
        #expect(found.allSatisfy { $0 == nil } && over == .stopped(100))
        // The watcher itself was stopped: all begin anew.
        detector.forgive(at: 300)
        let early = detector.see(0, stopped, at: 399)
        let late = detector.see(0, stopped, at: 400)
        #expect(early == nil && late == .stopped(100))
    }

    @Test("A rank that waits, or moves at all, does not hang; one that does neither does after its patience")
    func hangs() {
        var detector = LeaseDetector(dies: 1, lease: 100, patience: 1000, at: 0)
        func sight(_ progress: UInt64, waits: Bool) -> LeaseDetector.Sight {
            LeaseDetector.Sight(isStopped: false, progress: progress, isWaiting: waits)
        }
        let seen: [(progress: UInt64, waits: Bool, now: UInt64)] = [
            (5, false, 0), (5, false, 999), (6, false, 1000), (6, true, 5000), (6, false, 5999),
        ]
        for (progress, waits, now) in seen {
            let found = detector.see(0, sight(progress, waits: waits), at: now)
            #expect(found == nil, "at \(now)")
        }
        let over = detector.see(0, sight(6, waits: false), at: 6000)
        #expect(over == .hung(1000))
    }

    @Test("Experts of lost members are masked, those left keep their weights, and the tables are each other's inverse")
    func elastic() throws {
        let full = try ExpertLayout(
            experts: 10, ranks: 5, maximumTokens: 2, hidden: 8, choices: 3, dispatch: .float32, combine: .float32)
        let cluster = try MortalCluster(dies: 5)
        for rank in [1, 4] { _ = cluster.authority.withLock { $0.lose(rank..<rank + 1, .killed, detail: 9) } }
        let ends = try cluster.run([]) { first in
            guard first.rank != 1, first.rank != 4 else { return "" }
            let world = try first.shrink()
            let elastic = ElasticExperts(full: full, members: (0..<5).map { Rank($0) }, survivors: world)
            var wrong: [String] = []
            if elastic.current != [0, -1, 1, 2, -1] || elastic.former != [0, 2, 3] { wrong.append("\(elastic)") }
            for expert in 0..<10 where elastic.number(ofExpert: expert) >= 0 {
                if elastic.formerNumber(ofExpert: elastic.number(ofExpert: expert)) != expert {
                    wrong.append("\(expert)")
                }
            }
            // Token 0 loses its second choice, token 1 all that it has.
            let routing = elastic.mask(
                experts: ([5, 2, -1, 3, 8, 9] as [Int32]).span, weights: ([0.5, 0.25, 4, 1, 2, 3] as [Float]).span)
            if routing.experts != [3, -1, -1, -1, -1, -1] || routing.maskedCount != 4 { wrong.append("\(routing)") }
            if routing.survivingWeights != [0.5, 0] || routing.lostWeights != [0.25, 6] { wrong.append("\(routing)") }
            if routing.leastShare != 0 { wrong.append("share \(routing.leastShare)") }
            return wrong.joined(separator: "; ")
        }
        for end in ends {
            guard case .returned(let wrong) = end else {
                Issue.record("\(end)")
                continue
            }
            #expect(wrong == "")
        }
    }
}
