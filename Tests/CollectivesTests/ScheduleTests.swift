import Collectives
import Fabric
import TestKit
import Testing

/// Schedules without data: what every member's steps come to, whoever runs when.
@Suite("Schedules")
struct ScheduleTests {
    #if DEBUG
        static let groups = [1, 3, 16]
        static let sizes = [1, 2, 3, 4, 5, 8, 13]
    #else
        static let groups = [1, 2, 3, 4, 7, 16]
        static let sizes = Array(1...20)
    #endif

    /// A shape with pieces so short that there are many.
    static func shape(
        _ operation: CollectiveOperation, _ size: Int, block: Int, limit: Int, random: inout SeededGenerator
    ) -> ScheduleShape {
        var shape = ScheduleShape(
            operation: operation, size: size, root: Int.random(in: 0..<size, using: &random), block: block,
            staging: 2752)
        shape.pieceLimit = limit
        if operation.isReduction {
            shape.element = 2
            shape.accumulator = 4
        }
        if operation == .allGatherV {
            shape.offsets = [0]
            for member in 0..<size {
                shape.offsets.append(shape.offsets[member] + Int.random(in: 0...block, using: &random))
            }
        }
        return shape
    }

    static func check(
        _ algorithm: CollectiveAlgorithm, _ shape: ScheduleShape, isInPlace: Bool, random: inout SeededGenerator
    ) throws -> [String] {
        let lengths = shape.operation == .allToAllV ? Self.lengths(shape, random: &random) : []
        var checker = try ScheduleChecker(shape, isInPlace: isInPlace, lengths: lengths) { me in
            var offsets = [0]
            for length in lengths.isEmpty ? [] : lengths[me] { offsets.append(offsets[offsets.count - 1] + length) }
            var schedule = try #require(algorithm.schedule(shape, sendOffsets: offsets))
            if schedule.needsTable { try schedule.readTable(me, Lengths(all: lengths)) }
            return schedule
        }
        return checker.run().map { "\(algorithm), \(shape), in place \(isInPlace): \($0)" }
    }

    /// Up to four blocks from each to each, many of them zero.
    static func lengths(_ shape: ScheduleShape, random: inout SeededGenerator) -> [[Int]] {
        (0..<shape.size).map { _ in
            (0..<shape.size).map { _ in
                Bool.random(using: &random) ? 0 : Int.random(in: 0...4 * shape.block, using: &random)
            }
        }
    }

    /// The lengths a member asks for.
    struct Lengths: LengthReader {
        let all: [[Int]]
        func length(from sender: Int, to member: Int) -> (byteCount: Int, place: Int) {
            (all[sender][member], all[..<sender].reduce(0) { $0 + $1[member] })
        }
    }

    /// Every algorithm of the catalog that is a schedule, with groups of several widths where it takes a group.
    static func algorithms(_ shape: ScheduleShape) -> [CollectiveAlgorithm] {
        CollectiveCatalog.algorithms.filter { $0.schedule(shape) != nil }.flatMap { algorithm in
            let widths = groups.compactMap { CollectiveAlgorithm(text: "\(algorithm.name):\($0)") }
            return widths.isEmpty ? [algorithm] : widths
        }
    }

    @Test(
        "Everything arrives, nobody waits for ever, nothing is written that may still be read, for all sizes to 20",
        arguments: CollectiveOperation.allCases.filter { $0 != .sendReceive })
    func all(operation: CollectiveOperation) throws {
        let seed = UInt64.random(in: .min ... .max)
        var random = SeededGenerator(seed: seed)
        let algorithms = Self.algorithms(Self.shape(.barrier, 4, block: 0, limit: 64, random: &random))
        #expect(algorithms.count >= 1 + 2 * Self.groups.count)
        var wrong: [String] = []
        for algorithm in algorithms where algorithm.carries(operation) {
            for size in Self.sizes {
                // Blocks of one piece, of no byte, and of so many pieces that staging is used again and again.
                for (block, limit) in [(4, 64), (0, 64), (operation.isReduction ? 80 : 14, 4)] {
                    let shape = Self.shape(operation, size, block: block, limit: limit, random: &random)
                    let isInPlace = Bool.random(using: &random)
                    wrong += try Self.check(algorithm, shape, isInPlace: isInPlace, random: &random).prefix(1)
                }
            }
        }
        #expect(wrong.isEmpty, "seed \(seed): \(wrong.count) wrong, \(wrong.prefix(3))")
    }

