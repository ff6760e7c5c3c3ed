import Fabric
import SharedMemory
import TestKit
import Testing

/// The invariants of ordered delivery, over every transport and with delays between any two steps.
@Suite("Channels")
struct ChannelTests {
    /// Ways, batches and first numbers; the last start is the last there is.
    struct Case: Sendable, CustomTestStringConvertible {
        var route: String
        var delivery: ChannelDelivery
        var batch: Int
        var start: UInt64
        var testDescription: String { "\(route), \(delivery), \(batch) a flag, from \(start)" }
    }

    static let deliveries: [ChannelDelivery] = [.push, .pull, .concurrent(fraction: 0.4)]
    static let routes = TransportCatalog.all.map(\.name) + [TrialTransport.name]
    static let starts: [(batch: Int, start: UInt64)] = [
        (1, 0), (3, 1 << 32 - 20), (64, 1 << 40 - 5), (64, 1 << 46 - 1),
    ]
    static let cases = routes.flatMap { route in
        deliveries.flatMap { delivery in
            starts.map {
                Case(route: route, delivery: delivery, batch: $0.0, start: $0.1)
            }
        }
    }

    static func entry(_ route: String, seed: UInt64) -> TransportCatalog.Entry {
        TransportCatalog.all.first { $0.name == route } ?? Trouble(seed: seed).route
    }

    static func byte(_ message: Int, _ index: Int, _ seed: UInt64) -> UInt8 {
        UInt8(truncatingIfNeeded: UInt64(message &* 131 &+ index &* 7 &+ index >> 8) &+ seed)
    }

    static func bytes(_ message: Int, _ count: Int, _ seed: UInt64) -> [UInt8] {
        (0..<count).map { byte(message, $0, seed) }
    }

    @Test("Messages of any length arrive whole and in order, both ways at once, with few slots", arguments: cases)
    func stream(_ value: Case) throws {
        let seed = UInt64.random(in: .min ... .max)
        let plan = ChannelPlan(
            slotCount: 8, slotByteCount: 4096, delivery: value.delivery, batch: value.batch, start: value.start)
        let outcome = try ThreadCluster.run(dies: 2, timeout: .seconds(20), route: Self.entry(value.route, seed: seed))
        { world -> Int in
            let endpoint = world.endpoint
            let regions = [
                try world.allocate(byteCount: plan.byteCount), try world.allocate(byteCount: plan.byteCount),
            ]
            let peer = 1 - world.rank
            let sender = ChannelSender(endpoint, to: Rank(peer), region: regions[world.rank], plan: plan)
            let receiver = ChannelReceiver(endpoint, from: Rank(peer), region: regions[peer], plan: plan)
            try world.barrier()
            var lengths = SeededGenerator(seed: seed)  // The same at both ends.
            var own = SeededGenerator(seed: seed, UInt64(world.rank))
            var wrong = 0
            var (sent, received) = (0, 0)
            let sizes = (0..<150).map { _ in
                [0, 1, 8, 511, 512, 513, 1024, 4095, 4096].randomElement(using: &lengths) ?? 0
            }
            func receive() throws {
                var place = [UInt8](repeating: 0xEE, count: 4096)
                var span = place.mutableSpan
                var raw = unsafe span.mutableBytes
                let count = try receiver.receive(into: &raw)
                if Array(place[..<count]) != Self.bytes(received, sizes[received], seed) { wrong += 1 }
                if place[count...].contains(where: { $0 != 0xEE }) { wrong += 1 }
                received += 1
            }
            while sent < sizes.count || received < sizes.count {
                // Both must have room for what is under way, or both may wait for the other's release.
                let room = sent - received < 4
                if sent < sizes.count, room || received == sizes.count,
                    Bool.random(using: &own) || !receiver.hasMessage || received == sizes.count
                {
                    let bytes = Self.bytes(sent, sizes[sent], seed)
                    try unsafe sender.send(bytes.span.bytes, operation: UInt32(sent))
                    sent += 1
                } else {
                    try sender.flush()
                    if received < sizes.count { try receive() }
                }
            }
            try sender.flush()
            try receiver.release()
            try sender.drain()
            return wrong
        }
        #expect(outcome.errors.isEmpty, "seed \(seed): \(outcome.errors)")
        #expect(outcome.values == [0, 0], "seed \(seed)")
    }

