internal import Fabric

/// Teams: that no member leaves a barrier before all have come, and that splits and allocations agree.
enum TeamScenarios {
    static func on(_ road: Road) -> [Scenario] { [barrier(road), split(road)] }

    private static func barrier(_ road: Road) -> Scenario {
        Scenario("team.barrier", road, heapByteCount: { _ in 64 }) { _, _ in
            { world in
                let endpoint = world.endpoint
                let word = try world.allocate(byteCount: 64)
                for round in 1...3 {
                    try endpoint.signal(.set, UInt64(round), at: endpoint.rank, word.offset)
                    try world.barrier()
                    for peer in 0..<world.size {
                        let seen = try endpoint.fetch(at: world[peer], word.offset)
                        guard seen >= UInt64(round) else {
                            return "rank \(world.rank) left barrier \(round) before rank \(peer) came"
                        }
                    }
                }
                return nil
            }
        }
    }

    /// Teams that overlap, end, and whose slots and boards serve again.
    private static func split(_ road: Road) -> Scenario {
        Scenario("team.split", road, heapByteCount: { _ in 1024 }) { ranks, _ in
            { world in
                for round in 0..<2 {
                    let (row, column) = try world.split2D(width: 2)
                    for team in [row, column] {
                        try team.barrier()
                        let region = try world.allocate(byteCount: 64 + 64 * round)
                        try world.free(region)
                    }
                    guard row.size == min(2, ranks - world.rank / 2 * 2), row[row.rank] == world.endpoint.rank else {
                        return "rank \(world.rank) has a row of \(row.size)"
                    }
                    row.destroy()
                    column.destroy()
                }
                return nil
            }
        }
    }
}
