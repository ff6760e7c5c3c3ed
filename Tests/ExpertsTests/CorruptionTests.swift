import Experts
import Fabric
import Faults
import Launching
import Oracle
import TestKit
import Testing

/// The corruption table: each bit of everything that crosses the fabric in a dispatch and a combine is inverted between its put and its reader.
/// With check words every one is found and named; without them none ends in a trap, a hang or a row out of bounds.
@Suite("Corruption of an exchange")
struct CorruptionTests {
    /// Something that rank 1 puts into rank 0's window, or the flag that tells of it.
    enum Part: String, CaseIterable {
        case header, check, payload, counts, countCheck, answer, answerCheck, flag, combineFlag
    }

    /// What inverting each bit of a part came to.
    struct Tally: Sendable, Equatable {
        var bits = 0
        /// A typed error that names the sender.
        var named = 0
        /// No error, and every sum as it should be.
        var right = 0
        /// No error, and something else.
        var silent = 0
        /// What must not be, whatever is checked.
        var broken: [String] = []
    }

    private static let (tokens, hidden) = (2, 6)
    private static let routes: [Int32] = [0, 1, 0, 2]

    private static func layout(_ dispatch: WireFormat, _ combine: WireFormat, _ isProtected: Bool) throws
        -> ExpertLayout
    {
        try ExpertLayout(
            experts: 4, ranks: 2, maximumTokens: tokens, hidden: hidden, choices: 2, dispatch: dispatch,
            combine: combine,
            isProtected: isProtected)
    }

    /// Where a part lies in a region in the first call, and its bits; rank 1 is the sender, and its second row for expert 0 the row.
    private static func place(_ part: Part, _ layout: ExpertLayout) -> (offset: Int, bits: Int) {
        let slot = layout.dispatchSlot(half: 1, expert: 0, source: 1, index: 1)
        let status = layout.dispatchStatus(half: 1, source: 1)
        let answer = layout.combineSlot(half: 1, token: 1, choice: 1)
        let rowBytes = hidden * layout.dispatchFormat.elementByteCount
        let answerBytes = hidden * layout.combineFormat.elementByteCount
        switch part {
        case .header: return (slot, 128)
        case .check: return (slot + 16, layout.isProtected ? 128 : 0)
        case .payload: return (slot + layout.headerByteCount, 8 * rowBytes)
        case .counts: return (status + 8, 64)
        case .countCheck: return (status + 16, layout.isProtected ? 64 : 0)
        case .answer: return (answer, 8 * answerBytes)
        case .answerCheck: return (answer + (answerBytes + 7) & ~7, layout.isProtected ? 64 : 0)
        case .flag: return (status, 64)
        case .combineFlag: return (layout.combineStatus(half: 1, peer: 1), 64)
        }
    }

    /// What a die does to a window, and at which point.
    private struct Stroke {
        var part: Part
        var change: (PutRecorder, Int) -> Void

        /// The sender changes what it has put, before the flag; the reader changes a flag that it has not looked at yet.
        var rank: Int { part == .flag || part == .combineFlag ? 0 : 1 }
        var point: FaultPoint {
            switch part {
            case .header, .check, .payload, .counts, .countCheck: .dispatchFlag
            case .answer, .answerCheck: .combineFlag
            case .flag: .dispatchWait
            case .combineFlag: .combineWait
            }
        }
        var isOfDispatch: Bool { point == .dispatchFlag || point == .dispatchWait }
    }

