public import SharedMemory

// One writer tells one waiter how far it has come. All of the fabric's waits for another rank's progress are waits for such a word, or
// for the phase of a meeting (`Team+Meeting.swift`), where many arrive and one releases.
//
//     63 ... 56   epoch       its low eight bits: a word of another membership is none of this one
//     55 ... 16   sequence    rises with each notification; never cleared, never reset
//     15 ...  0   seal        depends on the rest, and on a value that both ends know where the notification brings one
//
// The word is stored with release order after what it tells of, and loaded with acquire order before that is used. Words compare as
// their sequences do, and none of an earlier epoch reaches one of a later. All ones is above all of them: the writer has given up,
// and says on whom in a `FailureWord`.

/// The words of notifications.
public enum Notification {
    /// What a writer stores that has given up.
    public static let givenUp = UInt64.max
    /// Sequences are below this.
    public static let sequenceLimit: UInt64 = 1 << 40

    /// The word that says that `sequence` has been reached.
    ///
    /// - Parameter value: what the writer and the waiter both know if nothing went wrong, such as a count; the seal depends on it.
    @inlinable @inline(__always)
    public static func word(_ sequence: UInt64, epoch: UInt64, value: UInt64 = 0) -> UInt64 {
        Sealed.seal(number(sequence, epoch)) ^ (value &* 0xD6E8_FEB8_6659_FD93) >> 48
    }

    /// The least word that says so, whatever its seal.
    @inlinable @inline(__always)
    public static func floor(_ sequence: UInt64, epoch: UInt64) -> UInt64 { number(sequence, epoch) << 16 }

    @inlinable @inline(__always)
    static func number(_ sequence: UInt64, _ epoch: UInt64) -> UInt64 {
        (epoch & 0xFF) << 40 | sequence & (sequenceLimit &- 1)
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
        let number = word >> 16
        let found = number & (sequenceLimit &- 1)
        guard number >> 40 == epoch & 0xFF, found > sequence, self.word(found, epoch: epoch) == word else {
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
}
