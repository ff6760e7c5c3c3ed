/// Who is in a team, in order: a start and a distance, as splits make them, or a list, where a rank between was lost.
struct TeamMembers {
    let start: Rank
    /// 0 for a list.
    let stride: Int
    let size: Int
    let list: [Rank]

    /// Members at one distance, which is not 0.
    init(start: Rank, stride: Int, size: Int) {
        self.start = start
        self.stride = stride
        self.size = size
        list = []
    }

    /// These members, of which there is one at least; at one distance if they lie so.
    init(_ ranks: [Rank]) {
        let distance = ranks.count > 1 ? ranks[0].distance(to: ranks[1]) : 1
        let isEven = ranks.indices.allSatisfy { ranks[$0] == ranks[0].advanced(by: $0 * distance) }
        start = ranks[0]
        size = ranks.count
        stride = isEven ? distance : 0
        list = isEven ? [] : ranks
    }

    /// The rank of a member.
    subscript(member: MemberIndex) -> Rank { stride == 0 ? list[member] : start.advanced(by: member * stride) }
}
