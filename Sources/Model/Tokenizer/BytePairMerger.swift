/// Merges neighbouring tokens of a piece, the pair of lowest rank first, the leftmost on a tie.
///
/// - Complexity: n log n in the length of the piece, whatever the merges.
struct BytePairMerger: Sendable {
    private struct Merge: Sendable {
        var rank: Int32
        var result: Int32
    }

    /// A pair that could merge; stale when either side has changed since.
    private struct Candidate {
        var rank: Int32
        var position: Int32
        var left: Int32
        var right: Int32

        func precedes(_ other: Candidate) -> Bool { (rank, position) < (other.rank, other.position) }
    }

    private var merges: [UInt64: Merge] = [:]

    private static func key(_ left: Int32, _ right: Int32) -> UInt64 {
        UInt64(UInt32(bitPattern: left)) << 32 | UInt64(UInt32(bitPattern: right))
    }

    /// Adds the next merge, ranked after all before it; a pair that is there already keeps its rank.
    mutating func append(_ left: Int32, _ right: Int32, result: Int32, rank: Int) {
        let key = Self.key(left, right)
        if merges[key] == nil { merges[key] = Merge(rank: Int32(rank), result: result) }
    }

    /// The tokens after all merges.
    func merge(_ tokens: [Int32]) -> [Int32] {
        guard tokens.count > 1 else { return tokens }
        var token = tokens
        var next = (1...tokens.count).map { Int32($0) }
        var previous = (0..<tokens.count).map { Int32($0) - 1 }
        var heap: [Candidate] = []
        func push(_ position: Int32) {
            let after = next[Int(position)]
            guard after < tokens.count else { return }
            let (left, right) = (token[Int(position)], token[Int(after)])
            guard let merge = merges[Self.key(left, right)] else { return }
            Self.insert(Candidate(rank: merge.rank, position: position, left: left, right: right), into: &heap)
        }
        for position in 0..<tokens.count - 1 { push(Int32(position)) }
        while let candidate = Self.popFirst(&heap) {
            let position = Int(candidate.position)
            guard token[position] == candidate.left else { continue }
            let after = Int(next[position])
            guard after < tokens.count, token[after] == candidate.right else { continue }
            guard let merge = merges[Self.key(candidate.left, candidate.right)] else { continue }
            token[position] = merge.result
            token[after] = -1
            next[position] = next[after]
            if Int(next[after]) < tokens.count { previous[Int(next[after])] = candidate.position }
            if previous[position] >= 0 { push(previous[position]) }
            push(candidate.position)
        }
        return token.filter { $0 >= 0 }
    }

    private static func insert(_ candidate: Candidate, into heap: inout [Candidate]) {
        heap.append(candidate)
        var child = heap.count - 1
        while child > 0, heap[child].precedes(heap[(child - 1) / 2]) {
            heap.swapAt(child, (child - 1) / 2)
            child = (child - 1) / 2
        }
    }

    private static func popFirst(_ heap: inout [Candidate]) -> Candidate? {
        guard let first = heap.first, let last = heap.popLast() else { return nil }
        guard !heap.isEmpty else { return first }
        heap[0] = last
        var parent = 0
        while true {
            var child = 2 * parent + 1
            guard child < heap.count else { return first }
            if child + 1 < heap.count, heap[child + 1].precedes(heap[child]) { child += 1 }
            guard heap[child].precedes(heap[parent]) else { return first }
            heap.swapAt(child, parent)
            parent = child
        }
    }
}
