public import Fabric
internal import Histories
internal import Mutants

/// Carries tokens to the experts they chose and the experts' answers back, between the members of a team.
///
/// Made once for a team. Every member then calls ``dispatch(rows:experts:)`` with its own tokens (zero is fine), works on
/// what it received, and calls ``combine(rows:weights:handle:into:)``; the members make the same calls in the same order,
/// without any barrier in between. A dispatch may go without its combine if it does on all members.
///
/// ## When one member's call is wrong
/// Bad routing, too many tokens, or a weight that is not finite is found before anything is sent. The member then publishes a
/// refusal in its flag and throws; the others throw `.mismatch` naming it, in the same call. All of them have seen all flags
/// by then, so the exchange can be used again at once. After any other failure it is ``ExpertError/Code/broken`` for good.
///
/// ## Memory order
/// Slots and counts are put before the flag is signalled (release); the reader waits for the flag (acquire).
///
/// ## Source
/// CloudMatrix384, arXiv 2506.12708, section 4.2.1, and DeepEP's low-latency kernels; see ``ExpertLayout`` for the bytes and for why two halves
/// are enough. `OracleExperts` judges it.
///
/// - Complexity: a dispatch puts `rows * (16 + payload)` bytes and reads as many; a combine `rows * payload`.
public final class ExpertExchange {
    /// The members, in the order of their experts.
    public let team: Team
    /// Sizes and places.
    public let layout: ExpertLayout
    /// What has been done so far.
    public internal(set) var statistics: ExchangeStatistics
    /// Where the exchange lies in every window.
    package let region: Region

    let endpoint: Endpoint
    /// Number of the last dispatch; 0 before the first.
    var sequence: UInt64 = 0
    /// Whether the last dispatch still waits for its combine.
    var isOpen = false
    /// Tokens and received rows of the last dispatch.
    var openTokens = 0
    var openRows = 0
    /// Whether a call failed half-way.
    var broken = false

    /// Its number in this die's history; the same at all members. 0 where there is none.
    let historyNumber: Int

    var plan: RoutingPlan
    var buffers = ReceiveBuffers()
    var lease = Lease()
    /// Which members refused their part of the call under way.
    var hasRefused: [Bool]
    /// Where each (local expert, source) segment of received rows starts.
    var segments: [Int]
    /// Checksums of this member's encoded rows, where rows have check words.
    var payloadSums: [UInt32]
    /// One bit for each (source, token, choice) that has arrived in this call.
    var arrived: [UInt64]

    /// Makes the exchange of one team. Collective over `world`: all dies make or ``reserve(world:layout:)`` the same layout.
    ///
    /// Several teams side by side use the same places in different windows.
    /// - Parameters:
    ///   - world: the team of all dies, whose heap the memory comes from.
    ///   - team: the members that exchange; `layout.rankCount` of them.
    /// - Throws: `.fabric` if the heap is full, dies disagree, or one does not come.
    public init(world: Team, team: Team, layout: ExpertLayout) throws(ExpertError) {
        precondition(layout.rankCount == team.size, "a layout is made for the size of its team")
        precondition(
            layout.isProtected || !team.endpoint.isProtected, "where integrity is asked for, a layout has check words")
        self.team = team
        self.layout = layout
        endpoint = team.endpoint
        historyNumber = team.endpoint.history?.nextNumber() ?? 0
        region = try Self.reserve(world: world, layout: layout)
        statistics = ExchangeStatistics(layout: layout)
        plan = RoutingPlan(layout: layout)
        hasRefused = Array(repeating: false, count: layout.rankCount)
        segments = Array(repeating: 0, count: layout.localExpertCount * layout.rankCount + 1)
        arrived = Array(repeating: 0, count: (layout.rankCount * layout.maximumTokens * layout.choices + 63) / 64)
        payloadSums = Array(repeating: 0, count: layout.isProtected ? layout.maximumTokens : 0)
        // The memory may have served others. Flags must be zero before a member signals the first.
        for half in 0..<2 {
            for peer in 0..<layout.rankCount {
                for place in [
                    layout.dispatchStatus(half: half, source: peer), layout.combineStatus(half: half, peer: peer),
                ] {
                    try clear(region.offset + place)
                }
            }
        }
        do { try team.sync() } catch { throw ExpertError(error) }
    }

    private func clear(_ word: Int) throws(ExpertError) {
        do { try endpoint.signal(.set, 0, at: endpoint.rank, word) } catch { throw ExpertError(error) }
    }

    /// Takes the memory of an exchange on a die that is in none of the teams, so that all heaps stay alike.
    @discardableResult
    public static func reserve(world: Team, layout: ExpertLayout) throws(ExpertError) -> Region {
        do {
            return try world.allocate(byteCount: layout.byteCount, alignment: layout.slotAlignment)
        } catch {
            throw ExpertError(error)
        }
    }

    /// Gives the memory back. Collective over `world`; the exchange must not be used any more.
    public func free(world: Team) throws(ExpertError) {
        broken = true
        do { try world.free(region) } catch { throw ExpertError(error) }
    }

    /// Which half of the slots the current call uses.
    var half: Int { Mutated.callParity ? 0 : Int(sequence & 1) }

    func requireWhole() throws(ExpertError) {
        guard !broken else {
            throw ExpertError(
                .broken, rank: endpoint.rank,
                "rank \(endpoint.rank): this exchange failed in call \(sequence) or was freed; make a new one")
        }
    }
}
