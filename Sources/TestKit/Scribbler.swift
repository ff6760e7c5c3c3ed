internal import Fabric
internal import Foundation
internal import Glibc
internal import SharedMemory
internal import Workers

/// Overwrites words of a running cluster's shared memory, as a process that went mad would: what becomes of the run is the test.
public final class Scribbler {
    private let segment: Segment

    /// Maps the segment that a rank process holds.
    public init(rankProcess pid: Int32, hasFarRanks: Bool = false) throws {
        // The inherited descriptor has the same number in every rank process.
        guard let file = FileHandle(forUpdatingAtPath: "/proc/\(pid)/fd/\(ChildProcess.segmentDescriptor)") else {
            throw ClusterUnderTest.HarnessError("the segment of process \(pid) cannot be opened")
        }
        let event = hasFarRanks ? dup(FileHandle.nullDevice.fileDescriptor) : nil
        segment = try Segment.attach(descriptor: dup(file.fileDescriptor), switchEvent: event)
    }

    /// Kinds of words this segment has, by name.
    public var kinds: [String] { SegmentWord.Kind.allCases.filter { !words($0).isEmpty }.map(\.rawValue) }

    /// What the first rank does now.
    public var phase: String { segment.control(of: segment.plan.firstRank).phase }

    /// Whether the run has a verdict, and so is at its end.
    public var isOver: Bool { segment.cluster.epoch.loadAcquiring() != segment.plan.firstEpoch }

    private func words(_ kind: SegmentWord.Kind) -> [SegmentWord] { segment.words(kind) + segment.windowWords(kind) }

    /// One store, drawn from a generator: a word of a kind, and what to put there.
    public struct Stroke: Sendable, CustomStringConvertible {
        /// The kind of word, by name.
        public var kind: String
        /// Which word.
        public var word: String
        /// What it held, what was stored, and how that was chosen.
        public var old: UInt64
        /// See ``old``.
        public var new: UInt64
        /// See ``old``.
        public var manner: String
        /// Whether it is payload: then the result may change unnoticed.
        public var isPayload: Bool

        /// What, where, and how.
        public var description: String { "\(word): \(manner), \(old) -> \(new)" }
    }

    /// Draws a word of a kind and overwrites it.
    public func scribble(_ kind: String, _ random: inout SeededGenerator) throws -> Stroke {
        guard let kind = SegmentWord.Kind(rawValue: kind), case let all = words(kind),
            var word = all.randomElement(using: &random)
        else { throw ClusterUnderTest.HarnessError("no words of kind \(kind) here") }
        if Bool.random(using: &random) || kind == .heap {
            // Most words of most kinds have never been written: another is drawn a few times.
            for _ in 0..<64 where segment.word(at: word.offset).loadRelaxed() == 0 {
                word = all.randomElement(using: &random) ?? word
            }
        }
        let cell = segment.word(at: word.offset)
        let old = cell.loadRelaxed()
        let choices: [(String, UInt64)] = [
            ("zero", 0), ("one", 1), ("all ones", .max), ("one more", old &+ 1), ("one less", old &- 1),
            ("a bit", old ^ 1 << UInt64.random(in: 0..<64, using: &random)), ("any", random.next()),
        ]
        let (manner, new) = choices[Int.random(in: 0..<choices.count, using: &random)]
        // A sealed number in the heap is a flag of a collective.
        let isFlag = kind == .heap && Sealed.open(old).map { $0 < 1 << 40 } ?? false
        cell.storeRelaxed(new)
        return Stroke(
            kind: isFlag ? "heapFlag" : kind.rawValue, word: "\(word)", old: old, new: new, manner: manner,
            isPayload: kind.isPayload && !isFlag)
    }
}
