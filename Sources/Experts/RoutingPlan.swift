internal import Mutants

/// What one call sends where: its routing checked, counted, and sorted by destination. Scratch that is kept between calls.
///
/// Slots are counted at the sender in token order, so where a row goes is a function of the routing alone, and within a
/// segment of one (expert, source) tokens strictly increase.
struct RoutingPlan {
    /// A rule that a token of the caller breaks.
    struct Fault: Equatable {
        var token: Int
        var expert: Int32
        var isDuplicate: Bool
    }

    /// The routing as it came: `[tokens, choices]`, -1 for none.
    private(set) var chosen: [Int32] = []
    /// Rows for each expert of the machine.
    private(set) var counts: [UInt32]
    /// `token * choices + choice` of every row, by destination rank, then in token order.
    private(set) var order: [Int32] = []
    /// Where each destination's rows start in ``order``; R + 1 of them.
    private(set) var starts: [Int]
    /// Rows already placed for each expert, while sending.
    private var placed: [UInt32]
    /// The last token that chose each expert, plus one.
    private var seen: [Int32]
    private var cursors: [Int]

    private let layout: ExpertLayout

    init(layout: ExpertLayout) {
        self.layout = layout
        counts = Array(repeating: 0, count: layout.expertCount)
        placed = counts
        seen = Array(repeating: 0, count: layout.expertCount)
        starts = Array(repeating: 0, count: layout.rankCount + 1)
        cursors = Array(repeating: 0, count: layout.rankCount)
    }

    /// Rows in all.
    var rowCount: Int { starts[layout.rankCount] }

    /// Rows for a member.
    func rowCount(to rank: Int) -> Int { starts[rank + 1] - starts[rank] }

    /// Takes a call's routing; says which token breaks a rule first, if one does.
    ///
    /// - Complexity: linear in the entries, the experts and the ranks.
    mutating func take(_ experts: Span<Int32>) -> Fault? {
        for expert in counts.indices {
            counts[expert] = 0
            placed[expert] = 0
            seen[expert] = 0
        }
        for rank in starts.indices { starts[rank] = 0 }
        chosen.removeAll(keepingCapacity: true)
        for entry in experts.indices {
            let expert = experts[entry]
            chosen.append(expert)
            if expert == -1 { continue }
            let token = entry / layout.choices
            guard expert >= 0, Int(expert) < layout.expertCount else {
                return Fault(token: token, expert: expert, isDuplicate: false)
            }
            guard seen[Int(expert)] != Int32(token + 1) || Mutated.expertTwice else {
                return Fault(token: token, expert: expert, isDuplicate: true)
            }
            seen[Int(expert)] = Int32(token + 1)
            counts[Int(expert)] += 1
            starts[layout.rank(ofExpert: Int(expert)) + 1] += 1
        }
        sortByDestination()
        return nil
    }

    private mutating func sortByDestination() {
        for rank in 0..<layout.rankCount {
            starts[rank + 1] += starts[rank]
            cursors[rank] = starts[rank]
        }
        let total = starts[layout.rankCount]
        if order.count < total { order = Array(repeating: 0, count: max(total, 2 * order.count)) }
        for entry in chosen.indices where chosen[entry] >= 0 {
            let rank = layout.rank(ofExpert: Int(chosen[entry]))
            order[cursors[rank]] = Int32(entry)
            cursors[rank] += 1
        }
    }

    /// The next slot index for an expert's rows from this rank.
    mutating func place(expert: Int) -> Int {
        defer { placed[expert] += 1 }
        return Int(placed[expert])
    }
}
