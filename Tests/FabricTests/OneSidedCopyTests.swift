import Fabric
import SharedMemory
import TestKit
import Testing

/// The fabric's copy: by the compiler, by a vector loop, and past the caches.
@Suite("Large copies")
struct OneSidedCopyTests {
    @Test(
        "A large copy of any length and alignment arrives whole, and touches nothing beside it",
        arguments: [0, 300_000, Int.max])
    func whole(streamByteCount: Int) throws {
        let seed = UInt64.random(in: .min ... .max)
        var random = SeededGenerator(seed: seed)
        let segment = try Segment.create(SegmentPlan(dieCount: 2, windowByteCount: 1 << 20))
        let transport = SharedMemoryTransport(
            segment: segment, copies: CopyPolicy(streamByteCount: streamByteCount))
        // Around the change of method, the loop's turns of 128 and 256 bytes, and a page; then any.
        let short = CopyPolicy.shortByteCount
        let edges = [0, 1, 255, 256, 257, short, 4096, 3 * 4096, 300_001, 1 << 18].flatMap {
            [$0 - 1, $0, $0 + 1, $0 + 31]
        }
        let any = (0..<40).map { _ in Int.random(in: 0..<20_000, using: &random) }
        let lengths = edges.filter { $0 >= 0 } + any
        for length in lengths {
            for _ in 0..<4 {
                let (from, to) = (Int.random(in: 0..<64, using: &random), Int.random(in: 64..<192, using: &random))
                let source = (0..<length + 64).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 9 &+ length) }
                let border = [UInt8](repeating: 0xEE, count: length + 512)
                let sourceSpan = source.span
                unsafe transport.put(border.span.bytes, to: 1, at: 0)
                unsafe transport.put(sourceSpan.bytes.extracting(from..<from + length), to: 1, at: to)
                var copy = [UInt8](repeating: 0, count: length + 512)
                var span = copy.mutableSpan
                var raw = unsafe span.mutableBytes
                transport.get(from: 1, at: 0, into: &raw)
                var wanted = border
                wanted.replaceSubrange(to..<to + length, with: source[from..<from + length])
                #expect(copy == wanted, "seed \(seed): \(length) bytes from \(from) to \(to)")
            }
        }
    }

    @Test(
        "Large copies inside a window may overlap, either way", arguments: [1, -1, 4096, -4097, 262_144],
        [2048, 5000, 400_000])
    func overlapping(distance: Int, count: Int) throws {
        let outcome = try ThreadCluster.run(dies: 1, windowByteCount: 1 << 21) { world -> Int in
            let endpoint = world.endpoint
            let area = try world.allocate(byteCount: 1 << 20)
            let start = area.offset + 300_000
            let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ $0 >> 8) }
            try endpoint.put(bytes.span, to: 0, at: start)
            try endpoint.put(from: start, byteCount: count, to: 0, at: start + distance)
            let got = endpoint.values(UInt8.self, at: start + distance, count: count)
            return got.indices.count { got[$0] != bytes[$0] }
        }
        #expect(outcome.values == [0])
    }

    @Test("What the system says of the caches is read with suspicion")
    func facts() {
        #expect(CopyPolicy.byteCount("32768K") == 32 << 20)
        #expect(CopyPolicy.byteCount("8M") == 8 << 20)
        for text in ["", "K", "-3K", "12Q", "99999999999999999999K"] {
            #expect(CopyPolicy.byteCount(text) == nil, "\(text)")
        }
        #expect(CopyPolicy.coreCount("0-1") == 2)
        #expect(CopyPolicy.coreCount("0-3,8,10-11") == 7)
        for text in ["", "a", "3-1", "1-2-3", "0-99999999"] { #expect(CopyPolicy.coreCount(text) == nil, "\(text)") }
        #expect(CopyPolicy.machine.streamByteCount >= 1 << 20)
    }
}
