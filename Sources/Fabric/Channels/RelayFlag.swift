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
/// sees every lane's bytes. All words are notifications of a round.
public final class RelayFlag {
    /// The die's door to the fabric.
    public let endpoint: Endpoint
    /// Ranks of the lanes, ascending.
    public let lanes: Range<Rank>
    /// The lane that raises the flag.
    public let designated: Rank
    /// The rank that waits.
    public let target: Rank
    private let base: Int
    private var round: UInt64

    /// Bytes of the region for a number of lanes.
    public static func byteCount(lanes: Int) -> Int { 512 + 64 * lanes }

    /// Makes one rank's part, for lanes and target alike, and clears its words. A barrier must follow.
    public init(
        _ endpoint: Endpoint, lanes: Range<Rank>, designated: Rank, target: Rank, region: Region, start: UInt64 = 0
    ) {
        precondition(lanes.contains(designated) && lanes.upperBound.index <= endpoint.rankCount, "the lanes are ranks")
        precondition(region.byteCount >= Self.byteCount(lanes: lanes.count), "a line for each lane")
        self.endpoint = endpoint
        self.lanes = lanes
        self.designated = designated
        self.target = target
        base = region.offset
        round = start
        for word in [base] + lanes.map(report) {
            endpoint.word(at: word).storeRelaxed(endpoint.notification(start))
        }
    }

    private func report(_ lane: Rank) -> Int { base + 512 + 64 * lanes.lowerBound.distance(to: lane) }

    /// Says that this lane's puts of the round are done; the designated lane waits for the others and raises the flag.
    ///
    /// - Throws: at the designated lane, `.timedOut` naming the lane that has not reported.
    public func finish(deadline: Deadline? = nil) throws(FabricError) {
        precondition(lanes.contains(endpoint.rank), "only lanes report")
        round += 1
        // Drains: on a network the report could overtake puts to another rank.
        try endpoint.quiet()
        if endpoint.rank != designated {
            return try endpoint.notify(round, at: designated, report(endpoint.rank))
        }
        for lane in lanes where lane != designated {
            try awaitRound(round, at: report(lane), from: lane, deadline)
        }
        try endpoint.notify(round, at: target, base)
    }

    /// Waits, at the target, until all lanes have finished the next round. Acquires what all of them put.
    public func wait(deadline: Deadline? = nil) throws(FabricError) {
        precondition(endpoint.rank == target, "only the target waits")
        let wanted = lanes.contains(target) ? round : round + 1
        try awaitRound(wanted, at: base, from: designated, deadline)
        round = wanted
    }

    /// A lane may be rounds ahead; how many, only the notification limits.
    private func awaitRound(_ round: UInt64, at word: Int, from peer: Rank, _ deadline: Deadline?) throws(FabricError) {
        // Any number that is reached will do.
        _ = try endpoint.awaitProgress(
            round, atMost: Notification.sequenceLimit, at: word, from: peer, deadline: deadline, operation: .wait)
    }
}
