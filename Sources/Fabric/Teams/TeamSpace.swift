internal import Mutants
internal import SharedMemory

/// What of a die's window its teams and allocations have taken: slots of sync words, boards of the teams it leads, the symmetric heap.
///
/// Belongs to the die's endpoint. All of it is a pure function of the calls; members compare what they would take before they take it.
struct TeamSpace {
    /// The symmetric heap.
    var heap: SymmetricHeap
    private var boards: BoardSpace
    /// Slots that no team of this die uses, a bit each.
    private(set) var freeSlots: UInt64 = ~1  // Slot 0 is the world's.
    /// Teams this die led and has destroyed, whose slots and boards are not free yet.
    private var leftTeams: [LeftTeam] = []

    /// A team that its leader has destroyed and others may not have yet.
    private struct LeftTeam {
        let slot: Int
        let size: Int
        let board: Int
        /// Where members say that they are done with it.
        var leavers: Int { WindowLayout.slot(slot) + WindowLayout.leaversOffset }
    }

    init(_ plan: SegmentPlan) {
        let reserved = WindowLayout.heapOffset(dies: plan.rankCount)
        heap = SymmetricHeap(offset: reserved, byteCount: plan.windowByteCount - reserved)
        boards = BoardSpace(dies: plan.rankCount)
    }

    /// A new team uses a slot.
    mutating func take(slot: Int) { freeSlots &= ~(1 << UInt64(slot)) }

    /// A member has left a team: its words of the slot may serve another one.
    mutating func giveBack(slot: Int) { freeSlots |= 1 << UInt64(slot) }

    /// Records for the members of a team that this die will lead: their offset in the window, or nil when there is no room.
    mutating func takeBoard(members: Int) -> Int? { boards.take(members) }

    /// The leader of a team has left it. Others may still look at slot and board: they are free when all members have said they are done.
    mutating func leave(slot: Int, size: Int, board: Int) {
        leftTeams.append(LeftTeam(slot: slot, size: size, board: board))
    }

    /// The word that says how many members have left the team that was left first, and how many it had; nil if slots are free.
    var nextLeaving: (offset: Int, size: Int)? {
        freeSlots == 0 ? leftTeams.first.map { ($0.leavers, $0.size) } : nil
    }

    /// Takes back the slots and boards of teams that all members have left, by the count of leavers at each offset.
    mutating func reclaim(_ leavers: (Int) -> UInt64) {
        // More than there are members were never counted: such a slot is not used again.
        for team in leftTeams where leavers(team.leavers) == UInt64(team.size) || Mutated.leaverCount {
            giveBack(slot: team.slot)
            boards.giveBack(team.board)
        }
        leftTeams.removeAll { freeSlots & 1 << UInt64($0.slot) != 0 }
    }
}

/// Which records of this die's boards area are in use. The first `dies` of them are the world's.
struct BoardSpace {
    /// In use, by first record: how many.
    private var used: [Int: Int]
    private let recordCount: Int

    init(dies: Int) {
        used = [0: dies]
        recordCount = WindowLayout.recordCount(dies: dies)
    }

    /// First fit; the offset in the window, or nil when there is no room.
    mutating func take(_ count: Int) -> Int? {
        var start = 0
        for (first, length) in used.sorted(by: { $0.key < $1.key }) {
            if first - start >= count { break }
            start = first + length
        }
        guard start + count <= recordCount else { return nil }
        used[start] = count
        return WindowLayout.boardsOffset + start * WindowLayout.recordByteCount
    }

    /// Gives a board back.
    mutating func giveBack(_ offset: Int) {
        used[(offset - WindowLayout.boardsOffset) / WindowLayout.recordByteCount] = nil
    }
}
