import Collectives
import Fabric
import Foundation
import Launching
import SharedMemory
import Tensors
import TestKit
import Testing

/// A bit of what a collective moves is inverted while it moves: by a member that is about to read it, or right after it was put.
///
/// `Scribble` in the name: such a store is a race on purpose.
@Suite("Integrity of collectives")
struct IntegrityScribbleTests {
    /// Inverts a bit at the n-th access of a die that moves at least eight bytes of payload.
    private final class Striker: AccessObserver {
        private let endpoint: Endpoint
        private var left: Int
        private var seen = 0
        private let bit: Int
        private var lastPut: FabricAccess?
        private(set) var hasStruck = false
        /// The whole area is read when the operation is over.
        var areaByteCount = 0

        init(_ endpoint: Endpoint, at number: Int, bit: Int) {
            self.endpoint = endpoint
            left = number
            self.bit = bit
        }

        func willAccess(_ access: FabricAccess) {
            guard access.payloadByteCount >= 8 else { return }
            seen += 1
            // The first two fill the area and the source.
            guard seen > 2 else { return }
            left -= 1
            let isRead = access.operation == .load || access.operation == .get
            // What is read is changed before; what is put, when the next access comes.
            if left <= 0, !hasStruck, access.byteCount != areaByteCount { strike(isRead ? access : lastPut) }
            lastPut = isRead ? lastPut : access
        }

        private func strike(_ access: FabricAccess?) {
            guard let access, endpoint.isNear(access.peer) else { return }
            hasStruck = true
            let byte = access.offset + bit / 8 % access.byteCount
            let place = endpoint.segment.windowOffset(of: access.peer.index) + byte & ~7
            let word = endpoint.segment.word(at: place)
            word.storeRelaxed(word.loadRelaxed() ^ 1 << UInt64(8 * (byte & 7) + bit % 8))
        }
    }

    /// What the members of a trial came to.
    private struct Result {
        /// What is wrong at members that ended without an error.
        var wrong: [String] = []
        var errors: [Int: String]
        var codes: [Int: FabricError.Code]
        var hasStruck: Bool
    }

    /// Runs trials, one after the other, on protected workspaces.
    private static func run(
        _ trials: [JudgedTrial], _ algorithm: CollectiveAlgorithm, striker: Int?, at number: Int, bit: Int,
        split: HostSplit? = nil
    ) throws -> Result {
        let dies = trials.first?.trial.size ?? 1
        let area = (trials.map(\.trial.areaByteCount).max() ?? 0) + 256
        let outcome = try ThreadCluster.run(
            dies: dies, windowByteCount: Endpoint.reservedByteCount(dies: dies) + area + (128 << 10),
            timeout: .seconds(20), split: split ?? .oneHost(dies: dies)
        ) { world -> (String?, Bool) in
            world.endpoint.isProtected = true
            let space = try CollectiveWorkspace(world, byteCount: 8192)
            let place = try world.allocate(byteCount: area)
            let collective = Collective(world, space)
            try world.barrier()
            let observer = Striker(world.endpoint, at: number, bit: bit)
            observer.areaByteCount = area
            if world.rank == striker { world.endpoint.observer = observer }
            let wrong = try trials.compactMap { try $0.run(on: collective, area: place, algorithm: algorithm) }
            world.endpoint.observer = nil
            return (wrong.first, observer.hasStruck)
        }
        return Result(
            wrong: outcome.values.compactMap { $0?.0 }, errors: outcome.errors,
            codes: outcome.fabricErrors.mapValues(\.code),
            hasStruck: outcome.values.contains { $0?.1 == true } || !outcome.errors.isEmpty)
    }

    private static func trials(_ dies: Int, _ count: Int, _ seed: UInt64) -> [JudgedTrial] {
        CollectiveConformanceTests.sample(dies, counts: [count], seed: seed).map { JudgedTrial($0) }
    }

    @Test("Check words change no result: every operation by every algorithm, on one host and over two")
    func right() throws {
        let seed = UInt64.random(in: 0...UInt64.max)
        for (dies, split) in [(3, nil), (5, nil), (4, HostSplit([3, 1]))] {
            for algorithm in CollectiveConformanceTests.algorithms(["0.4", "2"]) {
                let trials = Self.trials(dies, 130, seed)
                let result = try Self.run(trials, algorithm, striker: nil, at: 0, bit: 0, split: split)
                #expect(result.errors.isEmpty, "seed \(seed), \(algorithm): \(result.errors)")
                #expect(result.wrong == [], "seed \(seed)")
            }
        }
    }

    @Test("A bit that changes under way gives a typed error that names a member, and never a wrong result")
    func struck() throws {
        let seed = UInt64.random(in: 0...UInt64.max)
        var random = SeededGenerator(seed: seed)
        var (strokes, damaged) = (0, 0)
        for algorithm in CollectiveConformanceTests.algorithms(["0.4", "2"]) {
            let trials = Self.trials(3, 40, seed).filter { $0.trial.operation != .barrier }
            for trial in trials.shuffled(using: &random).prefix(5) {
                let number = Int.random(in: 1...9, using: &random), bit = Int.random(in: 0..<512, using: &random)
                let name = "seed \(seed), \(trial.trial), \(algorithm), access \(number), bit \(bit)"
                let result = try Self.run(
                    [trial], algorithm, striker: Int.random(in: 0..<3, using: &random), at: number, bit: bit)
                strokes += result.hasStruck ? 1 : 0
                for (rank, error) in result.errors {
                    let code = result.codes[rank]
                    #expect(code == .damaged || code == .corrupt || code == .mismatch, "\(name): \(error)")
                }
                if result.codes.values.contains(.damaged) { damaged += 1 }
                // A source that its reader is done with may be changed, and shows as no result; a member's result is right or it has none.
                if result.errors.isEmpty {
                    #expect(result.wrong.allSatisfy { Self.isOfSource($0, trial) }, "\(name): \(result.wrong)")
                }
            }
        }
        #expect(strokes > 8 && damaged > 3, "seed \(seed): \(strokes) strokes, \(damaged) found")
    }

    /// Whether what a member complains of is its own source, which the stroke changed after it had been read.
    private static func isOfSource(_ text: String, _ trial: JudgedTrial) -> Bool {
        guard let byte = number(after: "byte ", in: text), let source = number(after: "source at ", in: text)
        else { return false }
        return !trial.trial.isInPlace && (source..<source + (trial.inputs.map(\.count).max() ?? 0)).contains(byte)
    }

    private static func number(after word: String, in text: String) -> Int? {
        text.range(of: word).flatMap { Int(text[$0.upperBound...].prefix { $0.isNumber }) }
    }
}