    static let fractions = [0, 0.001, 0.1, 0.3, 0.4, 0.5, 0.77, 0.999, 1]

    @Test(
        "Pushed, pulled and split messages are the same bits at the same place, whatever the share", arguments: routes)
    func bitwise(route: String) throws {
        let seed = UInt64.random(in: .min ... .max)
        let sizes = [0, 1, 511, 512, 513, 1023, 1024, 1025, 5000, 70_001, 300_000]
        let ways = [ChannelDelivery.push, .pull] + Self.fractions.map { .concurrent(fraction: $0) }
        let outcome = try ThreadCluster.run(
            dies: 2, windowByteCount: 1 << 21, timeout: .seconds(20), route: Self.entry(route, seed: seed)
        ) { world -> Int in
            let endpoint = world.endpoint
            let source = try world.allocate(byteCount: 300_000)
            let target = try world.allocate(byteCount: 300_128)
            var wrong = 0
            for (index, way) in ways.enumerated() {
                let plan = ChannelPlan(slotCount: 4, slotByteCount: 512, delivery: way, batch: 1 + index % 3)
                let region = try world.allocate(byteCount: plan.byteCount)
                for size in sizes {
                    if world.rank == 0 {
                        let sender = ChannelSender(endpoint, to: 1, region: region, plan: plan)
                        let bytes = Self.bytes(index, size, seed)
                        try endpoint.put(bytes.span, to: 0, at: source.offset)
                        try world.barrier()
                        try sender.send(from: source.offset, byteCount: size, to: target.offset + 64)
                        try sender.flush()
                        // The source is released: it may be overwritten at once.
                        try sender.drain()
                        try endpoint.put([UInt8](repeating: 0x55, count: size).span, to: 0, at: source.offset)
                    } else {
                        let receiver = ChannelReceiver(endpoint, from: 0, region: region, plan: plan)
                        try endpoint.put([UInt8](repeating: 0xEE, count: size + 128).span, to: 1, at: target.offset)
                        try world.barrier()
                        let message = try receiver.take()
                        let span = endpoint.values(UInt8.self, at: target.offset, count: size + 128)
                        for place in 0..<size + 128 {
                            let inside = place >= 64 && place < 64 + size
                            let wanted = inside ? Self.byte(index, place - 64, seed) : 0xEE
                            if span[place] != wanted { wrong += 1 }
                        }
                        if message.byteCount != size || message.offset != target.offset + 64 { wrong += 1 }
                        try receiver.release()
                    }
                    try world.barrier()
                }
                try world.free(region)
            }
            return wrong
        }
        #expect(outcome.errors.isEmpty, "seed \(seed): \(outcome.errors)")
        #expect(outcome.values == [0, 0], "seed \(seed)")
    }

