import Fabric
import Launching
import SharedMemory
import TestKit
import Testing

@Suite("Teams")
struct TeamTests {
    static func clean<Value: Sendable>(
        _ dies: Int, _ body: @escaping @Sendable (Team) throws -> Value
    ) throws -> [Value] {
        // On one host, and dealt out over two.
        let values = try [nil, HostSplit.even(dies: dies, hosts: 2)].map { split in
            let outcome = try ThreadCluster.run(dies: dies, split: split, body)
            #expect(outcome.errors.isEmpty, "\(split.map(\.description) ?? "one host"): \(outcome.errors)")
            return outcome.values.compactMap { $0 }
        }
        return values.flatMap { $0 }
    }

    @Test("Nobody leaves a barrier before everybody has come", arguments: [1, 2, 3, 8, 33])
    func barrier(dies: Int) throws {
        let early = try Self.clean(dies) { world in
            let area = try world.allocate(byteCount: 64)
            var early = 0
            for round: UInt64 in 1...100 {
                try world.endpoint.signal(.set, round, at: world.endpoint.rank, area.offset)
                try world.barrier()
                for peer in 0..<dies where try world.endpoint.fetch(at: Rank(peer), area.offset) < round {
                    early += 1
                }
            }
            return early
        }
        #expect(early.allSatisfy { $0 == 0 })
    }

    @Test("Strided splits number their members as asked, with negative strides too")
    func strided() throws {
        let shapes: [(start: Int, stride: Int, size: Int)] = [
            (0, 1, 8), (1, 2, 3), (7, -1, 8), (6, -2, 3), (3, 1, 1), (3, 0, 1), (2, 5, 2), (0, 7, 2),
        ]
        _ = try Self.clean(8) { world in
            for shape in shapes {
                let team = try world.split(start: shape.start, stride: shape.stride, size: shape.size)
                let members = (0..<shape.size).map { shape.start + $0 * shape.stride }
                #expect((team != nil) == members.contains(world.rank))
                guard let team else { continue }
                #expect(team.size == shape.size)
                #expect((0..<team.size).map { team[$0].index } == members)
                #expect(team[team.rank] == world.endpoint.rank)
                #expect((0..<8).allSatisfy { team.index(of: Rank($0)) == members.firstIndex(of: $0) })
                #expect(team.translate(team.rank, to: world) == world.rank)
                for _ in 0..<5 { try team.barrier() }
                team.destroy()
            }
        }
    }

    @Test("A split of a split keeps the order, and two teams may run side by side")
    func nested() throws {
        _ = try Self.clean(12) { world in
            let even = try world.split(start: 0, stride: 2, size: 6)
            let odd = try world.split(start: 1, stride: 2, size: 6)
            guard let mine = even ?? odd else { return }
            let backwards = try #require(try mine.split(start: 5, stride: -1, size: 6))
            #expect(backwards[0] == mine[5])
            for _ in 0..<20 {
                try backwards.barrier()
                try mine.barrier()
            }
            try world.barrier()
        }
    }

    @Test(
        "Rows and columns cover the team once, the last row may be short", arguments: [(6, 3), (7, 3), (5, 8), (4, 1)])
    func twoDimensional(dies: Int, width: Int) throws {
        _ = try Self.clean(dies) { world in
            let (row, column) = try world.split2D(width: width)
            let effective = min(width, dies)
            let rows = (0..<row.size).map { row[$0].index }
            #expect(rows == (0..<dies).filter { $0 / effective == world.rank / effective })
            let columns = (0..<column.size).map { column[$0].index }
            #expect(columns == (0..<dies).filter { $0 % effective == world.rank % effective })
            for _ in 0..<10 {
                try row.barrier()
                try column.barrier()
            }
        }
    }

