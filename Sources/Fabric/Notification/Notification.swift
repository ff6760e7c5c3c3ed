public import Mutants
public import SharedMemory

// One writer tells one waiter how far it has come. All of the fabric's waits for another rank's progress are waits for such a word, or
// for the gate of a meeting (`Team+Meeting.swift`), where many arrive and one releases.
//
//     63 ... 16   number      2^40 times the epoch, and the sequence, which rises with each notification; never cleared, never reset. An epoch
//                             of more than 2^40 of them (30 hours at 100 ns each) runs on into the numbers of the next: there is room for
//                             256 epochs, or 2^48 notifications, or what lies between
//     15 ...  0   seal        depends on the number, on the epoch, and on a value that both ends know where the notification brings one;
//                             so a number of one epoch is none of another, wherever it lies
//
// The word is stored with release order after what it tells of, and loaded with acquire order before that is used. Words compare as
// their sequences do, and none of an earlier epoch reaches one of a later. All ones is above all of them: the writer has given up,
// and says on whom in a `FailureWord`.

/// The words of notifications.
public enum Notification {
    /// What a writer stores that has given up.
    public static let givenUp = UInt64.max
    /// Sequences are below this: half of all numbers (some 160 days at 100 ns each).
    public static let sequenceLimit: UInt64 = 1 << 47
    /// What a writer may be ahead of its waiter; a word that says more was overwritten.
    @usableFromInline static let window: UInt64 = 1 << 40
    @usableFromInline static let numberMask: UInt64 = 1 << 48 - 1

    /// The word that says that `sequence` has been reached.
    ///
    /// - Parameter value: what the writer and the waiter both know if nothing went wrong, such as a count; the seal depends on it.
    @inlinable @inline(__always)
    public static func word(_ sequence: UInt64, epoch: UInt64, value: UInt64 = 0) -> UInt64 {
        // The top bits of a product with the epoch there are the epoch's own: no two of 65,536 have the same seal.
        let known = (Mutated.countSeal ? 0 : value) &+ (Mutated.epochMatch ? 0 : epoch << 48)
        return Sealed.seal(number(sequence, epoch)) ^ (known &* 0xD6E8_FEB8_6659_FD93) >> 48
    }

    /// The least word that says so, whatever its seal.
    @inlinable @inline(__always)
    public static func floor(_ sequence: UInt64, epoch: UInt64) -> UInt64 { number(sequence, epoch) << 16 }

    @inlinable @inline(__always)
    static func number(_ sequence: UInt64, _ epoch: UInt64) -> UInt64 {
        ((Mutated.epochMatch ? 0 : epoch << 40) &+ sequence) & numberMask
    }

    /// What a word means to a rank that waits for `sequence`.
    public enum Reading: Sendable, Equatable {
        /// The writer has come so far: to the sequence waited for, or beyond.
        case reached(UInt64)
        /// The writer has given up.
        case givenUp
        /// No writer of this epoch stores that.
        case impossible(UInt64)
    }

    /// Reads a word that is at least the floor of `sequence`. A value is expected of that sequence only; beyond it there is none.
    @inlinable
    public static func read(_ word: UInt64, _ sequence: UInt64, epoch: UInt64, value: UInt64 = 0) -> Reading {
        if word == self.word(sequence, epoch: epoch, value: value) { return .reached(sequence) }
        if word == givenUp { return .givenUp }
        let ahead = (word >> 16 &- number(sequence, epoch)) & numberMask
        let found = sequence &+ ahead
        guard ahead > 0, ahead < window, self.word(found, epoch: epoch) == word || Mutated.sequenceSeal else {
            return .impossible(word)
        }
        return .reached(found)
    }
}

extension Endpoint {
    /// The word that says in this epoch that `sequence` has been reached; for puts that end with it.
    @inlinable @inline(__always)
    public func notification(_ sequence: UInt64, value: UInt64 = 0) -> UInt64 {
        Notification.word(sequence, epoch: epoch, value: value)
    }

    /// Tells a peer that `sequence` has been reached. Releases everything this die put there before; wakes the peer if it waits.
    @inlinable
    public func notify(_ sequence: UInt64, value: UInt64 = 0, at peer: Rank, _ offset: Int) throws(FabricError) {
        try signal(.set, notification(sequence, value: value), at: peer, offset)
    }

    /// Whether a word of this die's own window says that `sequence` has been reached, or that its writer has given up. Acquires.
    @inlinable
    public func isNotified(_ sequence: UInt64, at offset: Int) -> Bool {
        hasReached(Notification.floor(sequence, epoch: epoch), at: offset)
    }

