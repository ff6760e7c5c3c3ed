import Fabric
import Launching
import SharedMemory
import TestKit
import Testing

/// Puts, gets and atomics that return at once, against a twin that only does arithmetic on arrays.
@Suite("Operations that do not block")
struct NonBlockingTests {
    typealias Conformance = TransportConformanceTests

    /// Where things lie in every window: a source that never changes, a place for each rank's puts, one for what is got, words, results.
    struct Places {
        let source: Region
        let landing: Region
        let taken: Region
        let words: Region
        let results: Region
        static let sourceByteCount = 96 << 10
        static let landingByteCount = 192 << 10
        static let resultCount = 64

        init(_ world: Team) throws {
            source = try world.allocate(byteCount: Self.sourceByteCount)
            landing = try world.allocate(byteCount: world.size * Self.landingByteCount)
            taken = try world.allocate(byteCount: Self.landingByteCount)
            words = try world.allocate(byteCount: 64 * world.size)
            results = try world.allocate(byteCount: 8 * Self.resultCount)
        }

        static func pattern(_ index: Int, of rank: Int) -> UInt8 {
            UInt8(truncatingIfNeeded: index &* 31 &+ rank &* 97)
        }
    }

    /// What one die has issued and what must come of it.
    struct Twin {
        var landings: [[UInt8?]]
        var words: [UInt64]
        var landed: [Int]
        var gets: [(place: Int, peer: Int, from: Int, byteCount: Int)] = []
        var takenByteCount = 0
        var results: [UInt64] = []
        var wrong = 0

        init(_ size: Int) {
            landings = Array(repeating: Array(repeating: nil, count: Places.landingByteCount), count: size)
            words = Array(repeating: 0, count: size)
            landed = Array(repeating: 0, count: size)
        }

        /// Compares what gets and atomics brought, which must be here.
        mutating func compare(_ endpoint: Endpoint, _ places: Places) {
            for get in gets {
                let bytes = endpoint.values(UInt8.self, at: places.taken.offset + get.place, count: get.byteCount)
                for index in bytes.indices where bytes[index] != Places.pattern(get.from + index, of: get.peer) {
                    wrong += 1
                }
            }
            let found = endpoint.values(UInt64.self, at: places.results.offset, count: results.count)
            for index in found.indices where found[index] != results[index] { wrong += 1 }
            gets = []
            takenByteCount = 0
            results = []
        }
    }

    static let lengths = [0, 1, 8, 15, 16, 17, 100, 4096, 4097, 9_000, 16 << 10, 16 << 10 + 1, 40_000]

    /// One random operation on a random peer. Those of a die touch words and places of its own at every peer.
    static func issue(
        _ world: Team, _ places: Places, _ twin: inout Twin, using random: inout SeededGenerator
    ) throws {
        let endpoint = world.endpoint
        let peer = Int.random(in: 0..<world.size, using: &random)
        let length = lengths.randomElement(using: &random) ?? 0
        let from = Int.random(in: 0...Places.sourceByteCount - length, using: &random)
        switch Int.random(in: 0..<4, using: &random) {
        case 0:
            let place = twin.landed[peer] + Int.random(in: 0..<9, using: &random)
            guard place + length <= Places.landingByteCount else { return }
            try endpoint.putNonBlocking(
                from: places.source.offset + from, byteCount: length, to: Rank(peer),
                at: places.landing.offset + world.rank * Places.landingByteCount + place)
            for index in 0..<length {
                twin.landings[peer][place + index] = Places.pattern(from + index, of: world.rank)
            }
            twin.landed[peer] = place + length
        case 1:
            let place = twin.takenByteCount + Int.random(in: 0..<9, using: &random)
            guard place + length <= Places.landingByteCount else { return }
            try endpoint.getNonBlocking(
                from: Rank(peer), at: places.source.offset + from, byteCount: length, to: places.taken.offset + place)
            twin.gets.append((place, peer, from, length))
            twin.takenByteCount = place + length
        default:
            let wants = Bool.random(using: &random)
            guard !wants || twin.results.count < Places.resultCount else { return }
            let operation = AtomicOperation.allCases.randomElement(using: &random) ?? .add
            let operand = random.next()
            let old = twin.words[peer]
            let comparand = Bool.random(using: &random) ? old : random.next()
            try endpoint.atomicNonBlocking(
                operation, operand, comparand: comparand, at: Rank(peer), places.words.offset + 64 * world.rank,
                into: wants ? places.results.offset + 8 * twin.results.count : nil)
            if wants { twin.results.append(old) }
            twin.words[peer] =
                switch operation {
                case .fetch: old
                case .set: operand
                case .add: old &+ operand
                case .compareSwap: old == comparand ? operand : old
                case .and: old & operand
                case .or: old | operand
                case .xor: old ^ operand
                }
        }
    }

