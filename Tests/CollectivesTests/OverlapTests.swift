import Collectives
import Fabric
import Launching
import SharedMemory
import Tensors
import TestKit
import Testing

/// Several teams and forms at once: what a member says for one operation is not to be taken for what it says for another.
@Suite("Overlapping operations")
struct OverlapTests {
    static let policies: [(name: String, policy: WaitPolicy)] = [
        ("board", WaitPolicy(spinCount: 2, yieldNanoseconds: 1_000_000)),
        ("flags", WaitPolicy(spinCount: 200, yieldNanoseconds: 1_000_000)),
    ]

    @Test("A started barrier and a blocking one meet, after other operations too", arguments: [0, 1])
    func barriers(index: Int) throws {
        let outcome = try ThreadCluster.run(dies: 3, timeout: .seconds(20), policy: Self.policies[index].policy) {
            world in
            let collective = Collective(world, try CollectiveWorkspace(world, byteCount: 4096))
            for round in 0..<12 {
                if round % 3 == world.rank {
                    try collective.start(.barrier()).wait()
                } else {
                    try collective.barrier()
                }
                let sum = try collective.allReduce(UInt64(world.rank), .sum)
                guard sum == 3 else { return false }
            }
            return true
        }
        #expect(outcome.errors.isEmpty, "\(outcome.errors)")
        #expect(outcome.values == [true, true, true])
    }

    @Test("A barrier where the others reduce is never taken for the reduction", arguments: [0, 1], [0, 1, 2])
    func mixed(index: Int, odd: Int) throws {
        try mixed(index, odd, nil)
        if index == 0 { for split in [[2, 1], [1, 2], [1, 1, 1]] { try mixed(index, odd, HostSplit(split)) } }
    }

    private func mixed(_ index: Int, _ odd: Int, _ split: HostSplit?) throws {
        let outcome = try ThreadCluster.run(
            dies: 3, timeout: .seconds(20), policy: Self.policies[index].policy, split: split
        ) { world in
            let collective = Collective(world, try CollectiveWorkspace(world, byteCount: 4096))
            let area = try world.allocate(byteCount: 4096)
            let call = CollectiveCall.allReduce(
                area.slice(0, 64), into: area.slice(64, 64), type: .float32, reduction: .sum)
            for _ in 0..<4 { try collective.run(call) }
            let endpoint = world.endpoint
            // The odd one comes first, then last.
            for peer in 0..<3 { try endpoint.signal(.add, 1, at: Rank(peer), area.offset + 1024) }
            try endpoint.wait(at: area.offset + 1024, until: .equal, 3)
            if world.rank == odd {
                for peer in 0..<3 where peer != odd {
                    try endpoint.wait(at: area.offset + 2048 + 64 * peer, reaches: 1, operation: .wait)
                }
                try collective.barrier()
            } else {
                let request = try collective.start(call)
                try endpoint.signal(.set, 1, at: Rank(odd), area.offset + 2048 + 64 * world.rank)
                try request.wait()
            }
            return true
        }
        for rank in 0..<3 where rank != odd { #expect(outcome.fabricErrors[rank]?.code == .mismatch, "\(outcome)") }
    }

    @Test("Who started an operation and does not do its part is named", arguments: [0, 1])
    func idle(index: Int) throws {
        let outcome = try ThreadCluster.run(
            dies: 3, windowByteCount: 8 << 20, timeout: .seconds(60), policy: Self.policies[index].policy
        ) { world -> Bool in
            let workspace = try CollectiveWorkspace(world, byteCount: 4096)
            let area = try world.allocate(byteCount: 4 << 20)
            let collective = Collective(world, workspace)
            workspace.timeout = .seconds(2)
            if world.rank != 1 {
                // Not the last to arrive, or it would begin.
                try world.endpoint.wait(at: area.offset + (3 << 20), reaches: 1, operation: .wait)
            }
            let request = try collective.start(
                .allReduce(
                    area.slice(0, 1 << 20), into: area.slice(1 << 20, 1 << 20), type: .float32, reduction: .sum))
            if world.rank == 1 {
                for peer in [0, 2] { try world.endpoint.signal(.set, 1, at: Rank(peer), area.offset + (3 << 20)) }
                return true
            }
            try request.wait()
            // Over hosts, who has no dealings with the idle one may have all it needs from its start.
            return !world.isNear
        }
        #expect(!outcome.fabricErrors.isEmpty && outcome.values.allSatisfy { $0 ?? true }, "\(outcome)")
        for (rank, error) in outcome.fabricErrors { #expect(error.peers == [1], "rank \(rank): \(error)") }
    }

    @Test("A workspace does not keep teams that were destroyed")
    func memory() throws {
        let outcome = try ThreadCluster.run(dies: 2) { world in
            let workspace = try CollectiveWorkspace(world, byteCount: 4096)
            weak var gone: Team?
            for round in 0..<3 {
                let team = try #require(try world.split(start: 0, stride: 1, size: 2))
                if round == 0 { gone = team }
                _ = try Collective(team, workspace).allReduce(UInt64(1), .sum)
                try world.barrier()
                team.destroy()
            }
            return gone == nil
        }
        #expect(outcome.errors.isEmpty, "\(outcome.errors)")
        #expect(outcome.values == [true, true])
    }
}
