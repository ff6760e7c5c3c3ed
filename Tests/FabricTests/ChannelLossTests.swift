import Fabric
import SharedMemory
import TestKit
import Testing

/// A peer that is lost at any step is reported, and what it still writes does no harm later.
@Suite("Channels that lose a peer")
struct ChannelLossTests {
    static let messages = 6
    static let timeout = Duration.milliseconds(60)

    static func plan(_ delivery: ChannelDelivery, epoch: UInt64 = 0) -> ChannelPlan {
        ChannelPlan(
            slotCount: 4, slotByteCount: 2048, delivery: delivery, batch: 2, start: 1 << 32 - 2, epoch: epoch)
    }

    /// Sends or receives some messages, each of which must be whole.
    static func traffic(
        _ world: Team, _ region: Region, _ plan: ChannelPlan, within timeout: Duration = .seconds(20),
        ready: () throws -> Void
    ) throws {
        if world.rank == 0 {
            let sender = ChannelSender(world.endpoint, to: 1, region: region, plan: plan)
            try ready()
            let deadline = world.endpoint.deadline(after: timeout)
            for index in 0..<messages {
                try unsafe sender.send(ChannelTests.bytes(index, 1500, 9).span.bytes, deadline: deadline)
            }
            try sender.drain(deadline: deadline)
        } else {
            let receiver = ChannelReceiver(world.endpoint, from: 0, region: region, plan: plan)
            try ready()
            let deadline = world.endpoint.deadline(after: timeout)
            for index in 0..<messages {
                var place = [UInt8](repeating: 0, count: 2048)
                var span = place.mutableSpan
                var raw = unsafe span.mutableBytes
                let length = try receiver.receive(into: &raw, deadline: deadline)
                #expect(Array(place[..<length]) == ChannelTests.bytes(index, 1500, 9), "message \(index)")
            }
        }
    }

    /// Calls a rank's transport makes for the whole traffic.
    static func steps(_ delivery: ChannelDelivery, of rank: Int) throws -> Int {
        let trouble = Trouble()
        let outcome = try ThreadCluster.run(dies: 2, route: trouble.route) { world -> Int in
            let region = try world.allocate(byteCount: plan(delivery).byteCount)
            try traffic(world, region, plan(delivery)) {
                try world.barrier()
                trouble.steps.arm(world.rank)
            }
            return trouble.steps.disarm(world.rank)
        }
        #expect(outcome.errors.isEmpty, "\(outcome.errors)")
        return outcome.values[rank].flatMap { $0 } ?? 0
    }

    static let losses = ChannelTests.deliveries.flatMap { delivery in [0, 1].map { (delivery, $0) } }

    @Test(
        "A rank that dies before any of its steps ends its peer with the verdict, or after the last message",
        arguments: losses)
    func told(delivery: ChannelDelivery, lost: Int) throws {
        for step in 0..<(try Self.steps(delivery, of: lost)) {
            let trouble = Trouble(stop: (Rank(lost), step), tells: true)
            let outcome = try ThreadCluster.run(dies: 2, timeout: .seconds(20), route: trouble.route) { world in
                let region = try world.allocate(byteCount: Self.plan(delivery).byteCount)
                try Self.traffic(world, region, Self.plan(delivery)) {
                    try world.barrier()
                    trouble.steps.arm(world.rank)
                }
            }
            // Where this run has fewer steps than the one counted, nobody is stopped, and all ends well.
            if outcome.fabricErrors[lost] == nil { #expect(step > 0 && outcome.errors.isEmpty, "step \(step)") }
            if let error = outcome.fabricErrors[lost] { #expect(error.context == "stopped", "step \(step): \(error)") }
            if let error = outcome.fabricErrors[1 - lost] {
                #expect(error.code == .membershipChanged && error.peers == [Rank(lost)], "step \(step): \(error)")
            }
        }
    }

    @Test(
        "A rank that falls silent is named at the deadline, and the next epoch is none the worse for it",
        arguments: losses)
    func silent(delivery: ChannelDelivery, lost: Int) throws {
        for step in 0..<(try Self.steps(delivery, of: lost)) {
            let trouble = Trouble(stop: (Rank(lost), step))
            let next = Self.plan(delivery, epoch: 1)
            let outcome = try ThreadCluster.run(dies: 2, timeout: .seconds(20), route: trouble.route) {
                world -> String in
                let endpoint = world.endpoint
                let region = try world.allocate(byteCount: next.byteCount)
                var failure: FabricError?
                do {
                    try Self.traffic(world, region, Self.plan(delivery), within: Self.timeout) {
                        try world.barrier()
                        trouble.steps.arm(world.rank)
                    }
                } catch let error as FabricError {
                    failure = error
                }
                let made = trouble.steps.disarm(world.rank)
                // Both come back, as the next life of the cluster would have them.
                try world.barrier()
                try Self.traffic(world, region, next) {
                    try world.barrier()
                    if world.rank == lost {
                        // What the last life still had under way lands in its own half, during the new traffic.
                        let old = region.slice(0, next.byteCount / 2)
                        let rubbish = [UInt8](repeating: 0xA5, count: old.byteCount)
                        try endpoint.put(rubbish.span, to: Rank(1 - lost), at: old.offset)
                    }
                }
                try world.barrier()
                // How many flags a reader sees depends on who runs when: in this run there may be fewer steps than in the one counted.
                return failure.map { "\($0.code) \($0.peers)" } ?? (made <= step ? "not reached" : "none")
            }
            #expect(outcome.errors.isEmpty, "step \(step): \(outcome.errors)")
            let own = outcome.values[lost] ?? ""
            #expect(own == "unsupported []" || step > 0 && own == "not reached", "step \(step): \(own)")
            let other = outcome.values[1 - lost]
            #expect(
                other == "timedOut [\(lost)]" || other == "none" || other == "not reached",
                "step \(step): \(other ?? "nothing")")
        }
    }

    @Test("A descriptor or a counter that cannot be is refused with the producer's name", arguments: 0..<7)
    func hostile(kind: Int) throws {
        let plan = ChannelPlan(slotCount: 4, slotByteCount: 512, delivery: kind == 6 ? .pull : .push)
        let outcome = try ThreadCluster.run(dies: 2, timeout: .seconds(20)) { world in
            let endpoint = world.endpoint
            let region = try world.allocate(byteCount: plan.byteCount)
            let words = plan.words(in: region)
            let line = region.offset + 2048
            guard world.rank == 0 else {
                let receiver = ChannelReceiver(endpoint, from: 0, region: region, plan: plan)
                try world.barrier()
                _ = try receiver.take()
                return
            }
            try world.barrier()
            // sequence, epoch, source, destination, bytes, kind
            let slot = UInt64(line + 512)
            var fields: [UInt64] = [0, 0, slot, slot, 512, 0, 0, 0]
            var tail: UInt64 = 1
            switch kind {
            case 0: fields[0] = 1
            case 1: fields[1] = 7
            case 2: fields[2...4] = [0, .max - 100, 512]
            case 3: fields[4] = .max
            case 4: fields[5] = 9 << 32
            case 5: tail = 1000
            default: fields[4] = 8
            }
            try endpoint.put(fields.span, to: 1, at: line)
            // The last kind announces without `ready`.
            let word = words[kind == 6 ? 1 : 0]
            try endpoint.notify(tail, at: 1, word.range.lowerBound)
        }
        let error = try #require(outcome.fabricErrors[1])
        #expect(error.code == .corrupt && error.peers == [0], "\(error)")
    }
}
