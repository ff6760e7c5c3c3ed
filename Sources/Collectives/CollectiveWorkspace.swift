public import Fabric
internal import Kernels

/// What a die's collectives share: a line of words from every rank, and slots for pushed reductions.
///
/// Made once, on the world team, before the first collective; all teams use the same one.
///
/// ## Layout
/// A region of the symmetric heap:
/// ```
/// 0               two lines, 128 bytes, for each rank p of the cluster, written by p alone:
///   0    flag          u64   events from p so far, sealed; rises for ever. All ones: p has given up, see `failure`
///   8    digest        u64   what p calls, marked with the number of the event that says so, so that members that call something else
///                            find out, and what was said for an earlier operation is not taken for this one's; and with the
///                            offsets or the number that come with it
///   16   out offset    i64   where p's bytes for this die lie in p's window
///   24   out bytes     i64
///   32   in offset     i64   where p wants this die's bytes in p's window
///   40   in bytes      i64
///   48   barrier       2 x u64   the mark of p's last barrier event of an even and of an odd number
///   64   answer        2 x u64   mark and answer of a small reduction; its numbers, and a small broadcast, go with the digest
///   80   failure       u64   code, milliseconds, and 1 + the rank to blame
///   104  check         2 x u64   mark and check word of what p sends to this die alone, where integrity is asked for
/// 128 x ranks     one row of 32 bytes for each rank, written by this die: offset and length of what it sends to a member and of
///                 what it takes from it, for an all-to-all of differing lengths that all may carry out
/// 160 x ranks     256 bytes in which this die says what it calls, where calls are compared
/// ...             where integrity is asked for, 24 bytes for each rank p, written by p:
///   0     source check  u64   of p's bytes that this die gets, or folds
///   8     source        u64   where those bytes lie in p's window
///   16    result check  u64   of what p has folded
/// ...             slots: what others push for a reduction until this die folds it in; a team of n cuts them into n
/// ```
///
/// ## Protocol
/// From each rank to each other flows a stream of events, numbered by the flag. Both ends know which events an operation has,
/// so the consumer counts along and waits for its own next number: nothing is ever reset, and the same words serve
/// every team. An operation opens with an *announcement* between partners (my source is final, my destination may be
/// written, this is what I call) and closes with *done* (what I pushed is there, I no longer read yours). A partner
/// cannot announce its next operation before it has this die's done, so a line is never overwritten before it is read.
///
/// ## Failure
/// The first error ends the workspace: it is thrown, every rank is told whom this one blames, and what waits on
/// this die then ends at once with the same blame. Later calls throw the same error. The teams that used it have ended with it,
/// the world as well, if it did: the cluster does not go on.
public final class CollectiveWorkspace {
    /// This die's door to the fabric.
    public let endpoint: Endpoint
    /// The region it takes.
    public let region: Region
    /// Why the workspace can no longer be used, if so.
    public internal(set) var failure: FabricError?

    /// Which algorithm carries out a call that does not name one, as far as it has rules; the same at every rank.
    public let tuning: TuningTable?
    /// What the choice of algorithms is made from where no rule decides: rank 0's, at every rank.
    public let rates: MachineRates
    /// What was chosen so far, by the size of the team.
    private var choices: [Int: Choices] = [:]
    private var recent: Choices?

    /// The longest each wait of a collective lasts, if not the endpoint's own timeout.
    public var timeout: Duration?

    /// Whether every operation first compares the call with the other members': a mode for finding mistakes, the same at every
    /// rank. By default what the environment's `SOFTPOD_COMPARE_CALLS=1` asks for.
    public var comparesCalls = Endpoint.comparesCalls

    /// The die's second lane, if it has one: pushes and pulls of one step then move at once instead of in turns.
    public var lane: Lane?

    /// Where this die says what it calls, in every window.
    let comparison: Region
    /// Where members say the check words of their bytes, in every window; empty where integrity is not asked for.
    let checks: Region
    /// Whether every operation proves its bytes; see `Collective+Integrity.swift`.
    let isProtected: Bool
    let slots: Region
    let tile: ReductionTile
    /// Events sent to, and expected from, each rank of the cluster.
    var sent: [UInt64]
    var seen: [UInt64]
    /// Operations started and not ended, by the slot of their team, in order; empty where no team has any.
    var streams: [Int: [CollectiveRequest]] = [:]
    /// Those of them, of whichever team, that use the streams of events and the slots, of which there is one each: one after the other.
    var ordered: [CollectiveRequest] = []
    /// Teams that have used it, to be told when it ends.
    var teams: [Team] = []
    /// What passes between this die and each member, filled anew by each operation.
    var blocks: [PartnerBlock]
    /// Where the elements of each member lie that are being folded.
    var places: [(rank: Rank, offset: Int)]
    /// The name that the code left here which carried out the last call: written by that code itself, so that a check sees what really ran.
    public internal(set) var executedAlgorithm: StaticString = ""

