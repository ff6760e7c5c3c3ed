internal import Fabric

/// One rank tells the next how far it has come: puts of several forms, then the notification behind them.
enum NotificationScenarios {
    static func on(_ road: Road) -> [Scenario] { road == .flags ? [] : [ring(road), lent(road)] }

    private static let blockByteCount = 48
    private static let rounds = 4

    /// The bytes of a block that a rank puts in a round.
    private static func block(_ rank: Int, _ round: Int, _ part: Int) -> [UInt8] {
        (0..<blockByteCount).map { UInt8(truncatingIfNeeded: rank &* 89 &+ round &* 31 &+ part &* 7 &+ $0) }
    }

    /// What a rank finds where it does not find a block.
    private static func compare(
        _ endpoint: Endpoint, at offset: Int, _ rank: Int, _ round: Int, _ part: Int
    ) -> String? {
        let bytes = endpoint.values(UInt8.self, at: offset, count: blockByteCount)
        let right = block(rank, round, part)
        guard !bytes.indices.allSatisfy({ bytes[$0] == right[$0] }) else { return nil }
        return "rank \(endpoint.rank): block \(part) of round \(round) from rank \(rank) is not what was put"
    }

    /// Each puts three blocks to the next and notifies it; two halves take turns, and the next one says when it has read.
    private static func ring(_ road: Road) -> Scenario {
        Scenario("notification.ring", road, heapByteCount: { _ in 1024 }) { _, _ in
            { world in
                let endpoint = world.endpoint
                let region = try world.allocate(byteCount: 128 + 6 * blockByteCount)
                try world.barrier()
                let next = world[(world.rank + 1) % world.size]
                let before = (world.rank + world.size - 1) % world.size
                for round in 1...rounds {
                    let half = region.offset + 128 + (round & 1) * 3 * blockByteCount
                    if round > 2 {
                        _ = try endpoint.awaitNotification(
                            UInt64(round - 2), at: region.offset + 64, from: next, operation: .wait)
                    }
                    for part in 0..<3 {
                        try endpoint.put(
                            block(world.rank, round, part).span, to: next, at: half + part * blockByteCount)
                    }
                    try endpoint.notify(UInt64(round), at: next, region.offset)
                    _ = try endpoint.awaitNotification(
                        UInt64(round), at: region.offset, from: world[before], operation: .wait)
                    for part in 0..<3 {
                        let place = half + part * blockByteCount
                        if let wrong = compare(endpoint, at: place, before, round, part) { return wrong }
                    }
                    try endpoint.notify(UInt64(round), at: world[before], region.offset + 64)
                }
                return nil
            }
        }
    }

    /// The same with sources that are lent, and written again after local completion, or after an event of the peer that follows.
    private static func lent(_ road: Road) -> Scenario {
        Scenario("notification.lent", road, ranks: 2...3, heapByteCount: { _ in 1024 }) { _, _ in
            { world in
                let endpoint = world.endpoint
                let region = try world.allocate(byteCount: 128 + 2 * blockByteCount)
                try world.barrier()
                let next = world[(world.rank + 1) % world.size]
                let before = (world.rank + world.size - 1) % world.size
                let (source, landing) = (region.offset + 128, region.offset + 128 + blockByteCount)
                for round in 1...rounds {
                    if round > 1 {
                        let answer = UInt64(round - 1)
                        _ = try endpoint.awaitNotification(
                            answer, at: region.offset + 64, from: next, operation: .wait)
                    }
                    try endpoint.put(block(world.rank, round, 0).span, to: endpoint.rank, at: source)
                    try endpoint.putNonBlocking(from: source, byteCount: blockByteCount, to: next, at: landing)
                    try endpoint.notify(UInt64(round), at: next, region.offset)
                    if round % 2 == 0 {
                        try endpoint.completeLocally()
                        try endpoint.put(block(99, round, 1).span, to: endpoint.rank, at: source)
                    }
                    _ = try endpoint.awaitNotification(
                        UInt64(round), at: region.offset, from: world[before], operation: .wait)
                    if let wrong = compare(endpoint, at: landing, before, round, 0) { return wrong }
                    try endpoint.notify(UInt64(round), at: world[before], region.offset + 64)
                }
                return nil
            }
        }
    }
}