    @Test("The documented numbers of partners, events and bytes are what the steps come to", arguments: [1, 3, 5])
    func costs(p: Int) throws {
        let (n, w, g) = (12, 3, 4)
        let inside = w - 1 + g - 1
        let most = max(0, p - 2)
        let s = p * (g - 1)
        let b = 4 * p
        // Algorithm, operation, partners, own events, bytes put where they are simple. A reduction here has 2 bytes of elements a unit.
        let rows: [(CollectiveAlgorithm, CollectiveOperation, Int, Int, Int?)] = [
            (.ring, .barrier, 0, 2, 0), (.ring, .broadcast, 2, p, b), (.ring, .allGather, 2, (n - 2) * p, (n - 1) * b),
            (.ring, .allReduce, 2, 2 * p + most, 3 * b), (.ring, .reduce, 3, p + most, 2 * b),
            (.ring, .reduceScatter, n - 1, 2 * n * p - 2, 2 * n * b),
            (.twoLevel(group: w), .barrier, 0, inside, 0),
            (.twoLevel(group: w), .broadcast, inside, s, inside * b),
            (.twoLevel(group: w), .allGather, inside, s, (w - 1 + (g - 1) * w + (w - 1) * (n - w)) * b),
            (.twoLevel(group: w), .allToAll, inside, s * (w + 1) - w, (w - 1 + (2 * w - 1) * (n - w)) * b),
            (.twoLevel(group: w), .gather, inside, max(p, (w - 1) * most), nil),
            (.twoLevel(group: w), .scatter, inside, s, (n - 1) * b),
            (.twoLevel(group: w), .allReduce, inside, s + most, nil),
            (.twoLevel(group: w), .reduce, w + 1, p + most, nil),
            (.twoLevel(group: w), .reduceScatter, n - 1, 2 * n * p - 2, nil),
            (.trampoline(group: w), .barrier, 0, inside, 0),
            (.trampoline(group: w), .broadcast, inside, s, inside * b),
            (.trampoline(group: w), .allGather, inside, s, (n - 1) * b),
            (.trampoline(group: w), .allToAll, inside, (2 * w * p - 1) * (g - 1), (n - 1 + (w - 1) * (g - 1)) * b),
            (.trampoline(group: w), .gather, inside, max(p, (w - 1) * most), nil),
            (.trampoline(group: w), .scatter, inside, s, (n - 1) * b),
            (.trampoline(group: w), .reduce, 2 * w + 1, (p + w - 1) / w + max(0, (p + w - 1) / w - 2), nil),
            (.trampoline(group: w), .reduceScatter, inside, 2 * g * p - 2, nil),
        ]
        for (algorithm, operation, partners, events, bytes) in rows {
            var shape = ScheduleShape(operation: operation, size: n, root: 5, block: b, staging: 2752)
            shape.pieceLimit = 4
            if operation.isReduction {
                shape.element = 2
                shape.accumulator = 4
                shape.block = 2 * p
            }
            let schedule = try #require(algorithm.schedule(shape))
            let found = try (0..<n).map { try Self.cost(schedule, $0, n) }
            let name = "\(operation) by \(algorithm), \(p) pieces"
            if operation != .barrier { #expect(found.map(\.partners).max() == partners, "\(name)") }
            #expect(found.map(\.events).max() == events, "\(name)")
            if let bytes { #expect(found.map(\.bytes).max() == (operation.isReduction ? bytes / 2 : bytes), "\(name)") }
        }
    }

    /// Partners of a member, events it sends beside announcements and the last ones, and bytes it puts.
    static func cost(
        _ schedule: any Schedule, _ me: Int, _ size: Int
    ) throws -> (partners: Int, events: Int, bytes: Int) {
        let program = try Program(schedule, me, size: size, announces: false)
        var events = 0
        var bytes = 0
        for case .step(let step) in program.instructions {
            switch step {
            case .signal: events += 1
            case .put(_, _, _, let byteCount): bytes += byteCount
            default: break
            }
        }
        return ((0..<size).count { $0 != me && schedule.arePartners($0, me) }, events, bytes)
    }
}

/// Without the events that say that staging was read, the checker must find that it is overwritten.
@Suite("The checker of schedules")
struct ScheduleCheckerTests {
    /// A schedule without some of its steps.
    struct Lame<Whole: Schedule>: Schedule {
        var whole: Whole
        /// Whether a member's step is left out.
        var leavesOut: @Sendable (_ me: Int, Step) -> Bool

        struct Filter<Sink: StepSink>: StepSink {
            var me: Int
            var sink: Sink
            var leavesOut: @Sendable (Int, Step) -> Bool
            mutating func take(_ step: Step) throws(FabricError) { if !leavesOut(me, step) { try sink.take(step) } }
        }

        var algorithm: StaticString { whole.algorithm }
        func arePartners(_ first: Int, _ second: Int) -> Bool { whole.arePartners(first, second) }
        func emit<Sink: StepSink>(_ me: Int, _ sink: inout Sink) throws(FabricError) {
            var filter = Filter(me: me, sink: sink, leavesOut: leavesOut)
            try whole.emit(me, &filter)
            sink = filter.sink
        }
    }

    static func check(_ leavesOut: @escaping @Sendable (Int, Step) -> Bool) throws -> [String] {
        var shape = ScheduleShape(operation: .allReduce, size: 4, root: 0, block: 40, staging: 2752)
        shape.pieceLimit = 4
        var checker = try ScheduleChecker(shape, isInPlace: false) { _ in
            Lame(whole: RingSchedule(shape), leavesOut: leavesOut)
        }
        return checker.run()
    }

    @Test("Nothing is found in a whole schedule, and something wherever steps are missing")
    func finds() throws {
        #expect(try Self.check { _, _ in false }.isEmpty)
        let overwritten = try Self.check { me, step in
            switch step {
            case .signal(let peer): peer == me - 1
            case .wait(let peer): peer == me + 1
            default: false
            }
        }
        #expect(overwritten.contains { $0.contains("writes") || $0.contains("writing") }, "\(overwritten)")
        let early = try Self.check { me, step in
            switch step {
            case .signal(let peer): me == 0 && peer == 1
            case .wait(let peer): me == 1 && peer == 0
            default: false
            }
        }
        #expect(early.contains { $0.contains("goes on from nothing") }, "\(early)")
        let stuck = try Self.check { me, step in if case .signal(3) = step { me == 2 } else { false } }
        #expect(stuck.contains { $0.contains("for ever") }, "\(stuck)")
        let lost = try Self.check { me, step in if case .put(2, _, _, _) = step { me == 1 } else { false } }
        #expect(!lost.isEmpty)
        let open = try Self.check { me, step in if case .wait(1) = step { me == 2 } else { false } }
        #expect(!open.isEmpty)
    }

    /// A schedule written out.
    struct Written: Schedule {
        var steps: [[Step]]
        var algorithm: StaticString { "written" }
        func arePartners(_ first: Int, _ second: Int) -> Bool { first != second }
        func emit(_ me: Int, _ sink: inout some StepSink) throws(FabricError) {
            for step in steps[me] { try sink.take(step) }
        }
    }

    @Test("A read that comes after the write only by chance is found")
    func chance() throws {
        var shape = ScheduleShape(operation: .broadcast, size: 3, root: 0, block: 1, staging: 64)
        shape.pieceLimit = 1
        let source = Place.source(0)
        let destination = Place.destination(0)
        func found(_ middle: Step?) throws -> [String] {
            let root: [Step] = [
                .copy(from: source, to: destination, byteCount: 1),
                .put(1, from: source, to: destination, byteCount: 1),
                .put(2, from: source, to: destination, byteCount: 1),
                .put(1, from: source, to: .staging(0), byteCount: 1),
            ]
            let second: [Step] = [.wait(2), .copy(from: .staging(0), to: .staging(1), byteCount: 1)]
            var steps = [root, second, [.signal(1)]]
            if let middle {
                steps[0].append(.signal(2))
                steps[2].insert(middle, at: 0)
            }
            var checker = try ScheduleChecker(shape, isInPlace: false) { _ in Written(steps: steps) }
            return checker.run()
        }
        // Without the third's wait its event may come before the root's bytes.
        let early = try found(nil)
        #expect(early.contains { $0.contains("may be") }, "\(early)")
        let right = try found(.wait(0))
        #expect(right.isEmpty, "\(right)")
    }
}
