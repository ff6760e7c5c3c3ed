import Collectives
import Fabric
import Membership
import Oracle
import SharedMemory
import Synchronization
import Tensors
import TestKit
import Testing

/// What survivors do: they leave the old epoch, agree on the new one, and work in it; also when more die in that.
@Suite("Shrink and revoke")
struct ShrinkTests {
    /// What a die has at the end: its epoch, the members, and what a collective over them gave.
    struct Got: Sendable, Equatable {
        var epoch: UInt64
        var members: [Int]
        var sum: UInt64
    }

    /// Works with the ranks that are left until all agree that all have done it.
    private static func work(_ first: Team) throws -> Got {
        var world = first
        while true {
            do {
                let collective = Collective(world, try CollectiveWorkspace(world, byteCount: 4096))
                let sum = try collective.allReduce(UInt64(1) << UInt64(world.endpoint.rank.index), .sum)
                let (row, column) = try world.split2D(width: 2)
                try row.barrier()
                try column.barrier()
                if try world.agree(1).members.epoch == world.endpoint.epoch {
                    return Got(
                        epoch: world.endpoint.epoch, members: (0..<world.size).map { world[$0].index }, sum: sum)
                }
                throw world.endpoint.interruption
            } catch let error as FabricError where error.isSurvivable {
                world = try world.shrink()
            }
        }
    }

    private func faults(_ ends: [MortalCluster.End<Got>], lost: Set<Int>, dies: Int) -> [String] {
        var wrong: [String] = []
        var agreed: Got?
        for (rank, end) in ends.enumerated() {
            switch end {
            case .returned(let got):
                if let agreed, agreed != got { wrong.append("rank \(rank) has \(got), others \(agreed)") }
                agreed = agreed ?? got
                let sum = got.members.reduce(UInt64(0)) { $0 | 1 << UInt64($1) }
                if got.sum != sum { wrong.append("rank \(rank): \(got), not \(sum)") }
            case .threw(let error):
                // One that goes on after it was taken for lost fails somehow: its agent would have ended it.
                if !lost.contains(rank) { wrong.append("rank \(rank): \(error)") }
            case .failed(let text): wrong.append("rank \(rank): \(text)")
            }
        }
        let left = Set(0..<dies).subtracting(lost)
        // One that died when all had agreed is still among them: it had done all that it had to do.
        if !left.isSubset(of: agreed?.members ?? []) { wrong.append("\(left.sorted()) left, and \(agreed as Any)") }
        return wrong
    }

    @Test("Without a loss nothing shrinks")
    func whole() throws {
        let cluster = try MortalCluster(dies: 4)
        let ends = try cluster.run([], Self.work)
        #expect(faults(ends, lost: [], dies: 4) == [])
    }

    @Test(
        "A member that dies at the end of its work, or at any step of shrinking after another, is not in the team that is left"
    )
    func everyStep() throws {
        var died = 0
        for dies in [3, 4] {
            for second in [0, 2] {
                // The first death comes at the agreement that ends the work; the second at each step of what follows.
                for step in 1...22 {
                    let deaths = [
                        MortalCluster.Death(rank: 1, step: 1), MortalCluster.Death(rank: second, step: step),
                    ]
                    let cluster = try MortalCluster(dies: dies)
                    let ends = try cluster.run(deaths, Self.work)
                    #expect(faults(ends, lost: cluster.lost, dies: dies) == [], "\(dies) dies, \(deaths)")
                    died += cluster.lost.count
                }
            }
        }
        #expect(died > 140, "deaths must come: \(died)")
    }

    @Test("Members that die at any steps leave a team that works", arguments: 0..<10 as Range<UInt64>)
    func several(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        for _ in 0..<6 {
            let dies = Int.random(in: 3...8, using: &random)
            let deaths = MortalCluster.Death.drawn(1...dies - 1, of: dies, steps: 30, using: &random)
            let cluster = try MortalCluster(dies: dies)
            let ends = try cluster.run(deaths, Self.work)
            #expect(faults(ends, lost: cluster.lost, dies: dies) == [], "seed \(seed): \(dies) dies, \(deaths)")
        }
    }