    @Test("A triplet that leaves the team, or that one member sees otherwise, is an error for everybody")
    func mismatch() throws {
        for (start, stride, size) in [
            (0, 1, 5), (4, 1, 1), (0, 0, 2), (3, -2, 3), (0, 1, 0), (1, Int.max, 3), (0, 1, .min),
        ] {
            let outcome = try ThreadCluster.run(dies: 4) { world in
                try world.split(start: start, stride: stride, size: size) != nil
            }
            #expect(outcome.fabricErrors.count == 4)
            #expect(outcome.fabricErrors.values.allSatisfy { $0.code == .mismatch })
        }
        let outcome = try ThreadCluster.run(dies: 4) { world in
            try world.split(start: 0, stride: 1, size: world.rank == 2 ? 3 : 4) != nil
        }
        #expect(outcome.fabricErrors.count == 4)
        #expect(outcome.fabricErrors[0]?.peers == [2])
    }

    @Test("Team slots run out with an error, and come back when teams are destroyed")
    func slots() throws {
        let outcome = try ThreadCluster.run(dies: 2) { world in
            var teams: [Team] = []
            for _ in 0..<63 { teams.append(try #require(try world.split(start: 0, stride: 1, size: 2))) }
            let error = #expect(throws: FabricError.self) { try world.split(start: 0, stride: 1, size: 2) }
            #expect(error?.code == .tooManyTeams)
            for team in teams { team.destroy() }
            for _ in 0..<200 {
                let team = try #require(try world.split(start: 1, stride: -1, size: 2))
                try team.barrier()
                team.destroy()
            }
        }
        #expect(outcome.errors.isEmpty, "\(outcome.errors)")
    }

    @Test("Large teams that count by groups keep the same promises", arguments: [64, 65, 66, 80, 97])
    func groups(dies: Int) throws {
        let outcome = try ThreadCluster.run(dies: dies, cores: 16) { world in
            let area = try world.allocate(byteCount: 64)
            let odd = try world.split(start: dies - 1, stride: -1, size: dies - 1)
            var early = 0
            for round in 1...20 {
                try world.endpoint.signal(.set, UInt64(round), at: world.endpoint.rank, area.offset)
                let team = round % 2 == 0 ? odd ?? world : world
                if team === world, round % 2 == 0 { continue }
                try team.barrier()
                for peer in 0..<team.size
                where try world.endpoint.fetch(at: team[peer], area.offset) < UInt64(round) {
                    early += 1
                }
            }
            return early
        }
        #expect(outcome.errors.isEmpty, "\(outcome.errors)")
        #expect(outcome.values.allSatisfy { $0 == 0 })
    }

    @Test("A large team that counts by groups names who is missing")
    func missingFromGroup() throws {
        let outcome = try ThreadCluster.run(dies: 70, timeout: .seconds(2), cores: 16) { world in
            guard world.rank != 37 else { return }
            try world.barrier()
        }
        #expect(outcome.fabricErrors.count == 69)
        for (rank, error) in outcome.fabricErrors { #expect(error.peers == [37], "rank \(rank): \(error)") }
    }

    @Test("A slot is not taken again while a member of its former team still leaves that team's last meeting")
    func reuse() throws {
        let policy = WaitPolicy(spinCount: 2, yieldNanoseconds: 1_000_000)
        // Meetings on a board are those of one segment.
        let outcome = try ThreadCluster.run(
            dies: 3, timeout: .seconds(5), policy: policy, split: .oneHost(dies: 3)
        ) { world in
            let area = try world.allocate(byteCount: 256)
            let endpoint = world.endpoint
            let all = try #require(try world.split(start: 0, stride: 1, size: 3))
            let pair = try world.split(start: 0, stride: 1, size: 2)
            if world.rank == 2 {
                // Arrives, and is given the processor again only when the others are far on.
                let isLast = try all.arrive([7, 0, 0, 0, 0, 0, 0])
                if isLast { try all.close() }
                try endpoint.wait(at: area.offset, until: .equal, 2)
                if !isLast { try all.awaitEnd(nil, .barrier) }
                all.destroy()
                return
            }
            if try all.arrive([7, 0, 0, 0, 0, 0, 0]) {
                try all.close()
            } else {
                try all.awaitEnd(nil, .barrier)
            }
            all.destroy()
            let pairs = try #require(pair)
            for _ in 0..<3 {
                _ = try #require(try pairs.split(start: 0, stride: 1, size: 2))
            }
            try endpoint.signal(.add, 1, at: 2, area.offset)
        }
        #expect(outcome.errors.isEmpty, "\(outcome.errors)")
    }
}