    /// One dispatch and combine of an exchange of its own, with one stroke; what is wrong with the sums, if anything.
    private static func exchange(_ world: Team, _ layout: ExpertLayout, _ stroke: Stroke) throws -> String? {
        let exchange = try ExpertExchange(world: world, team: world, layout: layout)
        let recorder = PutRecorder(world.endpoint)
        let offset = exchange.region.offset + place(stroke.part, layout).offset
        recorder.onPass = { point, peer in
            guard world.rank == stroke.rank, point == stroke.point, peer == nil || peer == 0 else { return }
            // The reader waits until the flag is there: it would overwrite what is changed.
            while stroke.rank == 0, !world.endpoint.isNotified(1, at: offset) {}
            stroke.change(recorder, offset)
        }
        world.endpoint.observer = recorder
        defer { world.endpoint.observer = nil }
        let result = Result { try call(exchange, world, onlyDispatch: stroke.isOfDispatch) }
        world.endpoint.observer = nil
        try exchange.free(world: world)
        return try result.get()
    }

    /// What is wrong with what this rank got in the one call, if anything.
    private static func call(_ exchange: ExpertExchange, _ world: Team, onlyDispatch: Bool) throws -> String? {
        let rows = (0..<tokens * hidden).map { Float(16 * world.rank + $0) }
        let arrived = try exchange.dispatch(rows: rows.span, experts: routes.span)
        guard arrived.rowCount <= exchange.layout.maximumReceivedRows, arrived.rows.count == arrived.rowCount * hidden
        else { return "broken: \(arrived.rowCount) rows" }
        var isRight = arrived.rowCount == (world.rank == 0 ? 6 : 2)
        for row in 0..<arrived.rowCount {
            let origin = arrived.origins[row]
            guard (0..<2).contains(origin.source), (0..<2).contains(origin.token), (0..<2).contains(origin.choice)
            else {
                return "broken: origin \(origin)"
            }
            for column in 0..<hidden {
                let wanted = Float(16 * origin.source + origin.token * Int32(hidden)) + Float(column)
                // INT8 and BF16 hold these small whole numbers to a quarter.
                isRight = isRight && abs(arrived.rows[row * hidden + column] - wanted) <= 0.25
            }
        }
        if onlyDispatch { return isRight ? nil : "silent" }
        var sums = [Float](repeating: 0, count: tokens * hidden)
        var span = sums.mutableSpan
        let weights = [Float](repeating: 0.5, count: tokens * 2)
        try exchange.combine(rows: arrived.rows, weights: weights.span, handle: arrived.handle, into: &span)
        return zip(sums, rows).allSatisfy { abs($0 - $1) <= 0.25 } ? nil : "silent"
    }

    /// All strokes on all parts, and what rank 0 came to.
    private static func table(
        _ dispatch: WireFormat, _ combine: WireFormat, isProtected: Bool
    ) throws -> [Part: Tally] {
        let layout = try layout(dispatch, combine, isProtected)
        let outcome = try ThreadCluster.run(
            dies: 2, windowByteCount: ExchangeTests.window(layout), timeout: .seconds(20), split: .oneHost(dies: 2)
        ) { world -> [Part: Tally] in
            world.endpoint.isProtected = isProtected
            var tallies: [Part: Tally] = [:]
            for part in Part.allCases {
                var tally = Tally()
                for stroke in strokes(part, layout, world.endpoint.epoch) {
                    tally.bits += 1
                    do {
                        switch try exchange(world, layout, stroke) {
                        case nil: tally.right += 1
                        case "silent": tally.silent += 1
                        case let text?: tally.broken.append("\(part): \(text)")
                        }
                    } catch let error as ExpertError where error.fabric != nil && error.peers == [1] {
                        tally.named += 1
                        let code = error.fabric?.code
                        if code != .damaged && code != .corrupt { tally.broken.append("\(part): \(error)") }
                    } catch {
                        tally.broken.append("\(part): \(error)")
                    }
                }
                tallies[part] = tally
            }
            return tallies
        }
        #expect(outcome.errors.isEmpty, "\(outcome.errors)")
        return try #require(outcome.values[0] ?? nil)
    }

