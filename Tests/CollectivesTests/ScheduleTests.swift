import Collectives
import TestKit
import Testing

/// Schedules without data: what every member's steps come to, whoever runs when.
@Suite("Schedules")
struct ScheduleTests {
    static let groups = [1, 2, 3, 4, 7, 16]

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

    static func check(_ algorithm: CollectiveAlgorithm, _ shape: ScheduleShape, isInPlace: Bool) -> [String] {
        var checker: ScheduleChecker
        switch algorithm {
        case .ring: checker = ScheduleChecker(shape, RingSchedule(shape), isInPlace: isInPlace)
        case .twoLevel(let group):
            checker = ScheduleChecker(
                shape, GroupedSchedule(shape, group: group, isSpread: false), isInPlace: isInPlace)
        case .trampoline(let group):
            checker = ScheduleChecker(
                shape, GroupedSchedule(shape, group: group, isSpread: true), isInPlace: isInPlace)
        default: return ["\(algorithm) is no schedule"]
        }
        return checker.run().map { "\(algorithm), \(shape), in place \(isInPlace): \($0)" }
    }

    @Test(
        "Everything arrives, nobody waits for ever, nothing is written that may still be read, for all sizes to 20",
        arguments: CollectiveOperation.allCases)
    func all(operation: CollectiveOperation) {
        let seed = UInt64.random(in: .min ... .max)
        var random = SeededGenerator(seed: seed)
        let algorithms =
            [CollectiveAlgorithm.ring]
            + Self.groups.flatMap { [CollectiveAlgorithm.twoLevel(group: $0), .trampoline(group: $0)] }
        var wrong: [String] = []
        for algorithm in algorithms where algorithm.carries(operation) {
            for size in 1...20 {
                // Blocks of one piece, of no byte, and of so many pieces that staging is used again and again.
                for (block, limit) in [(4, 64), (0, 64), (14, 4)] {
                    let shape = Self.shape(operation, size, block: block, limit: limit, random: &random)
                    wrong += Self.check(algorithm, shape, isInPlace: Bool.random(using: &random)).prefix(1)
                }
            }
        }
        #expect(wrong.isEmpty, "seed \(seed): \(wrong.count) wrong, \(wrong.prefix(3))")
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
            mutating func take(_ step: Step) throws(Sink.Failure) { if !leavesOut(me, step) { try sink.take(step) } }
        }

        func arePartners(_ first: Int, _ second: Int) -> Bool { whole.arePartners(first, second) }
        func emit<Sink: StepSink>(_ me: Int, _ sink: inout Sink) throws(Sink.Failure) {
            var filter = Filter(me: me, sink: sink, leavesOut: leavesOut)
            try whole.emit(me, &filter)
            sink = filter.sink
        }
    }

    static func check(_ leavesOut: @escaping @Sendable (Int, Step) -> Bool) -> [String] {
        var shape = ScheduleShape(operation: .allReduce, size: 4, root: 0, block: 40, staging: 2752)
        shape.pieceLimit = 4
        var checker = ScheduleChecker(
            shape, Lame(whole: RingSchedule(shape), leavesOut: leavesOut), isInPlace: false)
        return checker.run()
    }

    @Test("Nothing is found in a whole schedule, and something wherever steps are missing")
    func finds() {
        #expect(Self.check { _, _ in false }.isEmpty)
        let overwritten = Self.check { me, step in
            switch step {
            case .signal(let peer): peer == me - 1
            case .wait(let peer): peer == me + 1
            default: false
            }
        }
        #expect(overwritten.contains { $0.contains("writes") || $0.contains("writing") }, "\(overwritten)")
        let early = Self.check { me, step in
            switch step {
            case .signal(let peer): me == 1 && peer == 2
            case .wait(let peer): me == 2 && peer == 1
            default: false
            }
        }
        #expect(early.contains { $0.contains("reads") }, "\(early)")
        let stuck = Self.check { me, step in if case .signal(3) = step { me == 2 } else { false } }
        #expect(stuck.contains { $0.contains("for ever") }, "\(stuck)")
        let lost = Self.check { me, step in if case .put(2, _, _, _) = step { me == 1 } else { false } }
        #expect(!lost.isEmpty)
        let open = Self.check { me, step in if case .wait(1) = step { me == 2 } else { false } }
        #expect(!open.isEmpty)
    }
}