    @Test("A message is split at multiples of 512 bytes, into parts of at least 512, and small ones never")
    func split() {
        for fraction in Self.fractions {
            for size in Array(0...2100) + [4096, 10_000, 1 << 20] {
                let pushed = ChannelDelivery.concurrent(fraction: fraction).pushedByteCount(of: size)
                let parts = [pushed, size - pushed]
                #expect(parts.contains(0) || (pushed % 512 == 0 && parts.allSatisfy { $0 >= 512 }))
                if size <= 512 { #expect(pushed == size) }
            }
        }
        #expect(ChannelDelivery.concurrent(fraction: 0.4).pushedByteCount(of: 10_240) == 4096)
        #expect(ChannelDelivery.concurrent(fraction: 0.41).pushedByteCount(of: 10_240) == 4608)
    }

    @Test("No two writers share a line, and words polled by different ranks are 512 bytes apart")
    func lines() {
        for epoch: UInt64 in [0, 1, 2] {
            let plan = ChannelPlan(slotCount: 4, slotByteCount: 512, epoch: epoch)
            let words = plan.words(in: Region(offset: 4096, byteCount: plan.byteCount))
            for (index, word) in words.enumerated() {
                for other in words[..<index] {
                    let sameLine =
                        word.range.lowerBound / 64 == (other.range.upperBound - 1) / 64
                        || other.range.lowerBound / 64 == (word.range.upperBound - 1) / 64
                    #expect(!sameLine || word.isAtConsumer != other.isAtConsumer, "\(word) and \(other)")
                    if word.isPolledByConsumer != other.isPolledByConsumer {
                        #expect(abs(word.range.lowerBound - other.range.lowerBound) >= 512, "\(word) and \(other)")
                    }
                }
            }
            #expect(words.count == 4)
        }
        let even = ChannelPlan().words(in: Region(offset: 0, byteCount: 1 << 20)).map(\.range)
        let odd = ChannelPlan(epoch: 1).words(in: Region(offset: 0, byteCount: 1 << 20)).map(\.range)
        #expect(Set(even).isDisjoint(with: odd))
    }

    @Test(
        "A full ring holds its sender back until a slot is released, and no slot is overwritten before",
        arguments: cases)
    func backPressure(_ value: Case) throws {
        let plan = ChannelPlan(
            slotCount: 4, slotByteCount: 512, delivery: value.delivery, batch: value.batch, start: value.start)
        let outcome = try ThreadCluster.run(dies: 2, timeout: .seconds(20), route: Self.entry(value.route, seed: 5)) {
            world -> [Int] in
            let endpoint = world.endpoint
            let region = try world.allocate(byteCount: plan.byteCount)
            if world.rank == 0 {
                let sender = ChannelSender(endpoint, to: 1, region: region, plan: plan)
                try world.barrier()
                for index in 0..<40 {
                    try unsafe sender.send(Self.bytes(index, 512, 1).span.bytes)
                }
                try sender.drain()
                return []
            }
            let receiver = ChannelReceiver(endpoint, from: 0, region: region, plan: plan)
            try world.barrier()
            var wrong = 0
            for round in 0..<10 {
                // All four are held, and each is looked at again after the last has come.
                let held = try (0..<4).map { _ in try receiver.take() }
                Delay.spin(20_000)
                for (index, message) in held.enumerated() {
                    let span = endpoint.values(UInt8.self, at: message.offset, count: 512)
                    for place in 0..<512 where span[place] != Self.byte(4 * round + index, place, 1) { wrong += 1 }
                }
                try receiver.release()
            }
            return [wrong]
        }
        #expect(outcome.errors.isEmpty, "\(outcome.errors)")
        #expect(outcome.values[1] == [0])
    }

    @Test("A batch raises one flag for all its messages", arguments: [1, 2, 4, 16])
    func batches(k: Int) throws {
        let outcome = try ThreadCluster.run(dies: 2, timeout: .seconds(20)) { world -> UInt64 in
            let plan = ChannelPlan(slotCount: 64, slotByteCount: 512, batch: k)
            let region = try world.allocate(byteCount: plan.byteCount)
            guard world.rank == 0 else {
                let receiver = ChannelReceiver(world.endpoint, from: 0, region: region, plan: plan)
                try world.barrier()
                for _ in 0..<48 { _ = try receiver.take() }
                try receiver.release()
                return 0
            }
            let sender = ChannelSender(world.endpoint, to: 1, region: region, plan: plan)
            try world.barrier()
            let before = world.endpoint.counts.calls[.signal] ?? 0
            for index in 0..<48 { try unsafe sender.send(Self.bytes(index, 8, 0).span.bytes) }
            let flags = (world.endpoint.counts.calls[.signal] ?? 0) - before
            try sender.drain()
            return flags
        }
        #expect(outcome.errors.isEmpty, "\(outcome.errors)")
        #expect(outcome.values[0] == UInt64(48 / k))
    }
}
