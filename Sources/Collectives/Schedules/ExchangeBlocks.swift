/// What goes from each to each, as far as a member must know it.
package protocol ExchangeBlocks: Sendable {
    /// Where a member's block for another starts in its source; `from` is the member that asks.
    func start(from: Int, to: Int) -> Int
    /// Bytes of a block: of those that ask send, or hand on, or get from their own group.
    func byteCount(from: Int, to: Int) -> Int
    /// Where a block goes in the destination of a member of the group that asks.
    func place(of from: Int, at to: Int) -> Int
}

/// Blocks of one length.
struct EqualBlocks: ExchangeBlocks {
    var byteCount: Int
    func start(from: Int, to: Int) -> Int { to * byteCount }
    func byteCount(from: Int, to: Int) -> Int { byteCount }
    func place(of from: Int, at to: Int) -> Int { from * byteCount }
}

/// Blocks of differing lengths: a member's own, and those from others that it hands on in its group.
package struct ExchangeTable: ExchangeBlocks {
    private let me: Int
    private let groups: Grouping
    /// Where the member's own blocks start, and one past the last end.
    private let sendOffsets: [Int]
    /// By sender and index in the group; a row for the member itself before those of the senders it relays for.
    private var byteCounts: [Int]
    private var places: [Int]

    /// A table in which nothing is set but what the member sends.
    package init(_ me: Int, _ groups: Grouping, sendOffsets: [Int]) {
        self.me = me
        self.groups = groups
        self.sendOffsets = sendOffsets
        let rows = 1 + TrampolineExchange<Self>.areas(groups)
        byteCounts = Array(repeating: 0, count: rows * groups.width)
        places = Array(repeating: 0, count: rows * groups.width)
    }

    private func index(_ from: Int, _ to: Int) -> Int {
        let row = from == me ? 0 : 1 + TrampolineExchange<Self>.area(groups, from, groups.group(of: me))
        return row * groups.width + groups.index(of: to)
    }

    /// What a member of the group gets from this one, or from one that this one relays for.
    package mutating func set(from: Int, to: Int, byteCount: Int, place: Int) {
        byteCounts[index(from, to)] = byteCount
        places[index(from, to)] = place
    }

    package func start(from: Int, to: Int) -> Int { sendOffsets[to] }
    package func byteCount(from: Int, to: Int) -> Int {
        from == me ? sendOffsets[to + 1] - sendOffsets[to] : byteCounts[index(from, to)]
    }
    package func place(of from: Int, at to: Int) -> Int { places[index(from, to)] }
}