    /// Each bit inverted, and each word set to what strays store. A flag that says less than the reader waits for is left out: it is one that has not
    /// come, and ends at the deadline.
    private static func strokes(_ part: Part, _ layout: ExpertLayout, _ epoch: UInt64) -> [Stroke] {
        let bits = place(part, layout).bits
        let isFlag = part == .flag || part == .combineFlag
        let flips = (0..<bits).filter { !isFlag || $0 != 16 }.map { bit in
            Stroke(part: part) { recorder, offset in recorder.flip(bit: bit, at: offset, of: 0) }
        }
        let values: [UInt64] = isFlag ? [.max, .max - 1, 1 << 63] : [0, 1, .max, 1 << 31, 1 << 63]
        return flips
            + stride(from: 0, to: bits, by: 64).flatMap { first in
                values.map { value in
                    Stroke(part: part) { recorder, offset in recorder.store(value, at: offset + first / 8, of: 0) }
                }
            }
    }

    static let formats: [(WireFormat, WireFormat)] = [
        (.float32, .float32), (.bfloat16, .bfloat16), (.int8, .bfloat16),
    ]

    @Test("With check words every bit that changes is found, and its sender named", arguments: formats)
    func protected(dispatch: WireFormat, combine: WireFormat) throws {
        for (part, tally) in try Self.table(dispatch, combine, isProtected: true) {
            #expect(tally.broken == [], "\(part)")
            #expect(tally.bits >= 48 && tally.silent == 0, "\(part): \(tally)")
            // A word may be set to what it was.
            let isAny = tally.right <= 2
            #expect(isAny && tally.named + tally.right == tally.bits, "\(part): \(tally)")
        }
    }

    @Test(
        "Without them nothing traps, hangs, or puts a row out of bounds, and what is not found is rows alone",
        arguments: formats)
    func unprotected(dispatch: WireFormat, combine: WireFormat) throws {
        let table = try Self.table(dispatch, combine, isProtected: false)
        for (part, tally) in table { #expect(tally.broken == [], "\(part)") }
        for part in [Part.flag, .combineFlag, .counts] {
            let tally = try #require(table[part])
            #expect(tally.silent == 0 && tally.named > 60, "\(part): \(tally)")
        }
        // The table shows what is not protected: without check words a row's bits are believed.
        #expect(try #require(table[.payload]).silent > 0 && #require(table[.answer]).silent > 0)
    }

    @Test(
        "Check words change no result, in any format, near and far, and only lengthen what is put", arguments: formats)
    func same(dispatch: WireFormat, combine: WireFormat) throws {
        let seed = UInt64.random(in: 0...UInt64.max)
        for split in [HostSplit.oneHost(dies: 3), HostSplit([2, 1])] {
            var sums: [[[UInt32]]] = []
            for isProtected in [false, true] {
                let layout = try ExpertLayout(
                    experts: 6, ranks: 3, maximumTokens: 5, hidden: 1500, choices: 3, dispatch: dispatch,
                    combine: combine,
                    isProtected: isProtected)
                let work = Workload(layout, seed: seed, pattern: .random)
                let outcome = try ThreadCluster.run(
                    dies: 3, windowByteCount: ExchangeTests.window(layout), split: split
                ) { world -> [UInt32] in
                    world.endpoint.isProtected = isProtected
                    let exchange = try ExpertExchange(world: world, team: world, layout: layout)
                    let batch = work.batches[world.rank]
                    var all: [UInt32] = []
                    for _ in 0..<4 {
                        let arrived = try exchange.dispatch(
                            rows: Array(batch.rows.joined()).span, experts: Array(batch.experts.joined()).span)
                        var sums = [Float](repeating: 0, count: batch.rows.count * layout.hidden)
                        var span = sums.mutableSpan
                        try exchange.combine(
                            rows: arrived.rows, weights: Array(batch.weights.joined()).span, handle: arrived.handle,
                            into: &span)
                        all += sums.map(\.bitPattern)
                    }
                    return all
                }
                #expect(outcome.errors.isEmpty, "seed \(seed): \(outcome.errors)")
                sums.append(outcome.values.map { $0 ?? [] })
            }
            #expect(sums[0] == sums[1], "seed \(seed), \(split)")
        }
    }
}