    /// Random operations of all dies at once, completed now and then in one way or the other; how much was wrong.
    static func mix(_ world: Team, seed: UInt64, count: Int) throws -> Int {
        let endpoint = world.endpoint
        let places = try Places(world)
        var random = SeededGenerator(seed: seed, UInt64(world.rank))
        var twin = Twin(world.size)
        var own = endpoint.mutableValues(UInt8.self, at: places.source.offset, count: Places.sourceByteCount)
        for index in own.indices { own[index] = Places.pattern(index, of: world.rank) }
        var words = endpoint.mutableValues(UInt64.self, at: places.words.offset, count: 8 * world.size)
        for index in words.indices { words[index] = 0 }
        try world.barrier()
        for _ in 0..<count {
            try issue(world, places, &twin, using: &random)
            switch Int.random(in: 0..<24, using: &random) {
            case 0:
                try endpoint.quiet()
                twin.compare(endpoint, places)
            case 1:
                try endpoint.completeLocally()
                twin.compare(endpoint, places)
            case 2:
                // A blocking one in between gets its own answer.
                let peer = Int.random(in: 0..<world.size, using: &random)
                if try endpoint.fetch(at: Rank(peer), places.words.offset + 64 * world.rank) != twin.words[peer] {
                    twin.wrong += 1
                }
                let from = Int.random(in: 0..<Places.sourceByteCount, using: &random)
                if try endpoint.load(UInt8.self, from: Rank(peer), at: places.source.offset + from)
                    != Places.pattern(from, of: peer)
                {
                    twin.wrong += 1
                }
            default: break
            }
        }
        try endpoint.quiet()
        twin.compare(endpoint, places)
        for peer in 0..<world.size {
            let place = places.landing.offset + world.rank * Places.landingByteCount
            let landed = try endpoint.get(UInt8.self, count: Places.landingByteCount, from: Rank(peer), at: place)
            for (index, expected) in twin.landings[peer].enumerated() {
                if let expected, landed[index] != expected { twin.wrong += 1 }
            }
            if try endpoint.fetch(at: Rank(peer), places.words.offset + 64 * world.rank) != twin.words[peer] {
                twin.wrong += 1
            }
        }
        try world.barrier()
        return twin.wrong
    }

    @Test("Any mixture of them does what the same without overlap does", arguments: Conformance.cases)
    func mixture(route: String, dies: Int) throws {
        let seed = UInt64.random(in: .min ... .max)
        let shares = route.split(separator: " ").dropFirst().first?.split(separator: "+").compactMap { Int($0) }
        let outcome = try ThreadCluster.run(
            dies: dies, windowByteCount: 4 << 20, route: Conformance.route(route),
            split: shares.map { HostSplit($0, carrier: .tcp, isSecured: route.hasSuffix(" secured")) }
        ) { world in try Self.mix(world, seed: seed, count: 200) }
        #expect(outcome.errors.isEmpty, "seed \(seed): \(outcome.errors)")
        #expect(outcome.values.allSatisfy { $0 == 0 }, "seed \(seed): \(outcome.values)")
    }

    @Test(
        "Networks that lose, repeat, change and overtake change none of it",
        arguments: LinkFaultTests.damages.indices, [[1, 1], [1, 2, 1]])
    func damaged(damage: Int, split: [Int]) throws {
        let seed = UInt64.random(in: .min ... .max)
        var options = LinkOptions()
        options.wire = LinkFaultTests.damages[damage].faults(seed).wire
        let cluster = try SplitCluster(HostSplit(split, carrier: .inproc, options: options), windowByteCount: 4 << 20)
        defer { cluster.stop() }
        let outcome = try ThreadCluster.run(cluster, timeout: .seconds(30)) { world in
            try Self.mix(world, seed: seed, count: 100)
        }
        #expect(outcome.errors.isEmpty, "seed \(seed), \(LinkFaultTests.damages[damage]): \(outcome.errors)")
        #expect(outcome.values.allSatisfy { $0 == 0 }, "seed \(seed), \(LinkFaultTests.damages[damage])")
    }

    @Test(
        "Many more than the ring holds are all completed, to one host and to several", arguments: [[1, 1], [1, 1, 1]])
    func many(split: [Int]) throws {
        let count = 1500
        let outcome = try ThreadCluster.run(dies: split.count, split: HostSplit(split, carrier: .inproc)) { world in
            let endpoint = world.endpoint
            let words = try world.allocate(byteCount: 8 * count)
            let taken = try world.allocate(byteCount: 8 * count)
            let found = try world.allocate(byteCount: 8 * count)
            let counter = try world.allocate(byteCount: 64)
            var own = endpoint.mutableValues(UInt64.self, at: words.offset, count: count)
            for index in own.indices { own[index] = UInt64(index << 8 | world.rank) }
            try endpoint.signal(.set, 0, at: world.endpoint.rank, counter.offset)
            // With nothing outstanding both return.
            try endpoint.completeLocally()
            try endpoint.quiet()
            try world.barrier()
            let next = (world.rank + 1) % world.size
            for index in 0..<count {
                let peer = index % 2 == 0 ? next : (world.rank + world.size - 1) % world.size
                try endpoint.getNonBlocking(
                    from: Rank(peer), at: words.offset + 8 * index, byteCount: 8, to: taken.offset + 8 * index)
                try endpoint.atomicNonBlocking(
                    .add, 1, at: Rank(next), counter.offset, into: found.offset + 8 * index)
            }
            try endpoint.completeLocally()
            var wrong = 0
            let got = endpoint.values(UInt64.self, at: taken.offset, count: count)
            let old = endpoint.values(UInt64.self, at: found.offset, count: count)
            for index in 0..<count {
                let peer = index % 2 == 0 ? next : (world.rank + world.size - 1) % world.size
                if got[index] != UInt64(index << 8 | peer) { wrong += 1 }
                // The only die that adds there finds its own numbers in order.
                if old[index] != UInt64(index) { wrong += 1 }
            }
            try world.barrier()
            return wrong
        }
        #expect(outcome.errors.isEmpty, "\(outcome.errors)")
        #expect(outcome.values.allSatisfy { $0 == 0 }, "\(outcome.values)")
    }

