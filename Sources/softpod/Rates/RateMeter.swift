internal import Baselines
internal import Collectives
internal import Fabric
internal import Glibc
internal import Kernels
internal import SharedMemory
internal import Synchronization
internal import Tensors
internal import Workers

/// Measures ``MachineRates`` in this process, before any rank is started: some 30 ms in all, by bare loops.
///
/// Every number is the best of some batches, each shorter than a turn of the scheduler, as a rate is what the machine can do, not what
/// it does beside others.
enum RateMeter {
    /// What was measured, and whether all of it could be: on a busy machine two threads may not come to run at once.
    static func measure() -> (rates: MachineRates, isWhole: Bool) {
        let cores = WaitPolicy.usableCores
        var rates = MachineRates(cores: cores)
        var isWhole = true
        let cache = sysconf(Int32(_SC_LEVEL2_CACHE_SIZE))
        if cache > 0 { rates[.cache] = cache }
        func note(_ kind: MachineRates.Kind, _ value: Double?) {
            guard let value, value.isFinite, kind.range.contains(Int(clamping: Int64(value))) else {
                isWhole = false
                return
            }
            rates[kind] = Int(value)
        }
        // With one core there are no hops: dies share it.
        if cores > 1 { note(.hop, passes(from: 0, to: 1, yields: false)) }
        note(.turn, passes(from: 0, to: 0, yields: true))
        for isFar in [false, true] {
            // Whole tiles; at least two of either half.
            let byteCount = isFar ? min(8 * rates[.cache], 64 << 20) : max(rates[.cache] / 8, 64 << 10)
            var bench = MemoryBench(byteCount: byteCount / 65_536 * 65_536)
            note(isFar ? .copyFar : .copyNear, bench.rate(.copy))
            note(isFar ? .fillFar : .fillNear, bench.rate(.fill))
            note(isFar ? .foldFar : .foldNear, bench.rate(.fold))
        }
        return (rates, isWhole)
    }

    /// A word on a line of its own.
    private final class Line: Sendable {
        let value = Atomic<Int>(0)
        private let padding: [16 of Int] = .init(repeating: 0)
    }

    private static let rounds = 50
    private static let nanosecondsAtMost: UInt64 = 8_000_000

    /// Nanoseconds a number takes from a thread on one core to a thread on another, or on the same; nil without threads.
    ///
    /// The first sends a number and waits until the second has sent it back. Released and acquired, though nothing goes with it.
    private static func passes(from first: Int, to second: Int, yields: Bool) -> Double? {
        let (ping, pong, best) = (Line(), Line(), Line())
        @Sendable func look(_ line: Line, until value: Int) {
            var looks = 0
            while line.value.load(ordering: .acquiring) < value {
                looks += 1
                // On a busy machine the other may not run just now.
                if yields || looks > 4096 { sched_yield() }
            }
        }
        let threads = [
            { @Sendable in
                var sent = 0
                let start = Monotonic.now()
                var fastest = UInt64.max
                var batches = 0
                while batches < 3 || Monotonic.now() - start < nanosecondsAtMost && batches < 200 {
                    let before = Monotonic.now()
                    for _ in 0..<rounds {
                        sent += 1
                        ping.value.store(sent, ordering: .releasing)
                        look(pong, until: sent)
                    }
                    fastest = min(fastest, Monotonic.now() - before)
                    batches += 1
                }
                best.value.store(Int(clamping: fastest), ordering: .releasing)
                ping.value.store(.max, ordering: .releasing)
            },
            { @Sendable in
                var seen = 0
                while true {
                    look(ping, until: seen + 1)
                    seen = ping.value.load(ordering: .acquiring)
                    if seen == .max { return }
                    pong.value.store(seen, ordering: .releasing)
                }
            },
        ]
        // The second first: without a first it would never end. No deadline: both are threads of this process, and end together.
        let answers = try? Worker.start(name: "rates", core: second, threads[1])  // no thread, no figure: nil says so
        guard let answering = answers else { return nil }
        let asks = try? Worker.start(name: "rates", core: first, threads[0])  // likewise, but the other must end
        guard let asking = asks else {
            ping.value.store(.max, ordering: .releasing)
            answering.join()
            return nil
        }
        asking.join()
        answering.join()
        return Double(best.value.load(ordering: .acquiring)) / Double(2 * rounds)
    }
}

/// Bytes that are copied, written and folded.
private struct MemoryBench {
    /// What is done with them.
    enum Kind { case copy, fill, fold }

    /// As collectives do: in pieces.
    private static let pieceByteCount = 128 << 10
    private static let blockByteCount = 8 << 10
    private static let batches = 7
    private static let nanosecondsAtMost: UInt64 = 6_000_000

    private let source: [UInt8]
    private var destination: [UInt8]
    private let tile = ReductionTile()

    /// Half of the bytes are read and half are written.
    init(byteCount: Int) {
        source = [UInt8](repeating: 1, count: byteCount / 2)
        destination = [UInt8](repeating: 2, count: byteCount / 2)
    }

    /// Bytes a microsecond of the fastest pass.
    mutating func rate(_ kind: Kind) -> Double {
        _ = pass(kind)
        let start = Monotonic.now()
        var best = 0.0
        var batches = 0
        while batches < 2 || batches < Self.batches && Monotonic.now() - start < Self.nanosecondsAtMost {
            let before = Monotonic.now()
            var bytes = 0
            // Long enough for the clock.
            repeat { bytes += pass(kind) } while Monotonic.now() - before < 20_000
            best = max(best, Double(bytes) * 1000 / Double(max(Monotonic.now() - before, 1)))
            batches += 1
        }
        return best
    }

    private mutating func pass(_ kind: Kind) -> Int {
        if kind == .fold {
            fold(source)
            fold(destination)
            return source.count + destination.count
        }
        let piece = kind == .copy ? Self.pieceByteCount : Self.blockByteCount
        let source = source
        let bytes = source.span
        var target = destination.mutableSpan
        for start in stride(from: 0, to: bytes.count, by: piece) {
            let length = min(piece, bytes.count - start)
            let from = kind == .copy ? start : 0
            var part = target._mutatingExtracting(start..<start + length)
            RawCopy.run(bytes.extracting(from..<from + length), &part)
        }
        return bytes.count
    }

    /// Tile by tile; the buffers are whole tiles.
    private func fold(_ bytes: [UInt8]) {
        let span = bytes.span
        let length = ReductionTile.byteCount
        for start in stride(from: 0, to: span.count - length + 1, by: length) {
            let part = span.extracting(start..<start + length)
            if start == 0 { tile.load(.float32, from: part) } else { tile.accumulate(.float32, .sum, from: part) }
        }
    }
}
