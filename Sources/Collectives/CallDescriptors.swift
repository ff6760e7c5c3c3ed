internal import Fabric

/// What the members of a team whose windows are all mapped tell each other when they meet for a call: what they call and where their bytes lie.
///
/// Words of a record: digest, offset of the source, of the destination, bytes of either, and a check over them. Each reader looks at the check:
/// what the last arriver compared may have been overwritten since. Where lengths differ from pair to pair, each member
/// also writes a table into its own window.
struct CallDescriptors {
    let team: Team
    let workspace: CollectiveWorkspace
    let call: CollectiveCall
    let digest: UInt64

    static let digestWord = 0
    static let sourceWord = 1
    static let destinationWord = 2
    static let sourceByteCountWord = 3
    static let destinationByteCountWord = 4
    static let checkWord = 5

    @inline(__always)
    init(_ team: Team, _ workspace: CollectiveWorkspace, _ call: CollectiveCall) {
        self.team = team
        self.workspace = workspace
        self.call = call
        digest = call.digest(team.size)
    }

    /// This member's record.
    func words() -> [7 of UInt64] {
        let place = (UInt64(call.source.offset), UInt64(call.destination.offset))
        let length = (UInt64(call.source.byteCount), UInt64(call.destination.byteCount))
        return [
            digest, place.0, place.1, length.0, length.1,
            Sealed.check(digest ^ length.0, place.0, place.1, length.1), 0,
        ]
    }

    /// Where a member's bytes lie in its window, and where those for it go: inside it, whatever the records hold by now.
    func place(_ member: Int) throws(FabricError) -> (source: Int, destination: Int) {
        let source = team.posted(by: member, Self.sourceWord)
        let destination = team.posted(by: member, Self.destinationWord)
        let lengths = self.lengths(member)
        let window = UInt64(workspace.endpoint.windowByteCount)
        guard
            team.posted(by: member, Self.checkWord)
                == Sealed.check(digest ^ lengths.source, source, destination, lengths.destination),
            lengths.source <= window, source <= window - lengths.source, lengths.destination <= window,
            destination <= window - lengths.destination
        else {
            throw workspace.error(
                .corrupt, team[member],
                "the record of rank \(team[member]) is not what it stored: it was overwritten")
        }
        return (Int(source), Int(destination))
    }

    private func lengths(_ member: Int) -> (source: UInt64, destination: UInt64) {
        (team.posted(by: member, Self.sourceByteCountWord), team.posted(by: member, Self.destinationByteCountWord))
    }

    /// Where a member's bytes for this one lie there, and where this member's bytes for it go.
    func places(_ member: Int) throws(FabricError) -> (source: Int, destination: Int) {
        let (me, size) = (team.rank, team.size)
        let (source, destination) = try place(member)
        guard call.operation == .allToAllV else {
            return (
                source + call.outgoing(to: me, size, me: member).start,
                destination + call.incoming(from: me, size, me: member).start
            )
        }
        let row = try row(of: member, for: me)
        try agree(producer: member, row.count, consumer: me, call.incoming(from: member, size, me: me).byteCount)
        try agree(producer: me, call.outgoing(to: member, size, me: me).byteCount, consumer: member, row.length)
        return (source + row.start, destination + row.place)
    }

    /// Whether what a producer sends is what the consumer takes.
    func agree(producer: Int, _ sent: Int, consumer: Int, _ taken: Int) throws(FabricError) {
        guard sent != taken else { return }
        let other = producer == team.rank ? consumer : producer
        throw workspace.error(
            .mismatch, team[other],
            "rank \(team[producer]) sends \(sent) bytes to rank \(team[consumer]), which takes \(taken)")
    }

    /// Whether all members made the same call. Where one arrives last, it looks for all.
    func compare() throws(FabricError) {
        let lengths = (UInt64(call.source.byteCount), UInt64(call.destination.byteCount))
        for member in 0..<team.size where member != team.rank {
            guard team.hasPosted(member), team.posted(by: member, Self.digestWord) == digest else {
                throw workspace.error(
                    .mismatch, team[member],
                    "rank \(team[member]) calls another collective, or the same with other arguments")
            }
            let source = team.posted(by: member, Self.sourceByteCountWord)
            let destination = team.posted(by: member, Self.destinationByteCountWord)
            let (isEqual, hasRoom) = fits(member, source, destination)
            guard hasRoom else {
                throw workspace.error(
                    .corrupt, team[member],
                    "rank \(team[member]) gives \(source) and takes \(destination) bytes, too few for its part")
            }
            guard isEqual else {
                throw workspace.error(
                    .mismatch, team[member],
                    "rank \(team[member]) gives \(source) and takes \(destination) bytes, here they are "
                        + "\(lengths.0) and \(lengths.1)")
            }
        }
    }

