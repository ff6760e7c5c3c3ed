internal import Faults
internal import Glibc
internal import Hashing
internal import Histories
internal import SharedMemory

// What reports are made of: which rank waits for which, what a die notes of its operations, and what its process was asked to count.

extension Endpoint {
    /// The rank that a rank waits for at this moment, if it waits for one; to find who is to blame. Another host is asked.
    public func rankAwaited(by rank: Rank) -> Rank? {
        guard (0..<rankCount).contains(rank.index) else { return nil }
        let awaited: Rank?
        if segment.plan.ranks.contains(rank.index) {
            awaited = segment.control(of: rank.index).waiting?.peer.map { Rank($0) }
        } else {
            awaited = try? far?.rankAwaited(by: rank)  // a host that does not answer names no rank
        }
        // The record is another die's: a rank that there is not is no answer.
        return awaited.flatMap { (0..<rankCount).contains($0.index) ? $0 : nil }
    }

    /// A variable of this process's environment; nil if it is not set.
    public static func variable(_ name: String) -> String? {
        guard let value = unsafe getenv(name) else { return nil }
        return unsafe String(cString: value)
    }

    /// Whether the environment asks, by `SOFTPOD_COMPARE_CALLS=1`, that collectives compare their calls before they act.
    public static let comparesCalls = variable("SOFTPOD_COMPARE_CALLS") == "1"

    /// Whether the environment asks, by `SOFTPOD_COUNT_TIERS=1`, that payload is counted by tier.
    public static let countsTiers = variable("SOFTPOD_COUNT_TIERS") == "1"

    /// Cores this process may use.
    public static var usableCores: Int { WaitPolicy.usableCores }

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
                firstMember: team.start.index, memberCount: team.size, memberStride: team.stride, site: site))
        history?.record(
            HistoryEntry(
                .collective, text: "\(operation)",
                [.number: [Int(truncatingIfNeeded: flightNumber)], .members: (0..<team.size).map { team[$0].index }]))
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
            var digest = FNV1a()
            for index in bytes.indices { digest.add(byte: bytes[index]) }
            entry[.digest] = [digest.signed]
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
