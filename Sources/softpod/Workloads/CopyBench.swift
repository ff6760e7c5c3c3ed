internal import Baselines
internal import Fabric
internal import SharedMemory
internal import Telemetry

/// Measures the fabric's copy between two windows of this process, beside `memcpy` and a bare vector loop, in turns.
struct CopyBench {
    /// Where source and destination lie behind the start of a page.
    struct Offsets: Equatable {
        var source: Int
        var destination: Int
        static let limit = 1 << 16
    }

    /// One length at one place; all in GB/s, bytes copied counted once.
    struct Figure {
        var byteCount: Int
        var offsets: Offsets
        var fabric: Sample
        var library: Sample
        var loop: Sample

        /// The fabric's median in that of the faster of the two others.
        var ratioToBest: Double { fabric.median / max(library.median, loop.median) }
    }

    /// Bytes a batch copies at least, so that reading the clock does not count.
    private static let batchByteCount = 1 << 20

    let endpoint: Endpoint
    let repetitions: Int
    private let source: Int

    /// - Parameter byteCount: the longest copy there will be.
    init(byteCount: Int, repetitions: Int) throws {
        self.repetitions = repetitions
        let reserved = Endpoint.reservedByteCount(dies: 2)
        source = (reserved + 4095) & ~4095
        // The source lies in one window and the destination in the other, at the same place but for the offsets.
        let window = source + byteCount + Offsets.limit
        let segment = try Segment.create(SegmentPlan(dieCount: 2, windowByteCount: (window + 4095) & ~4095))
        endpoint = Endpoint(segment: segment, rank: 0, timeout: .seconds(60))
        // Touched once, so that no batch waits for the system's pages.
        for rank in 0..<2 as Range<Rank> {
            let page = [UInt8](repeating: 1, count: 4096)
            for place in stride(from: source, to: window - 4096, by: 4096) {
                try endpoint.put(page.span, to: rank, at: place)
            }
        }
    }

    func figure(_ byteCount: Int, _ offsets: Offsets) -> Figure {
        let rounds = max(1, Self.batchByteCount / byteCount)
        let (from, to) = (source + offsets.source, source + offsets.destination)
        let endpoint = endpoint
        func rate(_ copy: () -> Void) -> Double {
            let start = Monotonic.now()
            for _ in 0..<rounds { copy() }
            return Double(rounds * byteCount) / Double(max(Monotonic.now() - start, 1))
        }
        let ways = [
            { Self.copy(endpoint, from, to, byteCount) },
            { RawMove.copy(endpoint: endpoint, from: 0, at: from, to: 1, at: to, byteCount: byteCount) },
            { RawMove.loop(endpoint: endpoint, from: 0, at: from, to: 1, at: to, byteCount: byteCount) },
        ]
        var rates: [[Double]] = [[], [], []]
        // The first turn warms the caches. Which way begins changes, as what ran before may matter.
        for turn in 0...repetitions {
            for step in ways.indices {
                let way = (turn + step) % ways.count
                let value = rate(ways[way])
                if turn > 0 { rates[way].append(value) }
            }
        }
        return Figure(
            byteCount: byteCount, offsets: offsets, fabric: Sample(rates[0]), library: Sample(rates[1]),
            loop: Sample(rates[2]))
    }

    /// A call as the limits are, so that as much time lies between two copies: loads that follow stores at once may wait for them.
    @inline(never)
    private static func copy(_ endpoint: Endpoint, _ from: Int, _ to: Int, _ byteCount: Int) {
        endpoint.copy(from: 0, at: from, byteCount: byteCount, to: 1, at: to)
    }
}
