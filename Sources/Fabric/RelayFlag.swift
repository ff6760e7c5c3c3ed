public import SharedMemory

/// Relay (b): the lanes of a group report to a designated lane through counters near it, and only that lane raises the target's
/// flag: as many remote flags as groups, not as lanes.
///
/// The region, on each window (every word alone on its line, 512 B apart where other ranks poll):
///
/// ```
/// 0            flag     u64  at the target      the designated lane signals it: the round that is complete
/// 512 + 64 i   report   u64  at the designated  lane i signals it: the round it has finished; one writer each
/// ```
///
/// A lane's report releases what it put before; the designated lane acquires it and releases it with the flag, so the target
/// sees every lane's bytes. Rounds are compared by the sign of their difference.
public final class RelayFlag {
    /// The die's door to the fabric.
    public let endpoint: Endpoint
    /// Ranks of the lanes, ascending.
    public let lanes: Range<Int>
    /// The lane that raises the flag.
    public let designated: Int
    /// The rank that waits.
    public let target: Int
    private let base: Int
    private var round: UInt64
    private var seen: [UInt64]

    /// Bytes of the region for a number of lanes.
    public static func byteCount(lanes: Int) -> Int { 512 + 64 * lanes }

    /// Makes one rank's part, for lanes and target alike, and clears its words. A barrier must follow.
    public init(
        _ endpoint: Endpoint, lanes: Range<Int>, designated: Int, target: Int, region: Region, start: UInt64 = 0
    ) {
        precondition(lanes.contains(designated) && lanes.upperBound <= endpoint.rankCount, "the lanes are ranks")
        precondition(region.byteCount >= Self.byteCount(lanes: lanes.count), "a line for each lane")
        self.endpoint = endpoint
        self.lanes = lanes
        self.designated = designated
        self.target = target
        base = region.offset
        round = start
        seen = Array(repeating: start, count: lanes.count)
        endpoint.word(at: base).storeRelaxed(start)
        for index in lanes.indices { endpoint.word(at: report(index - lanes.lowerBound)).storeRelaxed(start) }
    }

    private func report(_ index: Int) -> Int { base + 512 + 64 * index }

    /// Says that this lane's puts of the round are done; the designated lane waits for the others and raises the flag.
    ///
    /// - Throws: at the designated lane, `.timedOut` naming the lane that has not reported.
    public func finish(deadline: Deadline? = nil) throws(FabricError) {
        precondition(lanes.contains(endpoint.rank), "only lanes report")
        round &+= 1
        // Drains: on a network the report could overtake puts to another rank.
        try endpoint.quiet()
        if endpoint.rank != designated {
            return try endpoint.signal(.set, round, at: designated, report(endpoint.rank - lanes.lowerBound))
        }
        for lane in lanes where lane != designated {
            let index = lane - lanes.lowerBound
            while Int64(bitPattern: seen[index] &- round) < 0 {
                seen[index] = try endpoint.wait(
                    at: report(index), until: .notEqual, seen[index], deadline: deadline, peer: lane)
            }
        }
        try endpoint.signal(.set, round, at: target, base)
    }

    /// Waits, at the target, until all lanes have finished the next round. Acquires what all of them put.
    public func wait(deadline: Deadline? = nil) throws(FabricError) {
        precondition(endpoint.rank == target, "only the target waits")
        let wanted = lanes.contains(target) ? round : round &+ 1
        var value = endpoint.word(at: base).loadAcquiring()
        while Int64(bitPattern: value &- wanted) < 0 {
            value = try endpoint.wait(at: base, until: .notEqual, value, deadline: deadline, peer: designated)
        }
        round = wanted
    }
}