    /// Waits until a word of this die's own window says that `sequence` has been reached. Acquires what its writer put before.
    ///
    /// - Parameters:
    ///   - value: what the word of that sequence must have been sealed with.
    ///   - peer: the writer; an error names it.
    /// - Returns: how far the writer is, that it has given up, or a word that it cannot have stored.
    /// - Throws: `.timedOut` or `.membershipChanged`, as ``wait(at:until:_:deadline:peer:operation:)``.
    @inlinable
    public func awaitNotification(
        _ sequence: UInt64, value: UInt64 = 0, at offset: Int, from peer: Rank?, deadline: Deadline? = nil,
        operation: FabricOperation
    ) throws(FabricError) -> Notification.Reading {
        let word = try wait(
            at: offset, until: .greaterOrEqual, Notification.floor(sequence, epoch: epoch), deadline: deadline,
            peer: peer, operation: operation)
        return Notification.read(word, sequence, epoch: epoch, value: value)
    }

    /// The error that a word of failure stands for, as this rank reports it; nil for a word that no rank stores.
    public func failure(
        from word: UInt64, operation: FabricOperation, context: String
    ) -> FabricError? {
        let code: FabricError.Code
        switch word >> 56 {
        case 1: code = .timedOut
        case 2: code = .mismatch
        case 3: code = .corrupt
        case 4: code = .damaged
        default: return nil
        }
        let blamed = Rank(Int(word >> 32 & 0xFF_FFFF) - 1)
        guard (0..<rankCount).contains(blamed.index) else { return nil }
        return FabricError(
            code, scope: code == .timedOut ? .peer : .operation, operation: operation, rank: rank, peers: [blamed],
            elapsedNanoseconds: (word & 0xFFFF_FFFF) * 1_000_000, epoch: epoch, phase: phase, context: context)
    }
}

/// What a rank that gives up says in one word: why, on whom, and after how long. It lies beside the words that it poisons.
///
/// ```
/// 63 ... 56   why            1: timed out, 2: the calls do not fit, 3: impossible data, 4: damaged data
/// 55 ... 32   whom           1 + the rank to blame
/// 31 ...  0   milliseconds   that it had waited
/// ```
public enum FailureWord {
    /// The word for an error of a rank; a rank that knows no culprit names itself.
    public static func word(for error: FabricError, of rank: Rank) -> UInt64 {
        let code: UInt64 =
            switch error.code {
            case .timedOut: 1
            case .mismatch: 2
            case .damaged: 4
            default: 3
            }
        let blamed = UInt64(truncatingIfNeeded: (error.peers.first ?? rank).index &+ 1) & 0xFF_FFFF
        return code << 56 | blamed << 32 | min(error.elapsedNanoseconds / 1_000_000, 0xFFFF_FFFF)
    }
}

/// Numbers in shared memory that a stray store can be told from: those whose next value is known beforehand, so that no comparison finds out.
///
/// The number, below 2^48, and under it sixteen bits that depend on it. Sealed numbers compare as the numbers do. Neither the
/// neighbours of one, nor what differs from it in a bit, nor zero, one or all ones, is sealed; other values are once in 65,536.
public enum Sealed {
    /// A number as its writer stores it.
    @inlinable @inline(__always)
    public static func seal(_ number: UInt64) -> UInt64 {
        (number << 16) | (((number &+ 1) &* 0x9E37_79B9_7F4A_7C15) >> 48)
    }

    /// The number, if its writer can have stored the value.
    @inlinable
    public static func open(_ value: UInt64) -> UInt64? { seal(value >> 16) == value ? value >> 16 : nil }

    /// A word that goes with others and depends on all of them, so that one that was overwritten shows.
    @inlinable
    public static func check(_ first: UInt64, _ second: UInt64, _ third: UInt64 = 0, _ fourth: UInt64 = 0) -> UInt64 {
        var hash = (first ^ 0x5345_414C_4544_3031) &* 0x9E37_79B9_7F4A_7C15
        hash = (hash ^ hash >> 29 ^ second) &* 0xBF58_476D_1CE4_E5B9
        hash = (hash ^ hash >> 32 ^ third) &* 0x94D0_49BB_1331_11EB
        hash = (hash ^ hash >> 30 ^ fourth) &* 0x9E37_79B9_7F4A_7C15
        return hash ^ hash >> 31
    }
}
