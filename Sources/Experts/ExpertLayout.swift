// Where everything of an expert-parallel exchange lies.
//
// The same region lies in the window of every member of the team. E experts, R members, L = E / R local experts, T tokens
// a member at most, H numbers a row, K choices a token; offsets from the start of the region, parity p = sequence mod 2:
//
//     dispatch status   [p][source]                   one writer a row: the source
//     combine status    [p][expert rank]              one writer a row: the expert rank
//     staging           [T]                           this member's own encoded rows, before they are sent
//     dispatch slots    [p][local expert][source][T]  one writer a slot: the source
//     combine slots     [p][token][K]                 one writer a slot: the rank of the expert chosen there
//
// A status row is a whole number of 64-byte lines:
//
//     0    flag     u64    the notification of the call's sequence, sealed with the number of rows, or with `refusal`: the
//                          writer refused its own call and sent nothing
//     8    counts   u32    L of them, rows for each local expert (dispatch only)
//
// A dispatch slot, rounded up to `slotAlignment`:
//
//     0    source   u32    number of the sender in the team
//     4    token    u32    row at the source
//     8    choice   u16    which of the token's K experts this is
//     10   stamp    u16    low bits of the sequence: a slot that was not written in this call shows
//     12   scale    f32    of an INT8 row, else 0
//     16   payload         H numbers in the dispatch format
//
// A combine slot is H numbers in the combine format, rounded up to `slotAlignment`; where it lies says what it is.
//
// Where integrity is asked for (`isProtected`), a `CheckWord` lies beside everything that is put, in lines that would not be there otherwise:
//
//     status row      counts, rounded up to 8 bytes, then check u64: of the counts
//     dispatch slot   16   check     u64    of payload and the header's first 16 bytes
//                     24   sequence  u64    the whole number of the call
//                     32   payload
//     combine slot    numbers, rounded up to 8 bytes, then check u64: of the numbers
//
// The flag needs none: its reader knows the whole word beforehand, so any bit of it that changes is found.
//
// Two parities are enough. A member writes slots and words of call n + 2 (the parity of n) only after it has the flags of
// call n + 1 of all members, and a member publishes that flag only after it has read all of call n. So a member that is
// ahead by one call writes into the other half, and none can be ahead by two.

internal import Fabric

/// The sizes and offsets of an expert-parallel exchange. A value, the same on all members.
///
/// ## Source
/// Slots fixed in advance for each (local expert, source), the metadata triple, the flag that carries a count, and the two
/// halves: CloudMatrix384, arXiv 2506.12708, section 4.2.1; private slots with the index counted at the sender: DeepEP's
/// low-latency kernels (github.com/deepseek-ai/DeepEP).
/// With `slotAlignment: 512` the slots have the published sizes.
public struct ExpertLayout: Sendable, Equatable {
    /// Routed experts in all, E.
    public let expertCount: Int
    /// Members of the team, R.
    public let rankCount: Int
    /// Experts on each member, L = E / R; expert e lives on member e / L.
    public let localExpertCount: Int
    /// Tokens a member may bring to one call, T.
    public let maximumTokens: Int
    /// Numbers in a row, H.
    public let hidden: Int
    /// Experts a token may choose, K.
    public let choices: Int
    /// How rows travel to the experts.
    public let dispatchFormat: WireFormat
    /// How rows travel back: float32 or bfloat16.
    public let combineFormat: WireFormat
    /// Slots are rounded up to this many bytes.
    public let slotAlignment: Int
    /// Bytes from one dispatch slot to the next.
    public let dispatchSlotByteCount: Int
    /// Bytes from one combine slot to the next.
    public let combineSlotByteCount: Int
    /// Whether check words lie beside rows and counts.
    public let isProtected: Bool
    /// Bytes the exchange needs in every window.
    public let byteCount: Int

    let statusStride: Int
    let stagingStride: Int
    let combineStatusOffset: Int
    let stagingOffset: Int
    let dispatchSlotsOffset: Int
    let combineSlotsOffset: Int
    /// Bytes of the dispatch slots of one parity, and of the combine slots of one parity.
    let dispatchHalf: Int
    let combineHalf: Int

    /// Bytes of a dispatch slot before its payload: the metadata, and the check word and its sequence where there are some.
    package static func headerByteCount(isProtected: Bool) -> Int { isProtected ? 32 : metadataByteCount }
    package static let metadataByteCount = 16
    package static let countsOffset = 8
    /// What the flag of a member that refused its own call is sealed with.
    package static let refusal = UInt64.max
    /// The most rows of a call, so that no count overflows.
    static let mostRows = (1 << 24) - 2
    static let lineByteCount = 64

