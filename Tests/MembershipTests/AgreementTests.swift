import Fabric
import Membership
import SharedMemory
import TestKit
import Testing

/// Members agree, whichever of them die in it and when.
@Suite("Agreement")
struct AgreementTests {
    /// What a die got of each agreement: flag, epoch and members.
    struct Got: Sendable, Equatable {
        var flag: UInt32
        var epoch: UInt64
        var members: [Int]
    }

    private static let agreements = 3

    /// The flag a rank brings to an agreement: most bits set, so that the AND tells who counted.
    private static func flag(_ rank: Int, _ number: Int) -> UInt32 { ~(1 << UInt32(rank * 3 + number % 3)) }

    private static func agree(_ world: Team) throws -> [Got] {
        var all: [Got] = []
        for number in 0..<agreements {
            let agreed = try world.agree(flag(world.endpoint.rank.index, number))
            all.append(Got(flag: agreed.flag, epoch: agreed.members.epoch, members: agreed.members.present))
        }
        return all
    }

    /// What is wrong with the ends of a run.
    private func faults(_ ends: [MortalCluster.End<[Got]>], lost: Set<Int>) -> [String] {
        var wrong: [String] = []
        var agreed: [Got]?
        for (rank, end) in ends.enumerated() {
            switch end {
            case .returned(let got):
                // All that return, a die that was taken for lost among them, return the same.
                if let agreed, agreed != got { wrong.append("rank \(rank) agreed on \(got), others on \(agreed)") }
                agreed = agreed ?? got
                for (number, one) in got.enumerated() {
                    let expected = one.members.reduce(UInt32.max) { $0 & Self.flag($1, number) }
                    if one.flag != expected {
                        wrong.append("rank \(rank), agreement \(number): \(one), not \(expected)")
                    }
                }
            case .threw(let error):
                if error.code != .evicted || !lost.contains(rank) { wrong.append("rank \(rank): \(error)") }
            case .failed(let text): wrong.append("rank \(rank): \(text)")
            }
        }
        if agreed == nil { wrong.append("no rank returned") }
        return wrong
    }

    @Test("Without a loss all agree on the AND of all flags, in the epoch they are in")
    func whole() throws {
        for dies in [1, 2, 5, 9] {
            let cluster = try MortalCluster(dies: dies)
            let ends = try cluster.run([], Self.agree)
            #expect(faults(ends, lost: []) == [], "\(dies) dies")
            guard case .returned(let got) = ends[0] else { continue }
            #expect(got.allSatisfy { $0.epoch == 0 && $0.members == Array(0..<dies) })
        }
    }

    @Test("A member that dies at any step of an agreement leaves the others agreed, of 2 and 3 members at every step")
    func everyStep() throws {
        var died = 0
        for dies in [2, 3] {
            for rank in 0..<dies {
                // Entry, post, decide and return of each agreement; a member that does not decide passes fewer.
                for step in 1...4 * Self.agreements {
                    let death = MortalCluster.Death(rank: rank, step: step)
                    let cluster = try MortalCluster(dies: dies)
                    let ends = try cluster.run([death], Self.agree)
                    #expect(faults(ends, lost: cluster.lost) == [], "\(dies) dies, \(death)")
                    died += cluster.lost.count
                }
            }
        }
        #expect(died > 40, "deaths must come")
    }

    @Test("Two and three members that die at any steps leave the others agreed", arguments: 0..<12 as Range<UInt64>)
    func several(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        for _ in 0..<8 {
            let dies = Int.random(in: 3...6, using: &random)
            let deaths = MortalCluster.Death.drawn(
                2...min(3, dies - 1), of: dies, steps: 4 * Self.agreements, using: &random)
            let cluster = try MortalCluster(dies: dies)
            let ends = try cluster.run(deaths, Self.agree)
            #expect(faults(ends, lost: cluster.lost) == [], "seed \(seed): \(dies) dies, \(deaths)")
        }
    }

    @Test("A member that lives and does not come is named at the deadline")
    func late() throws {
        let cluster = try MortalCluster(dies: 3)
        let ends = try cluster.run([]) { world in
            guard world.rank != 1 else { return true }
            _ = try world.agree(1, deadline: Deadline(after: .milliseconds(50)))
            return false
        }
        for rank in [0, 2] {
            guard case .threw(let error) = ends[rank] else {
                Issue.record("rank \(rank) did not throw")
                continue
            }
            #expect(error.code == .timedOut && error.peers.contains(1), "\(error)")
        }
    }
}
