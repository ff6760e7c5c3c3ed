import Fabric
import SharedMemory
import TestKit
import Testing

/// The three relays, each on its own.
@Suite("Relays")
struct ChannelRelayTests {
    @Test("Pieces gathered in a slot land in their places, and nowhere else", arguments: ChannelTests.cases)
    func staging(_ value: ChannelTests.Case) throws {
        let seed = UInt64.random(in: .min ... .max)
        let plan = ChannelPlan(
            slotCount: 4, slotByteCount: 1024, delivery: value.delivery, batch: value.batch, start: value.start)
        let outcome = try ThreadCluster.run(
            dies: 2, timeout: .seconds(20), route: ChannelTests.entry(value.route, seed: seed)
        ) { world -> Int in
            let endpoint = world.endpoint
            let region = try world.allocate(byteCount: plan.byteCount)
            let area = try world.allocate(byteCount: 1 << 16)
            try endpoint.put([UInt8](repeating: 0xEE, count: 1 << 16).span, to: world.endpoint.rank, at: area.offset)
            var random = SeededGenerator(seed: seed)
            var places: [(offset: Int, count: Int)] = []
            var at = 0
            for _ in 0..<300 {
                at += Int.random(in: 1...40, using: &random)
                let count = Int.random(in: 0...100, using: &random)
                places.append((at, count))
                at += count
            }
            places.shuffle(using: &random)
            if world.rank == 0 {
                let relay = RelayStaging(ChannelSender(endpoint, to: 1, region: region, plan: plan))
                try world.barrier()
                for (index, place) in places.enumerated() {
                    try unsafe relay.add(
                        ChannelTests.bytes(index, place.count, seed).span.bytes, to: area.offset + place.offset)
                }
                try relay.flush()
                try relay.sender.drain()
                return 0
            }
            let receiver = ChannelReceiver(endpoint, from: 0, region: region, plan: plan)
            try world.barrier()
            var pieces = 0
            while pieces < places.count {
                pieces += try RelayStaging.scatter(try receiver.take(), of: receiver)
                try receiver.releaseLazily()
            }
            try receiver.release()
            var wanted = [UInt8](repeating: 0xEE, count: 1 << 16)
            for (index, place) in places.enumerated() {
                wanted.replaceSubrange(
                    place.offset..<place.offset + place.count, with: ChannelTests.bytes(index, place.count, seed))
            }
            let got = endpoint.values(UInt8.self, at: area.offset, count: 1 << 16)
            return got.indices.count { got[$0] != wanted[$0] }
        }
        #expect(outcome.errors.isEmpty, "seed \(seed): \(outcome.errors)")
        #expect(outcome.values == [0, 0], "seed \(seed)")
    }

    @Test("A piece that leaves its message or the window is refused", arguments: [0, 1, 2])
    func badPiece(kind: Int) throws {
        let plan = ChannelPlan(slotCount: 4, slotByteCount: 512)
        let outcome = try ThreadCluster.run(dies: 2, timeout: .seconds(20)) { world in
            let endpoint = world.endpoint
            let region = try world.allocate(byteCount: plan.byteCount)
            if world.rank == 0 {
                let sender = ChannelSender(endpoint, to: 1, region: region, plan: plan)
                try world.barrier()
                let pieces: [[UInt64]] = [[UInt64.max - 3, 8, 0], [0, 4096, 0], [0]]
                let words = pieces[kind]
                try unsafe sender.send(words.span.bytes, operation: RelayStaging.operation)
                return
            }
            let receiver = ChannelReceiver(endpoint, from: 0, region: region, plan: plan)
            try world.barrier()
            try RelayStaging.scatter(try receiver.take(), of: receiver)
        }
        let error = try #require(outcome.fabricErrors[1])
        #expect(error.code == .corrupt && error.peers == [0])
    }

    static let flagCases = ChannelTests.routes.flatMap { route in [0, 1, 3].map { (route, $0) } }

    @Test("One flag of the designated lane publishes the bytes of all lanes, round after round", arguments: flagCases)
    func flag(route: String, designated: Int) throws {
        let rounds = 100
        let lanes = 0..<4
        let outcome = try ThreadCluster.run(
            dies: 5, timeout: .seconds(30), route: ChannelTests.entry(route, seed: 11)
        ) { world -> Int in
            let endpoint = world.endpoint
            let region = try world.allocate(byteCount: RelayFlag.byteCount(lanes: lanes.count))
            let area = try world.allocate(byteCount: 4 * 512)
            let done = try world.allocate(byteCount: 64)
            let relay = RelayFlag(
                endpoint, lanes: Rank(lanes.lowerBound)..<Rank(lanes.upperBound), designated: Rank(designated),
                target: 4, region: region, start: 1 << 40 - 50)
            try endpoint.signal(.set, 0, at: world.endpoint.rank, done.offset)
            try world.barrier()
            var wrong = 0
            for round in 1...rounds {
                if world.rank == 4 {
                    try relay.wait()
                    let got = endpoint.values(UInt64.self, at: area.offset, count: 256)
                    for index in 0..<256 where got[index] != UInt64(round * 10 + index / 64) { wrong += 1 }
                    for lane in lanes { try endpoint.signal(.set, UInt64(round), at: Rank(lane), done.offset) }
                } else {
                    let values = [UInt64](repeating: UInt64(round * 10 + world.rank), count: 64)
                    try endpoint.put(values.span, to: 4, at: area.offset + 512 * world.rank)
                    try relay.finish()
                    try endpoint.wait(at: done.offset, until: .greaterOrEqual, UInt64(round), peer: 4)
                }
            }
            return wrong
        }
        #expect(outcome.errors.isEmpty, "\(outcome.errors)")
        #expect(outcome.values == [0, 0, 0, 0, 0])
    }