    /// Checks the numbers and places everything.
    ///
    /// - Parameters:
    ///   - experts: E; must be a multiple of `ranks`.
    ///   - ranks: R, members of the team.
    ///   - maximumTokens: T, the most tokens one member brings to one call.
    ///   - hidden: H.
    ///   - choices: K, at most E.
    ///   - slotAlignment: a power of two, at least 64; 512 gives the published sizes.
    ///   - isProtected: whether check words lie beside rows and counts; the same at all members.
    /// - Throws: ``ExpertError/Code/badLayout`` with the numbers, also where a product passes 64 bits.
    public init(
        experts: Int, ranks: Int, maximumTokens: Int, hidden: Int, choices: Int, dispatch: WireFormat,
        combine: WireFormat, slotAlignment: Int = 64, isProtected: Bool = false
    ) throws(ExpertError) {
        try Self.check(
            experts: experts, ranks: ranks, maximumTokens: maximumTokens, hidden: hidden, choices: choices,
            combine: combine, slotAlignment: slotAlignment)
        expertCount = experts
        rankCount = ranks
        localExpertCount = experts / ranks
        self.maximumTokens = maximumTokens
        self.hidden = hidden
        self.choices = choices
        dispatchFormat = dispatch
        combineFormat = combine
        self.slotAlignment = slotAlignment
        self.isProtected = isProtected
        // Bounded by `check`: experts and hidden below 2^24, so none of these three overflows.
        let countsByteCount = Self.withCheck(4 * (experts / ranks), isProtected)
        statusStride = Self.roundUp(Self.countsOffset + countsByteCount, to: Self.lineByteCount)
        dispatchSlotByteCount = Self.roundUp(
            Self.headerByteCount(isProtected: isProtected) + dispatch.elementByteCount * hidden, to: slotAlignment)
        combineSlotByteCount = Self.roundUp(
            Self.withCheck(combine.elementByteCount * hidden, isProtected), to: slotAlignment)
        stagingStride = max(dispatchSlotByteCount, combineSlotByteCount)
        var place = CheckedPlace()
        place.take(2, ranks, statusStride)
        combineStatusOffset = place.offset
        place.take(2, ranks, Self.lineByteCount)
        place.round(to: slotAlignment)
        stagingOffset = place.offset
        place.take(maximumTokens, stagingStride, 1)
        dispatchSlotsOffset = place.offset
        place.take(experts, maximumTokens, dispatchSlotByteCount)
        dispatchHalf = place.offset - dispatchSlotsOffset
        place.take(experts, maximumTokens, dispatchSlotByteCount)
        combineSlotsOffset = place.offset
        place.take(maximumTokens, choices, combineSlotByteCount)
        combineHalf = place.offset - combineSlotsOffset
        place.take(maximumTokens, choices, combineSlotByteCount)
        byteCount = place.offset
        guard !place.overflowed else {
            throw ExpertError(
                .badLayout,
                "\(experts) experts of \(maximumTokens) tokens of \(hidden) numbers need more bytes than 64 bits count")
        }
    }

    private static func check(
        experts: Int, ranks: Int, maximumTokens: Int, hidden: Int, choices: Int, combine: WireFormat, slotAlignment: Int
    ) throws(ExpertError) {
        guard experts >= 1, ranks >= 1, experts < 1 << 24, experts % ranks == 0 else {
            throw ExpertError(
                .badLayout,
                "\(experts) experts cannot be shared evenly by \(ranks) ranks; the expert count must be a multiple of them"
            )
        }
        guard (1..<1 << 24).contains(maximumTokens), (1..<1 << 24).contains(hidden) else {
            throw ExpertError(
                .badLayout, "\(maximumTokens) tokens a rank of \(hidden) numbers: both must be from 1 to 16777215")
        }
        guard (1...min(experts, 65535)).contains(choices), maximumTokens * choices < mostRows else {
            throw ExpertError(
                .badLayout,
                "\(choices) choices a token of \(experts) experts, \(maximumTokens) tokens: choices must be from 1 to the "
                    + "experts, and choices times tokens below 16777214")
        }
        guard combine != .int8 else {
            throw ExpertError(.badLayout, "rows return as float32 or bfloat16, not as int8")
        }
        guard slotAlignment >= lineByteCount, slotAlignment <= 1 << 20, slotAlignment & (slotAlignment - 1) == 0 else {
            throw ExpertError(
                .badLayout, "slots cannot be aligned to \(slotAlignment) bytes: a power of two from 64 on")
        }
    }

    /// The most rows one member can receive in one call: each source sends a token at most min(K, L) times here.
    public var maximumReceivedRows: Int { rankCount * maximumTokens * min(choices, localExpertCount) }

    /// The member that holds an expert.
    @inlinable
    public func rank(ofExpert expert: Int) -> Int { expert / localExpertCount }

    /// Bytes that so many take with their check word behind them.
    static func withCheck(_ byteCount: Int, _ isProtected: Bool) -> Int {
        isProtected ? roundUp(byteCount, to: CheckWord.byteCount) + CheckWord.byteCount : byteCount
    }

    static func roundUp(_ value: Int, to alignment: Int) -> Int { (value + alignment - 1) & ~(alignment - 1) }
}

/// A running offset that remembers an overflow instead of trapping.
private struct CheckedPlace {
    var offset = 0
    var overflowed = false

    mutating func take(_ a: Int, _ b: Int, _ c: Int) {
        let (ab, first) = a.multipliedReportingOverflow(by: b)
        let (abc, second) = ab.multipliedReportingOverflow(by: c)
        let (sum, third) = offset.addingReportingOverflow(abc)
        overflowed = overflowed || first || second || third
        offset = overflowed ? 0 : sum
    }

    mutating func round(to alignment: Int) {
        let (sum, overflow) = offset.addingReportingOverflow(alignment - 1)
        overflowed = overflowed || overflow
        offset = overflowed ? 0 : sum & ~(alignment - 1)
    }
}
