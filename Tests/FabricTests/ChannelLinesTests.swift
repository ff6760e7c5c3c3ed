import Fabric
import SharedMemory
import TestKit
import Testing

/// Data-as-Flag: the stamp in the line is all the consumer waits for.
@Suite("Channels whose lines carry their flag")
struct ChannelLinesTests {
    // The second start lets half the bits of a number carry, the third leaves the room of one epoch, the fourth is the last there is.
    static let starts: [UInt64] = [0, 1 << 32 - 7, 1 << 40 - 7, 1 << 46 - 7]
    static let cases = ChannelTests.routes.flatMap { route in starts.map { (route, $0) } }

    @Test("Messages of any length arrive whole and in order, through a ring that wraps", arguments: cases)
    func stream(route: String, start: UInt64) throws {
        let seed = UInt64.random(in: .min ... .max)
        let plan = LinePlan(lineCount: 16, start: start)
        let outcome = try ThreadCluster.run(
            dies: 2, timeout: .seconds(20), route: ChannelTests.entry(route, seed: seed)
        ) { world -> Int in
            let region = try world.allocate(byteCount: plan.byteCount)
            var random = SeededGenerator(seed: seed)  // The same at both ends.
            let sizes = Array(0...plan.maximumByteCount).shuffled(using: &random)
            if world.rank == 0 {
                let sender = LineSender(world.endpoint, to: 1, region: region, plan: plan)
                try world.barrier()
                for (index, size) in sizes.enumerated() {
                    try unsafe sender.send(ChannelTests.bytes(index, size, seed).span.bytes)
                }
                return 0
            }
            let receiver = LineReceiver(world.endpoint, from: 0, region: region, plan: plan)
            try world.barrier()
            var wrong = 0
            for (index, size) in sizes.enumerated() {
                var place = [UInt8](repeating: 0xEE, count: 512)
                var span = place.mutableSpan
                var raw = unsafe span.mutableBytes
                let count = try receiver.receive(into: &raw)
                if count != size || Array(place[..<count]) != ChannelTests.bytes(index, size, seed) { wrong += 1 }
                if place[count...].contains(where: { $0 != 0xEE }) { wrong += 1 }
            }
            return wrong
        }
        #expect(outcome.errors.isEmpty, "seed \(seed): \(outcome.errors)")
        #expect(outcome.values == [0, 0], "seed \(seed)")
    }

    @Test("A consumer that sleeps is woken by the line itself", arguments: ChannelTests.routes)
    func sleeper(route: String) throws {
        let plan = LinePlan(lineCount: 64)
        let outcome = try ThreadCluster.run(
            dies: 2, timeout: .seconds(20), route: ChannelTests.entry(route, seed: 3),
            policy: WaitPolicy(spinCount: 0, yieldNanoseconds: 0)
        ) { world -> Int in
            let endpoint = world.endpoint
            let regions = [
                try world.allocate(byteCount: plan.byteCount), try world.allocate(byteCount: plan.byteCount),
            ]
            let sender = LineSender(endpoint, to: world[1 - world.rank], region: regions[world.rank], plan: plan)
            let receiver = LineReceiver(
                endpoint, from: world[1 - world.rank], region: regions[1 - world.rank], plan: plan)
            try world.barrier()
            var wrong = 0
            for turn in 0..<200 {
                let bytes = ChannelTests.bytes(turn, turn * 8 % 1700, 1)
                if world.rank == 0 { try unsafe sender.send(bytes.span.bytes) }
                var place = [UInt8](repeating: 0, count: 2048)
                var span = place.mutableSpan
                var raw = unsafe span.mutableBytes
                let count = try receiver.receive(into: &raw)
                if Array(place[..<count]) != bytes { wrong += 1 }
                if world.rank == 1 { try unsafe sender.send(bytes.span.bytes) }
            }
            return wrong
        }
        #expect(outcome.errors.isEmpty, "\(outcome.errors)")
        #expect(outcome.values == [0, 0])
    }

    @Test("A producer that falls silent at any step is named, half a message is never delivered")
    func lost() throws {
        let plan = LinePlan(lineCount: 16)
        var step = 0
        var ended = false
        while !ended {
            let trouble = Trouble(stop: (0, step))
            let outcome = try ThreadCluster.run(dies: 2, timeout: .seconds(20), route: trouble.route) { world -> Int in
                let endpoint = world.endpoint
                let region = try world.allocate(byteCount: plan.byteCount)
                let receiver = LineReceiver(endpoint, from: 0, region: region, plan: plan)
                let sender = LineSender(endpoint, to: 1, region: region, plan: plan)
                try world.barrier()
                var whole = 0
                if world.rank == 0 {
                    trouble.steps.arm(0)
                    for index in 0..<3 { try unsafe sender.send(ChannelTests.bytes(index, 200, 1).span.bytes) }
                    trouble.steps.disarm(0)
                    return 3
                }
                let deadline = endpoint.deadline(after: .milliseconds(60))
                for index in 0..<3 {
                    var place = [UInt8](repeating: 0, count: 512)
                    var span = place.mutableSpan
                    var raw = unsafe span.mutableBytes
                    let count = try receiver.receive(into: &raw, deadline: deadline)
                    #expect(Array(place[..<count]) == ChannelTests.bytes(index, 200, 1))
                    whole += 1
                }
                return whole
            }
            ended = outcome.errors.isEmpty
            if let error = outcome.fabricErrors[1] {
                #expect(error.code == .timedOut && error.peers == [0], "\(error)")
            }
            #expect(ended || outcome.fabricErrors[0]?.context == "stopped", "step \(step): \(outcome.errors)")
            #expect(!ended || outcome.values == [3, 3])
            step += 1
        }
        // Three messages of four lines, a put and a signal each.
        #expect(step == 25)
    }

    @Test("A stamp that cannot be is refused with the producer's name", arguments: [5, 1 << 16 | 8, 60_000])
    func hostile(stamp: UInt64) throws {
        let plan = LinePlan(lineCount: 16)
        let outcome = try ThreadCluster.run(dies: 2, timeout: .seconds(20)) { world in
            let endpoint = world.endpoint
            let region = try world.allocate(byteCount: plan.byteCount)
            let receiver = LineReceiver(endpoint, from: 0, region: region, plan: plan)
            try world.barrier()
            if world.rank == 0 {
                try endpoint.signal(.set, stamp, at: 1, region.offset + 512 + 56)
                return
            }
            var place = [UInt8](repeating: 0, count: 4)
            var span = place.mutableSpan
            var raw = unsafe span.mutableBytes
            _ = try receiver.receive(into: &raw)
        }
        let error = try #require(outcome.fabricErrors[1])
        // Five bytes are a message, but not one for this place.
        #expect(error.code == (stamp == 5 ? .mismatch : .corrupt) && error.peers == [0], "\(error)")
    }
}
