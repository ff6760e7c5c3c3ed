import Fabric
import Launching
import SharedMemory
import TestKit
import Testing

/// Every transport of the catalog must pass these, at several sizes of cluster.
@Suite("Transport conformance")
struct TransportConformanceTests {
    static let cases: [(route: String, dies: Int)] = TransportCatalog.all.flatMap { entry in
        [1, 2, 3, 8].map { (entry.name, $0) } + (entry.crossesHosts ? uneven.map { (entry.name + " " + $0, 4) } : [])
    }

    /// Dies a host, where halves are not all there is to try.
    static let uneven = ["2+2", "3+1", "1+2+1", "1+2+1 secured"]

    static func route(_ name: String) throws -> TransportCatalog.Entry {
        try #require(TransportCatalog.all.first { $0.name == name.split(separator: " ")[0] })
    }

    /// Runs a body on every die and expects no error anywhere.
    static func clean<Value: Sendable>(
        _ route: String, _ dies: Int, _ body: @escaping @Sendable (Team) throws -> Value
    ) throws -> [Value] {
        let shares = route.split(separator: " ").dropFirst().first?.split(separator: "+").compactMap { Int($0) }
        let outcome = try ThreadCluster.run(
            dies: dies, route: Self.route(route),
            split: shares.map { HostSplit($0, carrier: .tcp, isSecured: route.hasSuffix(" secured")) }, body)
        #expect(outcome.errors.isEmpty, "\(outcome.errors)")
        return outcome.values.compactMap { $0 }
    }

