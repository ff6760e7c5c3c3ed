internal import Faults
internal import Histories
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
                sourceByteCount: sourceByteCount, destinationByteCount: destinationByteCount, firstMember: team.start,
                memberCount: team.size, memberStride: team.stride, site: site))
        history?.record(
            HistoryEntry(
                .collective, text: "\(operation)",
                [.number: [Int(truncatingIfNeeded: flightNumber)], .members: (0..<team.size).map(team.member)]))
        return flightNumber
    }

    /// Notes how an operation ended.
    ///
    /// - Parameter result: where its result lies, if it is the same at all members.
    public func endFlight(_ number: UInt64, inSuccess: Bool, result: Region? = nil) {
        control.flight.end(number, inSuccess ? .ended : .failed)
        guard let history else { return }
        var entry = HistoryEntry(
            inSuccess ? .collected : .failed, text: inSuccess ? "" : "collective",
            [.number: [Int(truncatingIfNeeded: number)]])
        if !inSuccess { entry[.phase] = [2] }
        if inSuccess, let result, result.byteCount > 0 {
            let endpoint = self
            let bytes = endpoint.values(UInt8.self, at: result.offset, count: result.byteCount)
            var digest = HistoryDigest()
            for index in bytes.indices { digest.add(byte: bytes[index]) }
            entry[.digest] = [digest.word]
        }
        history.record(entry)
    }

    /// Counts one call of an operation that is made of others: a collective, a dispatch, a combine.
    public func record(_ operation: FabricOperation) {
        count(operation, bytes: 0)
        switch operation {
        case .dispatch: pass(.dispatchEntry)
        case .combine: pass(.combineEntry)
        case .collective: pass(.collectiveEntry)
        default: break
        }
    }
}