    @Test("A put of many megabytes returns before it is over, and a signal behind it finds all of it")
    func long() throws {
        let length = 20 << 20
        let outcome = try ThreadCluster.run(
            dies: 2, windowByteCount: 48 << 20, split: HostSplit([1, 1], carrier: .tcp)
        ) { world in
            let endpoint = world.endpoint
            let area = try world.allocate(byteCount: 2 * length)
            let word = try world.allocate(byteCount: 64)
            var own = endpoint.mutableValues(UInt64.self, at: area.offset, count: length / 8)
            for index in own.indices { own[index] = UInt64(index &* 5 &+ world.rank) }
            let other = 1 - world.rank
            try world.barrier()
            try endpoint.putNonBlocking(from: area.offset, byteCount: length, to: Rank(other), at: area.offset + length)
            try endpoint.signal(.set, 1, at: Rank(other), word.offset)
            try endpoint.wait(at: word.offset, until: .equal, 1, peer: Rank(other))
            let came = endpoint.values(UInt64.self, at: area.offset + length, count: length / 8)
            var wrong = 0
            for index in came.indices where came[index] != UInt64(index &* 5 &+ other) { wrong += 1 }
            try endpoint.completeLocally()
            try world.barrier()
            return wrong
        }
        #expect(outcome.errors.isEmpty, "\(outcome.errors)")
        #expect(outcome.values.allSatisfy { $0 == 0 }, "\(outcome.values)")
    }

    @Test("A link that is cut ends the completion of what is outstanding with an error", arguments: [0, 5, 30])
    func cut(after: Int) throws {
        var options = LinkFaultTests.quick
        options.timing.contact = .milliseconds(1500)
        var faults = LinkFaults(seed: 1)
        faults.cutAfter = after
        options.wire = faults.wire
        let cluster = try SplitCluster(HostSplit([1, 1], carrier: .tcp, options: options), windowByteCount: 4 << 20)
        defer { cluster.stop() }
        let outcome = try ThreadCluster.run(cluster, timeout: .seconds(60)) { world in
            let area = try world.allocate(byteCount: 1 << 20)
            let words = try world.allocate(byteCount: 128)
            let endpoint = world.endpoint
            let other = 1 - world.rank
            for turn in 0..<10_000 {
                try endpoint.putNonBlocking(
                    from: area.offset, byteCount: 100_000, to: Rank(other), at: area.offset + 500_000)
                try endpoint.getNonBlocking(
                    from: Rank(other), at: area.offset, byteCount: 50_000, to: area.offset + 200_000)
                try endpoint.atomicNonBlocking(.add, 1, at: Rank(other), words.offset, into: words.offset + 64)
                if turn % 3 == world.rank { try endpoint.completeLocally() } else { try endpoint.quiet() }
            }
        }
        #expect(outcome.fabricErrors.count == 2, "\(outcome.errors)")
        #expect(outcome.fabricErrors.values.allSatisfy { $0.code == .linkLost }, "\(outcome.errors)")
    }

    @Test(
        "An answer too many is corrupt, whatever waits for answers next",
        arguments: [0, 1, 2, 3], [UInt64(1) << 30, .max])
    func overwritten(next: Int, value: UInt64) throws {
        let outcome = try ThreadCluster.run(
            dies: 2, timeout: .seconds(20), split: HostSplit([1, 1], carrier: .inproc)
        ) { world in
            let words = try world.allocate(byteCount: 128)
            let endpoint = world.endpoint
            try world.barrier()
            guard world.rank == 0 else { return }
            let segment = endpoint.segment
            let replies = try #require(segment.windowWords(.linkWords).first { $0.name == "replies of rank 0" })
            segment.word(at: replies.offset).storeSequentially(value)
            switch next {
            case 0: try endpoint.completeLocally()
            case 1: try endpoint.quiet()
            case 2: try endpoint.getNonBlocking(from: 1, at: words.offset, byteCount: 8, to: words.offset + 64)
            default: try endpoint.atomicNonBlocking(.add, 1, at: 1, words.offset, into: words.offset + 64)
            }
        }
        #expect(outcome.fabricErrors.keys.sorted() == [0], "\(outcome.errors)")
        #expect(outcome.fabricErrors[0]?.code == .corrupt, "\(outcome.errors)")
    }
}