    /// Takes a workspace from the symmetric heap. Collective over the world team, same arguments on all ranks; two barriers more than
    /// the allocation.
    ///
    /// - Parameter byteCount: bytes for pushed reductions; larger operations are cut into rounds. At least 512 a rank are
    ///   taken, and 160 a rank for the words.
    /// - Parameter tuning: which algorithms to use, before any that are chosen; the same table at every rank, or none at all.
    /// - Parameter rates: rank 0's are those of all, and the others' are not looked at.
    /// - Throws: as ``Team/allocate(byteCount:alignment:)``; `.mismatch` at a rank whose table is not rank 0's.
    public init(
        _ world: Team, byteCount: Int, tuning: TuningTable? = nil, rates: @autoclosure () -> MachineRates = .current
    ) throws(FabricError) {
        precondition(byteCount >= 0, "a workspace has no negative size")
        self.endpoint = world.endpoint
        self.tuning = tuning
        isProtected = endpoint.isProtected
        let ranks = endpoint.rankCount
        let wordBytes = ranks * (Self.lineByteCount + Self.rowByteCount) + Collective.recordByteCount
        let checkBytes = isProtected ? Self.checkByteCount(ranks: ranks) : 0
        let lineBytes = (wordBytes + checkBytes + 511) / 512 * 512
        let slotBytes = max(byteCount, ranks * TransferDirection.granularity)
        region = try world.allocate(
            byteCount: slotBytes > Int.max - lineBytes ? Int.max : lineBytes + slotBytes, alignment: 512)
        slots = Region(offset: region.offset + lineBytes, byteCount: slotBytes)
        comparison = Region(
            offset: region.offset + ranks * (Self.lineByteCount + Self.rowByteCount),
            byteCount: Collective.recordByteCount)
        checks = Region(offset: region.offset + wordBytes, byteCount: checkBytes)
        tile = ReductionTile()
        sent = Array(repeating: 0, count: ranks)
        seen = Array(repeating: 0, count: ranks)
        blocks = Array(repeating: PartnerBlock(), count: ranks)
        places = Array(repeating: (0, 0), count: ranks)
        let endpoint = world.endpoint
        var words = endpoint.mutableValues(
            UInt64.self, at: region.offset, count: lineBytes / MemoryLayout<UInt64>.size)
        for index in words.indices { words[index] = 0 }
        // A die sends itself nothing, so its own line is free: rank 0's says which table it has, and its rates. Released by
        // the barrier, and read by each other rank before that sends anything.
        let digest = tuning?.digest ?? 0
        if world.rank == 0 {
            let said = [digest] + rates().words
            for (index, word) in said.enumerated() {
                words[Self.metadataOffset / MemoryLayout<UInt64>.size + index] = word
            }
        }
        // No rank signals before all lines are clear.
        try world.barrier()
        let said = try endpoint.get(
            UInt64.self, count: 1 + MachineRates.Kind.allCases.count, from: world[0],
            at: region.offset + Self.metadataOffset)
        func error(_ code: FabricError.Code, _ context: String) -> FabricError {
            FabricError(
                code, scope: .cluster, operation: .collective, rank: endpoint.rank, peers: [world[0]], context: context)
        }
        guard let rates = MachineRates(words: said.dropFirst()) else {
            throw error(.corrupt, "rank \(world[0]) says no rates")
        }
        self.rates = rates
        guard said[0] == digest else {
            throw error(.mismatch, "ranks \(world[0]) and \(endpoint.rank) have different tuning tables")
        }
    }

    /// What is chosen for near teams of one size. They lie on one host, whose segment says how many cores there are.
    func choices(members: Int) -> Choices {
        if let recent, recent.model.members == members { return recent }
        let found = choices[members] ?? Choices(CostModel(rates, members: members, sharesCores: !endpoint.spins))
        choices[members] = found
        recent = found
        return found
    }

    /// Bytes of each window that a workspace takes, alignment included.
    public static func reservedByteCount(ranks: Int, byteCount: Int) -> Int {
        ranks * (lineByteCount + rowByteCount) + max(byteCount, ranks * TransferDirection.granularity) + 2048
    }

    /// Bytes of it more where integrity is asked for.
    public static func checkByteCount(ranks: Int) -> Int { 3 * CheckWord.byteCount * ranks }

    static let lineByteCount = 128
    static let rowByteCount = 32
    static let metadataOffset = 8
    static let barrierOffset = 48
    static let answerOffset = 64
    static let failureOffset = 80
    static let checkOffset = 104

    /// The line written by a rank, in every window.
    func line(_ rank: Rank) -> Int { region.offset + rank.index * Self.lineByteCount }

    /// The row of this die's table for a member, in every window.
    func row(_ member: Int) -> Int {
        region.offset + endpoint.rankCount * Self.lineByteCount + member * Self.rowByteCount
    }

    /// When a wait that begins now gives up, if not by the endpoint's own timeout.
    func deadline() -> WaitDeadline? { timeout.map(endpoint.deadline) }

    /// Bytes of one slot for a team of `size`: a multiple of 512.
    func slotByteCount(size: Int) -> Int {
        slots.byteCount / size / TransferDirection.granularity * TransferDirection.granularity
    }

    /// Where the slot of a member lies, in every window.
    func slot(_ member: Int, size: Int) -> Int { slots.offset + member * slotByteCount(size: size) }
}
