public import SharedMemory

// What algorithms above the fabric need so that they need not import the modules below it: words that only rise, counts, and
// whom to blame.

/// When a wait gives up.
public typealias WaitDeadline = Deadline

extension Endpoint {
    /// Notes in this die's flight recorder that an operation of a team has begun, and returns its number. Codes are the caller's.
    public func beginFlight(
        operation: UInt8, algorithm: UInt8, type: UInt8 = 0, reduction: UInt8 = 0, root: Int = 0, sourceByteCount: Int,
        destinationByteCount: Int, team: Team, site: String = ""
    ) -> UInt64 {
        flightNumber &+= 1
        control.flight.begin(
            flightNumber,
            FlightRecord(
                operation: operation, algorithm: algorithm, type: type, reduction: reduction, root: root,
                sourceByteCount: sourceByteCount, destinationByteCount: destinationByteCount, firstMember: team.start,
                memberCount: team.size, memberStride: team.stride, site: site))
        return flightNumber
    }

    /// Notes how an operation ended.
    public func endFlight(_ number: UInt64, inSuccess: Bool) {
        control.flight.end(number, inSuccess ? .ended : .failed)
    }

    /// Counts one call of an operation that is made of others: a collective, a dispatch, a combine.
    public func record(_ operation: FabricOperation) { count(operation, bytes: 0) }

    /// Waits until a rising word of this die's own window is at least `target`, and returns what it then is.
    ///
    /// As ``wait(at:until:_:deadline:peer:operation:)``, which says how it wakes and what it acquires.
    @inlinable
    @discardableResult
    public func wait(
        at offset: Int, reaches target: UInt64, deadline: Deadline? = nil, peer: Int? = nil,
        operation: FabricOperation
    ) throws(FabricError) -> UInt64 {
        try wait(
            at: offset, until: .greaterOrEqual, target, deadline: deadline, peer: peer,
            operation: operation)
    }

    /// Whether a rising word of this die's own window is at least `value`, without waiting. Acquires.
    @inlinable
    public func hasReached(_ value: UInt64, at offset: Int) -> Bool { test(at: offset, .greaterOrEqual, value) }

    /// A moment some time from now.
    public func deadline(after timeout: Duration) -> Deadline { Deadline(after: timeout) }

    /// The rank that a rank waits for at this moment, if it waits for one; to find who is to blame. Another host is asked.
    public func rankAwaited(by rank: Int) -> Int? {
        guard (0..<rankCount).contains(rank) else { return nil }
        let awaited: Int?
        if segment.plan.ranks.contains(rank) {
            awaited = segment.control(of: rank).waiting?.peer
        } else {
            awaited = try? far?.rankAwaited(by: rank)  // who cannot be asked is not to blame for what is not known
        }
        // The record is another die's: a rank that there is not is no answer.
        return awaited.flatMap { (0..<rankCount).contains($0) ? $0 : nil }
    }
}