    @Test("The designated lane names the lane that has not reported")
    func lateLane() throws {
        let outcome = try ThreadCluster.run(dies: 4, timeout: .seconds(20)) { world in
            let region = try world.allocate(byteCount: RelayFlag.byteCount(lanes: 3))
            let relay = RelayFlag(world.endpoint, lanes: 0..<3, designated: 0, target: 3, region: region)
            try world.barrier()
            if world.rank < 2 { try relay.finish(deadline: world.endpoint.deadline(after: .milliseconds(80))) }
        }
        #expect(outcome.fabricErrors.keys.sorted() == [0])
        #expect(outcome.fabricErrors[0]?.peers == [2])
    }

    @Test("A third rank forwards to its group, each pair's messages whole and in order", arguments: ChannelTests.cases)
    func forward(_ value: ChannelTests.Case) throws {
        // Rank 0 sends to 1 ... 3 through 1.
        let plan = ChannelPlan(
            slotCount: 4, slotByteCount: 1024, delivery: value.delivery, batch: value.batch, start: value.start)
        let count = 60
        let outcome = try ThreadCluster.run(
            dies: 4, timeout: .seconds(30), route: ChannelTests.entry(value.route, seed: 17)
        ) { world -> Int in
            let endpoint = world.endpoint
            let outer = try world.allocate(byteCount: plan.byteCount)
            let inner = try (2...3).map { _ in try world.allocate(byteCount: plan.byteCount) }
            switch world.rank {
            case 0:
                let sender = ChannelSender(endpoint, to: 1, region: outer, plan: plan)
                try world.barrier()
                for index in 0..<count {
                    try unsafe sender.send(
                        ChannelTests.bytes(index, index * 17, 2).span.bytes, operation: UInt32(index),
                        target: Rank(1 + index % 3))
                }
                try sender.drain()
                return count / 3
            case 1:
                let relay = RelayForwarder(
                    from: ChannelReceiver(endpoint, from: 0, region: outer, plan: plan),
                    to: (2...3).map { ChannelSender(endpoint, to: Rank($0), region: inner[$0 - 2], plan: plan) })
                try world.barrier()
                var mine = 0
                for index in 0..<count {
                    guard let message = try relay.forward() else { continue }
                    mine += Self.isRight(endpoint, message, index) ? 1 : 0
                }
                try relay.flush()
                return mine
            default:
                let receiver = ChannelReceiver(endpoint, from: 1, region: inner[world.rank - 2], plan: plan)
                try world.barrier()
                var mine = 0
                for turn in 0..<count / 3 {
                    let message = try receiver.take()
                    mine += Self.isRight(endpoint, message, 3 * turn + world.rank - 1) ? 1 : 0
                    try receiver.releaseLazily()
                }
                return mine
            }
        }
        #expect(outcome.errors.isEmpty, "\(outcome.errors)")
        #expect(outcome.values.allSatisfy { $0 == count / 3 }, "\(outcome.values)")
    }

    static func isRight(_ endpoint: Endpoint, _ message: ChannelMessage, _ index: Int) -> Bool {
        guard message.operation == UInt32(index), message.origin == 0, message.byteCount == index * 17 else {
            return false
        }
        let span = endpoint.values(UInt8.self, at: message.offset, count: message.byteCount)
        return span.indices.allSatisfy { span[$0] == ChannelTests.byte(index, $0, 2) }
    }

    @Test("A relay refuses a message for a rank it does not reach")
    func unreachable() throws {
        let plan = ChannelPlan(slotCount: 4, slotByteCount: 512)
        let outcome = try ThreadCluster.run(dies: 3, timeout: .seconds(20)) { world in
            let region = try world.allocate(byteCount: plan.byteCount)
            if world.rank == 0 {
                let sender = ChannelSender(world.endpoint, to: 1, region: region, plan: plan)
                try world.barrier()
                let values: [UInt8] = [1, 2, 3]
                try unsafe sender.send(values.span.bytes, target: 2)
            } else {
                let receiver = ChannelReceiver(world.endpoint, from: 0, region: region, plan: plan)
                try world.barrier()
                if world.rank == 1 { _ = try RelayForwarder(from: receiver, to: []).forward() }
            }
        }
        #expect(outcome.fabricErrors[1]?.code == .corrupt)
        #expect(outcome.fabricErrors[1]?.description.contains("rank 2") == true)
    }
}