    /// What a rank puts: no two ranks the same.
    static func bytes(_ length: Int, of rank: Int) -> [UInt8] {
        (0..<length).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ rank &* 7 &+ length) }
    }

    /// At how many places from 64 to 127 bytes are found; any number for none at all.
    static func count(of bytes: [UInt8], in span: Span<UInt8>) -> Int {
        if bytes.isEmpty { return 1 }
        return (64..<128).count { shift in bytes.indices.allSatisfy { span[shift + $0] == bytes[$0] } }
    }

    @Test("A put of any length and alignment arrives whole, and touches nothing beside it", arguments: cases)
    func put(route: String, dies: Int) throws {
        let seed = UInt64.random(in: .min ... .max)
        let wrong = try Self.clean(route, dies) { world in
            var random = SeededGenerator(seed: seed, UInt64(world.rank))
            let area = try world.allocate(byteCount: dies * 8192)
            var wrong = 0
            for length in [0, 1, 3, 7, 8, 9, 63, 64, 65, 1000, 4096, 5001] {
                let bytes = Self.bytes(length, of: world.rank)
                let shift = 64 + Int.random(in: 0..<64, using: &random)
                for peer in 0..<dies {
                    let place = area.offset + world.rank * 8192
                    try world.endpoint.put(
                        [UInt8](repeating: 0xEE, count: 8192).span, to: Rank(peer), at: place)
                    try world.endpoint.put(bytes.span, to: Rank(peer), at: place + shift)
                }
                try world.barrier()
                let endpoint = world.endpoint
                for peer in 0..<dies {
                    // What each other rank put lies in this one's window, which it reads without the transport.
                    let arrived = endpoint.values(UInt8.self, at: area.offset + peer * 8192, count: 8192)
                    if arrived[0] != 0xEE || Self.count(of: Self.bytes(length, of: peer), in: arrived) != 1 {
                        wrong += 1
                    }
                    var copy = [UInt8](repeating: 0, count: 8192)
                    var span = copy.mutableSpan
                    try world.endpoint.get(from: Rank(peer), at: area.offset + world.rank * 8192, into: &span)
                    var expected = [UInt8](repeating: 0xEE, count: 8192)
                    expected.replaceSubrange(shift..<shift + length, with: bytes)
                    if copy != expected { wrong += 1 }
                }
                try world.barrier()
            }
            return wrong
        }
        #expect(wrong.allSatisfy { $0 == 0 }, "seed \(seed): \(wrong)")
    }

    @Test("Typed loads and stores carry every width", arguments: cases)
    func typed(route: String, dies: Int) throws {
        let wrong = try Self.clean(route, dies) { world in
            let area = try world.allocate(byteCount: dies * 64)
            let me = world.rank
            for peer in 0..<dies {
                let place = area.offset + 64 * me
                try world.endpoint.store(UInt8(truncatingIfNeeded: me + 1), to: Rank(peer), at: place)
                try world.endpoint.store(UInt16(me + 300), to: Rank(peer), at: place + 2)
                try world.endpoint.store(Float(me) + 0.5, to: Rank(peer), at: place + 4)
                try world.endpoint.store(Double(me) - 0.25, to: Rank(peer), at: place + 8)
                try world.endpoint.store(UInt64(me) << 40, to: Rank(peer), at: place + 16)
            }
            try world.barrier()
            var wrong = 0
            for peer in 0..<dies {
                for source in 0..<dies {
                    let place = area.offset + 64 * source
                    if try world.endpoint.load(UInt8.self, from: Rank(peer), at: place) != UInt8(source + 1) {
                        wrong += 1
                    }
                    if try world.endpoint.load(UInt16.self, from: Rank(peer), at: place + 2) != UInt16(source + 300) {
                        wrong += 1
                    }
                    if try world.endpoint.load(Float.self, from: Rank(peer), at: place + 4) != Float(source) + 0.5 {
                        wrong += 1
                    }
                    if try world.endpoint.load(Double.self, from: Rank(peer), at: place + 8) != Double(source) - 0.25 {
                        wrong += 1
                    }
                    if try world.endpoint.load(UInt64.self, from: Rank(peer), at: place + 16) != UInt64(source) << 40 {
                        wrong += 1
                    }
                }
            }
            return wrong
        }
        #expect(wrong.allSatisfy { $0 == 0 })
    }

    @Test("A signal publishes the put before it, message after message, round a ring", arguments: cases)
    func ring(route: String, dies: Int) throws {
        let rounds = 200
        let wrong = try Self.clean(route, dies) { world in
            let payload = try world.allocate(byteCount: 4096)
            let words = try world.allocate(byteCount: 128)
            let next = (world.rank + 1) % dies
            let previous = (world.rank + dies - 1) % dies
            var wrong = 0
            for round in 1...rounds {
                let value = UInt64(round * 1000 + world.rank)
                let block = [UInt64](repeating: value, count: 512)
                // My successor must have read the last block before I overwrite it.
                try world.endpoint.wait(at: words.offset + 64, until: .equal, UInt64(round - 1), peer: Rank(next))
                try world.endpoint.putSignal(
                    block.span, to: Rank(next), at: payload.offset, signal: .set, UInt64(round), at: words.offset)
                try world.endpoint.wait(at: words.offset, until: .greaterOrEqual, UInt64(round), peer: Rank(previous))
                let expected = UInt64(round * 1000 + previous)
                let endpoint = world.endpoint
                let got = endpoint.values(UInt64.self, at: payload.offset, count: 512)
                for index in got.indices where got[index] != expected { wrong += 1 }
                try world.endpoint.signal(.add, 1, at: Rank(previous), words.offset + 64)
            }
            return wrong
        }
        #expect(wrong.allSatisfy { $0 == 0 })
    }

    @Test("Concurrent atomics lose no update, on 64 and on 32 bits", arguments: cases)
    func atomics(route: String, dies: Int) throws {
        let each = 500
        let sums = try Self.clean(route, dies) { world in
            let words = try world.allocate(byteCount: 512)
            let at = words.offset
            for turn in 0..<each {
                try world.endpoint.fetchAdd(3, at: 0, at)
                try world.endpoint.atomic32(.add, 5, at: 0, at + 64)
                try world.endpoint.atomic(.xor, 1 << UInt64(world.rank), at: 0, at + 128)
                var seen = try world.endpoint.fetch(at: 0, at + 192)
                while true {
                    let old = try world.endpoint.compareSwap(expected: seen, desired: seen + 1, at: 0, at + 192)
                    if old == seen { break }
                    seen = old
                }
                try world.endpoint.atomic(.or, 1 << UInt64(turn % 32), at: 0, at + 256)
                try world.endpoint.atomic(.and, ~0, at: 0, at + 256)
            }
            try world.barrier()
            return [
                try world.endpoint.fetch(at: 0, at), UInt64(try world.endpoint.atomic32(.fetch, 0, at: 0, at + 64)),
                try world.endpoint.fetch(at: 0, at + 128), try world.endpoint.fetch(at: 0, at + 192),
                try world.endpoint.fetch(at: 0, at + 256),
            ]
        }
        let total = UInt64(dies * each)
        #expect(sums.allSatisfy { $0 == [total * 3, total * 5, 0, total, (1 << 32) - 1] }, "\(sums)")
    }

    @Test("Strided puts and gets fill exactly their elements", arguments: cases)
    func strided(route: String, dies: Int) throws {
        let seed = UInt64.random(in: .min ... .max)
        let wrong = try Self.clean(route, dies) { world in
            var random = SeededGenerator(seed: seed)  // The same on all dies.
            let area = try world.allocate(byteCount: 1 << 14)
            var wrong = 0
            for _ in 0..<20 {
                let element = Int.random(in: 1...17, using: &random)
                let shape = StridedShape(
                    count: Int.random(in: 0...20, using: &random), elementByteCount: element,
                    sourceStride: element + Int.random(in: 0...9, using: &random),
                    destinationStride: element + Int.random(in: 0...9, using: &random))
                let source = (0..<1024).map { UInt8(truncatingIfNeeded: $0 &* 13 &+ world.rank) }
                let next = (world.rank + 1) % dies
                try world.endpoint.put([UInt8](repeating: 0, count: 1024).span, to: Rank(next), at: area.offset)
                try unsafe world.endpoint.putStrided(source.span.bytes, shape, to: Rank(next), at: area.offset)
                try world.barrier()
                let from = (world.rank + dies - 1) % dies
                var expected = [UInt8](repeating: 0, count: 1024)
                for index in 0..<shape.count {
                    for byte in 0..<element {
                        expected[index * shape.destinationStride + byte] = UInt8(
                            truncatingIfNeeded: (index * shape.sourceStride + byte) &* 13 &+ from)
                    }
                }
                let endpoint = world.endpoint
                let got = endpoint.bytes(at: area.offset, byteCount: 1024)
                for index in 0..<1024
                where unsafe got.unsafeLoad(fromByteOffset: index, as: UInt8.self) != expected[index] {
                    wrong += 1
                }
                // And back: gather the elements this die just scattered at its successor.
                let back = StridedShape(
                    count: shape.count, elementByteCount: element, sourceStride: shape.destinationStride,
                    destinationStride: element)
                var gathered = [UInt8](repeating: 0, count: max(1, shape.count * element))
                var span = gathered.mutableSpan
                var raw = unsafe span.mutableBytes
                try world.endpoint.getStrided(from: Rank(next), at: area.offset, back, into: &raw)
                for index in 0..<shape.count {
                    for byte in 0..<element
                    where gathered[index * element + byte] != source[index * shape.sourceStride + byte] {
                        wrong += 1
                    }
                }
                try world.barrier()
            }
            return wrong
        }
        #expect(wrong.allSatisfy { $0 == 0 }, "seed \(seed): \(wrong)")
    }

    @Test("Every comparison of a wait holds when it says so", arguments: TransportCatalog.all.map(\.name))
    func comparisons(route: String) throws {
        _ = try Self.clean(route, 2) { world in
            let words = try world.allocate(byteCount: 64 * 6)
            let plan: [(Comparison, UInt64, UInt64)] = [
                (.equal, 7, 7), (.notEqual, 0, 5), (.greater, 4, 9), (.greaterOrEqual, 9, 9), (.less, 5, 1),
                (.lessOrEqual, 3, 3),
            ]
            for (index, (_, _, value)) in plan.enumerated() where world.rank == 0 {
                // Start high for the comparisons downwards.
                try world.endpoint.signal(.set, index >= 4 ? 100 : 0, at: 1, words.offset + 64 * index)
                _ = value
            }
            try world.barrier()
            for (index, (comparison, target, value)) in plan.enumerated() {
                if world.rank == 0 {
                    try world.endpoint.signal(.set, value, at: 1, words.offset + 64 * index)
                } else {
                    let got = try world.endpoint.wait(at: words.offset + 64 * index, until: comparison, target, peer: 0)
                    #expect(comparison.holds(got, target))
                    #expect(got == value)
                }
            }
        }
    }
}
