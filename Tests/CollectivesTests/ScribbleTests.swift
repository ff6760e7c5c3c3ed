import Collectives
import Fabric
import Foundation
import Launching
import SharedMemory
import Tensors
import TestKit
import Testing

/// A word that collectives stand on is overwritten between two of them, on one host and over two: the results are right, or each die that
/// ends early says in a typed error what it met. A trap would end these tests.
enum CollectiveScribbles {
    /// What one seed came to.
    struct Report: Sendable {
        var kind = ""
        var isPayload = false
        var failures = 0
        /// What must not be.
        var broken: [String] = []
    }

    private static let kinds: [SegmentWord.Kind] = [
        .teamSlot, .boardWords, .boardPayload, .linkWords, .port, .wait, .doorbell,
    ]

    /// The words that a die can overwrite: its host's, and of the workspace the lines of all ranks in the windows there.
    private static func words(_ endpoint: Endpoint, _ space: CollectiveWorkspace) -> [[SegmentWord]] {
        let segment = endpoint.segment
        let lines = segment.plan.ranks.flatMap { rank in
            stride(from: 0, to: 128 * endpoint.rankCount, by: 8).map {
                SegmentWord(
                    .linkWords, "line word \($0) of rank \(rank)",
                    segment.windowOffset(of: rank) + space.region.offset + $0)
            }
        }
        return [lines, lines] + kinds.map { segment.words($0) + segment.windowWords($0) }.filter { !$0.isEmpty }
    }

    private static func scribble(
        _ endpoint: Endpoint, _ space: CollectiveWorkspace, _ random: inout SeededGenerator
    ) -> SegmentWord? {
        let kinds = words(endpoint, space)
        guard let words = kinds.randomElement(using: &random), var word = words.randomElement(using: &random) else {
            return nil
        }
        for _ in 0..<64 where endpoint.segment.word(at: word.offset).loadRelaxed() == 0 {
            word = words.randomElement(using: &random) ?? word
        }
        let cell = endpoint.segment.word(at: word.offset)
        let old = cell.loadRelaxed()
        let values = [
            0, 1, .max, old &+ 1, old &- 1, old ^ 1 << UInt64.random(in: 0..<64, using: &random), random.next(),
        ]
        cell.storeRelaxed(values[Int.random(in: 0..<values.count, using: &random)])
        return word
    }

    static func run(seed: UInt64) throws -> Report {
        var random = SeededGenerator(seed: seed)
        let dies = Int.random(in: 2...5, using: &random)
        let isSplit = Int.random(in: 0..<3, using: &random) == 0
        let liar = Int.random(in: 0..<dies, using: &random)
        let moment = Int.random(in: 0..<4, using: &random)
        let algorithm = CollectiveConformanceTests.algorithms.randomElement(using: &random) ?? .push
        let trials = try (0..<5).map { _ in
            JudgedTrial(
                CollectiveTrial(
                    try #require(CollectiveOperation.allCases.randomElement(using: &random)), size: dies,
                    count: [1, 7, 513].randomElement(using: &random) ?? 1,
                    type: ElementType.allCases.randomElement(using: &random) ?? .int8, seed: random.next()))
        }
        let area = (trials.map(\.trial.areaByteCount).max() ?? 0) + 256
        let strokes = random
        let outcome = try ThreadCluster.run(
            dies: dies, windowByteCount: Endpoint.reservedByteCount(dies: dies) + area + (128 << 10),
            timeout: .milliseconds(300), split: isSplit ? HostSplit.even(dies: dies, hosts: 2) : .oneHost(dies: dies)
        ) { world -> (SegmentWord?, String?) in
            let space = try CollectiveWorkspace(world, byteCount: 8192)
            let place = try world.allocate(byteCount: area)
            let collective = Collective(world, space)
            var stroke: SegmentWord?
            var random = strokes
            for (number, trial) in trials.enumerated() {
                if number == moment, world.rank == liar { stroke = scribble(world.endpoint, space, &random) }
                if let wrong = try trial.run(on: collective, area: place, algorithm: algorithm) {
                    return (stroke, wrong)
                }
            }
            return (stroke, nil)
        }
        var report = Report(failures: outcome.errors.count)
        let stroke = outcome.values.compactMap { $0?.0 }.first
        report.kind = stroke.map { $0.name.hasPrefix("line word") ? "workspace" : $0.kind.rawValue } ?? "unknown"
        report.isPayload = stroke?.kind.isPayload ?? false
        for (rank, error) in outcome.errors where outcome.fabricErrors[rank] == nil { report.broken.append(error) }
        // The stroke of a liar that failed is not known; a wrong result beside failures was not taken for right.
        if outcome.errors.isEmpty, !report.isPayload {
            report.broken += outcome.values.compactMap { $0?.1 }.map { "\(stroke.map(\.description) ?? ""): \($0)" }
        }
        return report
    }
}

@Suite("Collective scribbles")
struct CollectiveScribbleTests {
    @Test("A word overwritten between collectives gives right results or typed errors")
    func short() throws {
        let seed = UInt64.random(in: 0...UInt64.max)
        for number in 0..<30 {
            let report = try CollectiveScribbles.run(seed: seed &+ UInt64(number))
            #expect(report.broken == [], "seed \(seed &+ UInt64(number)), \(report.kind)")
        }
    }

    @Test("The same a thousand times", .enabled(if: Soak.isOn))
    func collectiveSoak() throws {
        var counts: [String: (right: Int, failed: Int, broken: Int)] = [:]
        for number in 0..<UInt64(Soak.count(1000)) {
            let report = try CollectiveScribbles.run(seed: Soak.seed &+ number)
            var count = counts[report.kind] ?? (0, 0, 0)
            if !report.broken.isEmpty {
                count.broken += 1
            } else if report.failures > 0 {
                count.failed += 1
            } else {
                count.right += 1
            }
            counts[report.kind] = count
            #expect(report.broken == [], "seed \(Soak.seed &+ number), \(report.kind)")
        }
        for (kind, count) in counts.sorted(by: { $0.key < $1.key }) {
            Soak.say(
                "collective scribbles, \(kind): right \(count.right), refused \(count.failed), broken \(count.broken)")
        }
    }
}
