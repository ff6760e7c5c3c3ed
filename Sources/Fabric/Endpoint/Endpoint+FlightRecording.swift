internal import SharedMemory

// What a die notes of its operations, for the report of a run that fails.

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
                sourceByteCount: sourceByteCount, destinationByteCount: destinationByteCount,
                firstMember: team.start.index,
                memberCount: team.size, memberStride: team.stride, site: site))
        return flightNumber
    }

    /// Notes how an operation ended.
    public func endFlight(_ number: UInt64, inSuccess: Bool) {
        control.flight.end(number, inSuccess ? .ended : .failed)
    }

    /// Counts one call of an operation that is made of others: a collective, a dispatch, a combine.
    public func record(_ operation: FabricOperation) { count(operation, bytes: 0) }
}