    @Test("A rank that gives up the epoch ends every wait of it, by name, and all go on with the same members")
    func revoked() throws {
        let cluster = try MortalCluster(dies: 5)
        let ends = try cluster.run([]) { world in
            do {
                // Rank 3 does not come to the barrier the others wait in.
                if world.rank == 3 {
                    try world.revoke()
                    try world.endpoint.wait(at: world.endpoint.reservedByteCount, until: .equal, 1)
                }
                try world.barrier()
                return "passed"
            } catch let error as FabricError {
                guard error.code == .revoked, error.peers == [3], error.isSurvivable else { return "\(error)" }
            }
            let next = try world.shrink()
            try next.barrier()
            return "epoch \(next.endpoint.epoch), \(next.size) members"
        }
        for (rank, end) in ends.enumerated() {
            guard case .returned(let text) = end else {
                Issue.record("rank \(rank): \(end)")
                continue
            }
            #expect(text == "epoch 1, 5 members")
        }
    }

    @Test("An error of an interrupted wait names the epoch, the dead, how they died, and whom it waited for")
    func named() throws {
        let cluster = try MortalCluster(dies: 3)
        let ends = try cluster.run([]) { world in
            guard world.rank == 0 else { return "other" }
            let word = world.endpoint.reservedByteCount
            _ = cluster.authority.withLock { $0.lose(2..<3, .killed, detail: 9) }
            do {
                try world.endpoint.wait(at: word, until: .equal, 1, peer: 1)
                return "passed"
            } catch let error as FabricError { return error.description }
        }
        guard case .returned(let text) = ends[0] else {
            Issue.record("rank 0: \(ends[0])")
            return
        }
        #expect(text.contains("epoch 1: 2 of 3 ranks; rank 2 was killed by signal 9"), "\(text)")
        #expect(text.contains("waited for rank 1"), "\(text)")
    }

    @Test("A word of an old epoch is none of the new one, whatever number it has")
    func stale() throws {
        let segment = try Segment.create(
            SegmentPlan(dieCount: 1, windowByteCount: Endpoint.reservedByteCount(dies: 1) + (1 << 16)))
        let old = Endpoint(segment: segment, rank: 0, timeout: .seconds(5))
        let word = old.reservedByteCount
        var authority = MembershipAuthority(segment)
        let world = Team.world(old)
        // A late store of the old epoch, as a rank that goes on would make it.
        let late = Notification.word(900, epoch: old.epoch)
        let revoked = authority.revoke(0, by: 0)
        #expect(revoked?.epoch == 1)
        let next = try world.shrink()
        try next.endpoint.signal(.set, late, at: 0, word)
        #expect(!next.endpoint.isNotified(1, at: word))
        try next.endpoint.notify(1, at: 0, word)
        #expect(next.endpoint.isNotified(1, at: word))
    }

    @Test("Teams of the ranks that are left keep their order and split, wherever the gaps are")
    func gaps() throws {
        for lost in [[0], [2], [1, 2], [0, 3, 5]] {
            let dies = 7
            let cluster = try MortalCluster(dies: dies)
            for rank in lost { _ = cluster.authority.withLock { $0.lose(rank..<rank + 1, .exited, detail: 3) } }
            let left = (0..<dies).filter { !lost.contains($0) }
            let ends = try cluster.run([]) { first in
                guard !lost.contains(first.rank) else { return [[Int]]() }
                let world = try first.shrink()
                let half = try world.split(start: 1, stride: 2, size: world.size / 2)
                try half?.barrier()
                let members = [world, half].map { team in team.map { t in (0..<t.size).map { t[$0].index } } ?? [] }
                let numbers = left.map { world.index(of: Rank($0)) ?? -1 }
                return members + [numbers, [world.index(of: Rank(lost[0])) ?? -1]]
            }
            for rank in left {
                guard case .returned(let got) = ends[rank] else {
                    Issue.record("lost \(lost), rank \(rank): \(ends[rank])")
                    continue
                }
                let place = left.firstIndex(of: rank) ?? 0
                let half = place % 2 == 1 && place < left.count / 2 * 2
                #expect(got[0] == left)
                #expect(got[1] == (half ? stride(from: 1, to: left.count / 2 * 2, by: 2).map { left[$0] } : []))
                #expect(got[2] == Array(left.indices) && got[3] == [-1])
            }
        }
    }
}
