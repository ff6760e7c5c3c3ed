import Fabric
import Launching
import SharedMemory
import TestKit
import Testing

/// Words that other dies write, with values that none of them stores: an error that tells whose word it was, at every die, and no trap.
@Suite("Corrupt words")
struct CorruptWordTests {
    struct Lie: CustomTestStringConvertible, Sendable {
        /// The word of the world's slot in the leader's window, and what is stored there.
        var word: String
        var value: UInt64
        var testDescription: String { "\(word) is \(value)" }
    }

    static let lies = [
        Lie(word: "gate", value: .max), Lie(word: "gate", value: 1 << 40), Lie(word: "gate", value: 12345),
        Lie(word: "arrivals", value: 1000), Lie(word: "arrivals", value: .max - 1), Lie(word: "arrivals", value: 0),
    ]

    private static func word(_ name: String, _ segment: Segment) throws -> Word {
        let words = segment.windowWords(.teamSlot)
        return segment.word(at: try #require(words.first { $0.name == "\(name) of slot 0 of rank 0" }).offset)
    }

    /// Three dies meet on a board: nine times in peace, then with a word that another value was stored into.
    private static func run(
        dies: Int = 3, spins: Bool = false, _ lie: @escaping @Sendable (Team) throws -> Void
    ) throws -> ThreadCluster.Outcome<Void> {
        try ThreadCluster.run(
            dies: dies, timeout: .milliseconds(500),
            policy: WaitPolicy(spinCount: spins ? 2000 : 2, yieldNanoseconds: 1_000_000), split: .oneHost(dies: dies)
        ) { world in
            for _ in 0..<9 { try world.barrier() }
            if world.rank == 1 { try lie(world) }
            for _ in 0..<9 { try world.barrier() }
        }
    }

    @Test("A word of a meeting that cannot be is an error that names whose window it is in", arguments: lies)
    func meeting(lie: Lie) throws {
        let outcome = try Self.run { world in
            try Self.word(lie.word, world.endpoint.segment).storeSequentially(lie.value)
        }
        #expect(!outcome.errors.isEmpty)
        #expect(outcome.fabricErrors.count == outcome.errors.count, "\(outcome.errors)")
        let corrupt = outcome.fabricErrors.values.filter { $0.code == .corrupt }
        #expect(corrupt.contains { $0.peers == [0] && $0.context.contains("was overwritten") }, "\(outcome.errors)")
        #expect(outcome.fabricErrors.values.allSatisfy { $0.peers.allSatisfy { (0..<3).contains($0) } })
    }

    @Test(
        "A fault word that blames no rank of the cluster is corrupt, and names whose word it was",
        arguments: [0, 1 << 56, 2 << 56 | 9 << 32, 255 << 56 | 1 << 32, .max] as [UInt64])
    func blame(word: UInt64) throws {
        let outcome = try Self.run { world in
            let segment = world.endpoint.segment
            try Self.word("fault", segment).storeSequentially(word)
            try Self.word("gate", segment).storeSequentially(.max)
        }
        #expect(outcome.fabricErrors.count == 3, "\(outcome.errors)")
        for error in outcome.fabricErrors.values {
            #expect(error.code == .corrupt && error.peers == [0], "\(error)")
        }
    }

    @Test(
        "A flag that is no round's is not taken for an arrival",
        arguments: [12 << 16, 13 << 16 | 7, .max, .max - 1, 1 << 60] as [UInt64])
    func flag(value: UInt64) throws {
        let outcome = try Self.run(dies: 2, spins: true) { world in
            let words = world.endpoint.segment.windowWords(.teamSlot)
            // Both halves of what rank 1 writes into the window of rank 0.
            for name in ["flag 2 of slot 0 of rank 0", "flag 3 of slot 0 of rank 0"] {
                let word = try #require(words.first { $0.name == name })
                world.endpoint.segment.word(at: word.offset).storeSequentially(value)
            }
        }
        // Rank 0 may have gone on already; then the next flag is written over this one.
        for error in outcome.fabricErrors.values where error.code == .corrupt {
            #expect(error.peers.allSatisfy { (0..<2).contains($0) }, "\(error)")
        }
        #expect(outcome.fabricErrors.count == outcome.errors.count, "\(outcome.errors)")
    }

    @Test(
        "A member that waits for a flag and finds one that no rank stores says so",
        arguments: [1 << 60, .max - 1] as [UInt64])
    func impossibleFlag(value: UInt64) throws {
        let outcome = try ThreadCluster.run(
            dies: 2, timeout: .seconds(20), policy: WaitPolicy(spinCount: 2000, yieldNanoseconds: 1_000_000),
            split: .oneHost(dies: 2)
        ) { world -> FabricError.Code? in
            let endpoint = world.endpoint
            let turns = try world.allocate(byteCount: 64)
            if world.rank == 1 {
                // Rank 0 has left the round of the allocation; then its half is overwritten instead of written, and the other one.
                try endpoint.wait(at: turns.offset, until: .equal, 1, peer: 0)
                let words = endpoint.segment.windowWords(.teamSlot)
                for name in ["flag 2 of slot 0 of rank 0", "flag 3 of slot 0 of rank 0"] {
                    let word = try #require(words.first { $0.name == name })
                    endpoint.segment.word(at: word.offset).storeSequentially(value)
                }
                try endpoint.wait(at: turns.offset, until: .equal, 2, peer: 0)
                return nil
            }
            try endpoint.signal(.set, 1, at: 1, turns.offset)
            var code: FabricError.Code?
            do throws(FabricError) { try world.barrier() } catch { code = error.code }
            try endpoint.signal(.set, 2, at: 1, turns.offset)
            return code
        }
        #expect(outcome.errors.isEmpty, "\(outcome.errors)")
        #expect(outcome.values.first == .corrupt)
    }

    /// Stores a value over a word of a window just before its die reads it.
    private final class Overwriter: AccessObserver {
        let offset: Int
        let word: Word
        let value: UInt64

        init(_ offset: Int, _ word: Word, _ value: UInt64) {
            self.offset = offset
            self.word = word
            self.value = value
        }

        func willAccess(_ access: FabricAccess) {
            if access.operation == .atomic, access.peer == 0, access.offset == offset { word.storeSequentially(value) }
        }
    }

    @Test(
        "A board that a leader cannot have is not looked for",
        arguments: [1, 64, 131_072 + 8, 1 << 40, .max] as [UInt64])
    func board(value: UInt64) throws {
        let outcome = try ThreadCluster.run(
            dies: 3, timeout: .seconds(20), policy: WaitPolicy(spinCount: 2, yieldNanoseconds: 1_000_000),
            split: .oneHost(dies: 3)
        ) { world -> FabricError? in
            if world.rank == 1 {
                let segment = world.endpoint.segment
                let words = segment.windowWords(.teamSlot)
                // The first word of a window is the arrivals of slot 0.
                let start = try #require(words.first { $0.name == "arrivals of slot 0 of rank 0" }).offset
                let place = try #require(words.first { $0.name == "board of slot 1 of rank 0" }).offset
                world.endpoint.observer = Overwriter(place - start, segment.word(at: place), value)
            }
            do throws(FabricError) { _ = try world.split(start: 0, stride: 1, size: 2) } catch { return error }
            return nil
        }
        #expect(outcome.errors.isEmpty, "\(outcome.errors)")
        let codes = outcome.values.map { $0 ?? nil }
        #expect(codes[1]?.code == .corrupt && codes[1]?.peers == [0])
        // The leader reads its own word too, before or after that.
        #expect((codes[0] == nil || codes[0]?.code == .corrupt) && codes[2] == nil)
    }

    @Test("An epoch that moved without a verdict is a cause of its own", arguments: [1, 7, .max] as [UInt64])
    func epoch(value: UInt64) throws {
        let outcome = try ThreadCluster.run(dies: 3, timeout: .seconds(30), split: .oneHost(dies: 3)) { world in
            try world.barrier()
            // Two wait for a third that does not come: what ends their wait is the epoch alone.
            guard world.rank == 1 else { return try world.barrier() }
            world.endpoint.segment.cluster.epoch.storeSequentially(value)
            try world.endpoint.checkMembership()
        }
        #expect(outcome.fabricErrors.count == 3, "\(outcome.errors)")
        for error in outcome.fabricErrors.values {
            #expect(error.code == .corrupt, "\(error)")
            #expect(error.context.contains("without a verdict"), "\(error)")
        }
    }

    @Test("A verdict is published over any epoch, and does not become the one that dies belong to")
    func publish() throws {
        for value in [0, 1, UInt64.max] {
            let segment = try Segment.create(SegmentPlan(dieCount: 1, windowByteCount: 4096))
            segment.cluster.epoch.storeSequentially(value)
            #expect(segment.publish(Verdict(.interrupted, text: "stopped\u{1B}[2J")))
            #expect(segment.cluster.epoch.loadAcquiring() != 0)
            #expect(segment.cluster.verdict?.text == "stopped?[2J")
        }
    }

    @Test("A wait record that names no rank blames none")
    func waitRecord() throws {
        let outcome = try ThreadCluster.run(dies: 2, split: .oneHost(dies: 2)) { world -> Rank? in
            guard world.rank == 0 else { return nil }
            let segment = world.endpoint.segment
            for (index, word) in segment.words(.wait).prefix(5).enumerated() {
                segment.word(at: word.offset).storeSequentially(index == 1 ? 77 : 5)
            }
            return world.endpoint.rankAwaited(by: 0)
        }
        #expect(outcome.errors.isEmpty)
        #expect(outcome.values == [.some(nil), .some(nil)])
    }

    @Test("Sealed numbers rise, and their neighbours and what differs in a bit are not sealed")
    func seal() {
        for number in Array(0..<3000) + [1 << 20, 1 << 40, (1 << 48) - 2] as [UInt64] {
            let value = Sealed.seal(number)
            #expect(Sealed.open(value) == number)
            #expect(Sealed.seal(number &+ 1) > value)
            for other in [value &- 1, value &+ 1] + (0..<64).map({ value ^ 1 << $0 }) {
                #expect(Sealed.open(other) == nil, "\(number)")
            }
        }
        for value in [0, 1, UInt64.max] { #expect(Sealed.open(value) == nil) }
    }
}
