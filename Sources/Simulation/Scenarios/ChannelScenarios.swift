internal import Fabric

/// Messages in order from one rank to the next, both ways at once between two: pushed, pulled, split, and flags in the lines of the data.
enum ChannelScenarios {
    static func on(_ road: Road) -> [Scenario] {
        guard road != .flags else { return [] }
        return [("push", ChannelDelivery.push), ("pull", .pull), ("concurrent", .concurrent(fraction: 0.5))].map {
            stream($0.0, $0.1, road)
        } + [lines(road)]
    }

    private static let lengths = [0, 700, 1, 1024, 513, 8]

    private static func message(_ rank: Int, _ number: Int) -> [UInt8] {
        (0..<lengths[number]).map { UInt8(truncatingIfNeeded: rank &* 71 &+ number &* 13 &+ $0 &* 3) }
    }

    private static func compare(_ endpoint: Endpoint, _ place: Region, _ count: Int, _ from: Int, _ number: Int)
        -> String?
    {
        let right = message(from, number)
        let bytes = endpoint.values(UInt8.self, at: place.offset, count: right.count)
        let isRight = count == right.count && bytes.indices.allSatisfy { bytes[$0] == right[$0] }
        return isRight ? nil : "rank \(endpoint.rank): message \(number) of \(count) bytes from rank \(from) is wrong"
    }

    /// Two regions, one for channels of producers with even numbers and one for those with odd ones, and where a message is received.
    private static func allocate(_ world: Team, _ byteCount: Int) throws -> (regions: [Region], place: Region) {
        let regions = [try world.allocate(byteCount: byteCount), try world.allocate(byteCount: byteCount)]
        return (regions, try world.allocate(byteCount: 1024))
    }

    private static func stream(_ name: String, _ delivery: ChannelDelivery, _ road: Road) -> Scenario {
        let plan = ChannelPlan(slotCount: 2, slotByteCount: 1024, delivery: delivery, batch: 2)
        return Scenario("channel.\(name)", road, ranks: 2...3, heapByteCount: { _ in 2 * plan.byteCount + 4096 }) {
            _, _ in
            { world in
                let endpoint = world.endpoint
                let (regions, place) = try allocate(world, plan.byteCount)
                let before = (world.rank + world.size - 1) % world.size
                // A region is that of all channels whose producers are as even as each other: a rank is no more than one end in each.
                let sender = ChannelSender(
                    endpoint, to: world[(world.rank + 1) % world.size], region: regions[world.rank % 2], plan: plan)
                let receiver = ChannelReceiver(
                    endpoint, from: world[before], region: regions[before % 2], plan: plan)
                // Ends clear their words before either is used.
                try world.barrier()
                for number in lengths.indices {
                    if world.size == 2 || world.rank != world.size - 1 {
                        try sender.send(message(world.rank, number).span)
                        try sender.flush()
                    }
                    if world.size == 2 || world.rank != 0 {
                        var bytes = endpoint.mutableBytes(at: place.offset, byteCount: place.byteCount)
                        let count = try receiver.receive(into: &bytes)
                        if let wrong = compare(endpoint, place, count, before, number) { return wrong }
                    }
                }
                return nil
            }
        }
    }

    private static func lines(_ road: Road) -> Scenario {
        let plan = LinePlan(lineCount: 64)
        return Scenario("channel.lines", road, ranks: 2...2, heapByteCount: { _ in 2 * plan.byteCount + 4096 }) {
            _, _ in
            { world in
                let endpoint = world.endpoint
                let (regions, place) = try allocate(world, plan.byteCount)
                let peer = 1 - world.rank
                let sender = LineSender(endpoint, to: world[peer], region: regions[world.rank], plan: plan)
                let receiver = LineReceiver(endpoint, from: world[peer], region: regions[peer], plan: plan)
                // Ends clear their words before either is used.
                try world.barrier()
                for number in lengths.indices {
                    try sender.send(message(world.rank, number).span)
                    var bytes = endpoint.mutableBytes(at: place.offset, byteCount: place.byteCount)
                    let count = try receiver.receive(into: &bytes)
                    if let wrong = compare(endpoint, place, count, peer, number) { return wrong }
                }
                return nil
            }
        }
    }
}