    /// Whether lengths that must be the same at all are, and those that are one member's alone suffice for what others move there.
    private func fits(_ member: Int, _ source: UInt64, _ destination: UInt64) -> (isEqual: Bool, hasRoom: Bool) {
        let mine = (source: UInt64(call.source.byteCount), destination: UInt64(call.destination.byteCount))
        let isRoot = member == call.root
        let size = UInt64(team.size)
        switch call.operation {
        case .broadcast: return (destination == mine.destination, !isRoot || source >= mine.destination)
        case .scatter: return (destination == mine.destination, !isRoot || source >= size * mine.destination)
        case .gather: return (source == mine.source, !isRoot || destination >= size * mine.source)
        case .reduce: return (source == mine.source, !isRoot || destination >= mine.source)
        case .allGatherV:
            let part = call.receiveOffsets[member + 1] - call.receiveOffsets[member]
            return (destination == mine.destination, source >= UInt64(clamping: part))
        case .allToAllV: return (true, true)
        default: return (source == mine.source && destination == mine.destination, true)
        }
    }

    /// A member's row of its table, inside what it posted.
    func row(
        of member: Int, for other: Int
    ) throws(FabricError) -> (start: Int, count: Int, place: Int, length: Int) {
        let peer = team[member]
        let (start, count) = try workspace.sent(by: peer, to: other)
        let (place, length) = try workspace.taken(by: peer, from: other)
        let lengths = lengths(member)
        let (source, destination) = (Int(clamping: lengths.source), Int(clamping: lengths.destination))
        guard start >= 0, count >= 0, place >= 0, length >= 0, start <= source, count <= source - start,
            place <= destination, length <= destination - place
        else { throw workspace.error(.corrupt, peer, "its table leaves its own bytes") }
        return (start, count, place, length)
    }
}

/// A meeting of all members of a team at which no work is done: with records, before a call, or without, as a barrier is one.
struct Rendezvous {
    /// Whether this member has come, and others have not.
    private(set) var hasArrived = false

    /// Arrives, once, and goes on until all have come or, unless it may wait, as far as they have.
    ///
    /// - Returns: whether all have come; what they did before is then seen.
    mutating func sync(_ team: Team, _ deadline: WaitDeadline?, waits: Bool) throws(FabricError) -> Bool {
        if !hasArrived {
            // Over several hosts there is no meeting that could be left.
            if waits || !team.isNear {
                try team.sync(deadline: deadline, operation: .collective)
                return true
            }
            if team.meetsByFlags {
                try team.beginFlags()
            } else if try team.arrive() {
                try team.close()
                return true
            }
            hasArrived = true
        }
        return try poll(team, deadline, waits)
    }

    /// The same with a record of each, which are compared: by flags each hears all, so each compares; on a board the last to come does.
    mutating func exchange(
        _ descriptors: CallDescriptors, _ deadline: WaitDeadline?, waits: Bool
    ) throws(FabricError) -> Bool {
        let team = descriptors.team
        if !hasArrived {
            if team.meetsByFlags {
                try team.beginExchange(descriptors.words())
            } else if try team.arrive(descriptors.words()) {
                try descriptors.compare()
                try team.close()
                return true
            }
            hasArrived = true
        }
        guard try poll(team, deadline, waits) else { return false }
        try team.meetsByFlags ? descriptors.compare() : descriptors.workspace.checkRecords(of: team)
        return true
    }

    private mutating func poll(_ team: Team, _ deadline: WaitDeadline?, _ waits: Bool) throws(FabricError) -> Bool {
        if waits {
            try team.meetsByFlags ? team.awaitExchange(deadline, .collective) : team.awaitEnd(deadline, .collective)
        } else {
            guard try team.meetsByFlags ? team.hasExchanged(.collective) : team.isOver() else { return false }
        }
        hasArrived = false
        return true
    }
}

// The table of an all-to-all of differing lengths, for members that carry bytes between others: one row for each member of the team, final
// with the event or meeting that follows it.

extension CollectiveWorkspace {
    /// Says in this die's own window what goes to and comes from each member.
    func publishTable(_ call: CollectiveCall, _ size: Int, me: Int) throws(FabricError) {
        for member in 0..<size {
            let out = call.outgoing(to: member, size, me: me)
            let into = call.incoming(from: member, size, me: me)
            let words: [4 of Int64] = [
                Int64(out.start), Int64(out.byteCount), Int64(into.start), Int64(into.byteCount),
            ]
            try endpoint.put(words.span, to: endpoint.rank, at: row(member))
        }
    }

    /// What a rank's table says it sends to a member: where that starts in its source, and its length. Not checked.
    func sent(by peer: Rank, to member: Int) throws(FabricError) -> (start: Int, byteCount: Int) {
        try pair(peer, row(member))
    }

    /// What a rank's table says it takes from a member: where that goes in its destination, and its length. Not checked.
    func taken(by peer: Rank, from member: Int) throws(FabricError) -> (start: Int, byteCount: Int) {
        try pair(peer, row(member) + 16)
    }

    private func pair(_ peer: Rank, _ offset: Int) throws(FabricError) -> (start: Int, byteCount: Int) {
        (try endpoint.load(Int.self, from: peer, at: offset), try endpoint.load(Int.self, from: peer, at: offset + 8))
    }
}
