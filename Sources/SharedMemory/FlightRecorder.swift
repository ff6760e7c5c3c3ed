/// The last operations of a die, in its control block: what it began, and whether that has ended. Written by the die alone, read by
/// other processes while it runs and by the agent when it is gone.
///
/// A ring of 24 records of 128 bytes:
/// ```
/// 0    u64 4 x number + state      the number counts from 1; state 1: begun, 2: ended, 3: failed
/// 8    u64 operation | algorithm << 8 | type << 16 | reduction << 24 | root << 32
/// 16   u64 source bytes, u64 destination bytes
/// 32   u64 first member | members << 32, i64 distance between members
/// 48   u64 length of the text, 56 bytes of text: where in the program, if the caller says
/// ```
/// A reader that meets a writer may see a record half old and half new; never bad memory.
@safe
public struct FlightRecorder: @unchecked Sendable, BitwiseCopyable {
    private let base: UnsafeMutableRawPointer

    init(base: UnsafeMutableRawPointer) { unsafe self.base = base }

    static let offset = 1024
    /// Operations that are kept.
    public static let capacity = 24
    static let recordByteCount = 128
    static let textByteCount = 56

    private func word(_ number: UInt64, _ index: Int) -> Word {
        unsafe Word(base + Int(number % UInt64(Self.capacity)) * Self.recordByteCount + 8 * index)
    }

    /// Notes that operation `number`, counted from 1, has begun.
    public func begin(_ number: UInt64, _ record: FlightRecord) {
        word(number, 0).storeRelaxed(0)
        word(number, 1).storeRelaxed(
            UInt64(record.operation) | UInt64(record.algorithm) << 8 | UInt64(record.type) << 16
                | UInt64(record.reduction) << 24 | UInt64(truncatingIfNeeded: record.root) << 32)
        word(number, 2).storeRelaxed(UInt64(truncatingIfNeeded: record.sourceByteCount))
        word(number, 3).storeRelaxed(UInt64(truncatingIfNeeded: record.destinationByteCount))
        word(number, 4).storeRelaxed(
            UInt64(truncatingIfNeeded: record.firstMember) & 0xFFFF_FFFF
                | UInt64(truncatingIfNeeded: record.memberCount) << 32)
        word(number, 5).storeRelaxed(UInt64(bitPattern: Int64(record.memberStride)))
        if !record.site.isEmpty {
            // The end of a path says more than its start. Only a mode for finding mistakes gives a place.
            let text = Array(record.site.utf8.suffix(Self.textByteCount))
            unsafe PackedText.write(
                text, to: base + Int(number % UInt64(Self.capacity)) * Self.recordByteCount + 56,
                capacity: Self.textByteCount)
            word(number, 6).storeRelaxed(UInt64(text.count))
        } else {
            word(number, 6).storeRelaxed(0)
        }
        // Releases the record; acquired in `records`.
        word(number, 0).storeReleasing(number << 2 | UInt64(FlightRecord.State.begun.rawValue))
    }

    /// Notes how an operation ended.
    public func end(_ number: UInt64, _ state: FlightRecord.State) {
        guard word(number, 0).loadRelaxed() >> 2 == number else { return }  // Overtaken by later ones.
        word(number, 0).storeReleasing(number << 2 | UInt64(state.rawValue))
    }

    /// What is kept, oldest first.
    public var records: [FlightRecord] {
        (0..<UInt64(Self.capacity)).compactMap { slot -> FlightRecord? in
            let head = word(slot, 0).loadAcquiring()
            guard let state = FlightRecord.State(rawValue: UInt8(head & 3)) else { return nil }
            let packed = word(slot, 1).loadRelaxed()
            let team = word(slot, 4).loadRelaxed()
            let length = min(Int(clamping: word(slot, 6).loadRelaxed()), Self.textByteCount)
            return FlightRecord(
                number: head >> 2, state: state, operation: UInt8(truncatingIfNeeded: packed),
                algorithm: UInt8(truncatingIfNeeded: packed >> 8), type: UInt8(truncatingIfNeeded: packed >> 16),
                reduction: UInt8(truncatingIfNeeded: packed >> 24), root: Int(packed >> 32),
                sourceByteCount: Int(clamping: word(slot, 2).loadRelaxed()),
                destinationByteCount: Int(clamping: word(slot, 3).loadRelaxed()),
                firstMember: Int(team & 0xFFFF_FFFF), memberCount: Int(team >> 32),
                memberStride: Int(Int64(bitPattern: word(slot, 5).loadRelaxed())),
                site: unsafe PackedText.read(
                    base + Int(slot) * Self.recordByteCount + 56, count: length, capacity: Self.textByteCount))
        }.sorted { $0.number < $1.number }
    }
}

/// One operation of a die as its flight recorder keeps it. Codes are those of the layer that recorded it.
public struct FlightRecord: Sendable, Equatable {
    /// How far an operation is.
    public enum State: UInt8, Sendable {
        case begun = 1
        case ended = 2
        case failed = 3
    }

    /// Counts the die's operations from 1.
    public var number: UInt64 = 0
    /// How far it is.
    public var state = State.begun
    /// The operation's code.
    public var operation: UInt8
    /// The algorithm's code.
    public var algorithm: UInt8
    /// Codes of the element type and the reduction, where they matter.
    public var type: UInt8
    /// See ``type``.
    public var reduction: UInt8
    /// The root, where there is one.
    public var root: Int
    /// Bytes this die gives and gets.
    public var sourceByteCount: Int
    /// See ``sourceByteCount``.
    public var destinationByteCount: Int
    /// The team: rank of the first member, how many, and the distance between them.
    public var firstMember: Int
    /// See ``firstMember``.
    public var memberCount: Int
    /// See ``firstMember``.
    public var memberStride: Int
    /// Where in the program it was called; empty if that was not recorded.
    public var site: String

    /// A record to begin; number and state are the recorder's.
    public init(
        number: UInt64 = 0, state: State = .begun, operation: UInt8, algorithm: UInt8, type: UInt8, reduction: UInt8,
        root: Int, sourceByteCount: Int, destinationByteCount: Int, firstMember: Int, memberCount: Int,
        memberStride: Int, site: String = ""
    ) {
        self.number = number
        self.state = state
        self.operation = operation
        self.algorithm = algorithm
        self.type = type
        self.reduction = reduction
        self.root = root
        self.sourceByteCount = sourceByteCount
        self.destinationByteCount = destinationByteCount
        self.firstMember = firstMember
        self.memberCount = memberCount
        self.memberStride = memberStride
        self.site = site
    }
}
