internal import Collectives
internal import Fabric
internal import Oracle
internal import Tensors

/// Inputs that repeat, so that each member can make its own, and judge its own result element by element, in time
/// linear in the bytes.
///
/// A member's input is its first ``period`` made-up elements over and over. The period is a prime, so that blocks that
/// are swapped or shifted show. Results repeat alike: a copy is one member's input from some element on, a reduction is
/// the oracle's over one period.
struct TrialData {
    /// Elements after which inputs repeat.
    static let period = 1021

    let trial: CollectiveTrial
    let me: Int
    let endpoint: Endpoint
    let source: Region
    let destination: Region
    /// What the oracle says comes of all members' first elements; for reductions.
    let folded: [UInt8]

    init(_ trial: CollectiveTrial, me: Int, endpoint: Endpoint, area: Region, folded: [UInt8]) {
        self.trial = trial
        self.me = me
        self.endpoint = endpoint
        self.folded = folded
        (source, destination) = trial.regions(of: me, in: area)
    }

    /// The oracle's reduction of one period of all members' input: the same for every length.
    static func fold(_ trial: CollectiveTrial) -> [UInt8] {
        let inputs = (0..<trial.size).map { trial.elements($0, count: period) }
        let results = OracleCollectives.reduce(
            inputs, root: 0, type: trial.type, reduction: trial.reduction)
        return results[0] ?? []
    }

    /// Writes this member's input.
    func fill() throws {
        let count = min(Self.period, source.byteCount / trial.type.byteCount)
        try repeated(trial.elements(me, count: count), over: source)
    }

    /// Makes sure that what is found afterwards was written meanwhile.
    func poison() throws {
        try repeated([UInt8](repeating: 0xA5, count: 4096), over: destination)
    }

    private func repeated(_ bytes: [UInt8], over region: Region) throws {
        guard !bytes.isEmpty else { return }
        for start in stride(from: 0, to: region.byteCount, by: bytes.count) {
            let length = min(bytes.count, region.byteCount - start)
            try endpoint.put(bytes.span.extracting(first: length), to: endpoint.rank, at: region.offset + start)
        }
    }

    /// Elements of this member's destination that are not what must be there.
    func wrong() -> Int {
        let width = trial.type.byteCount
        let block = trial.count
        /// `count` elements of a member's input from its element `first` on, at element `place` of the destination.
        func copied(_ member: Int, from first: Int = 0, count: Int, at place: Int = 0) -> Int {
            differences(trial.elements(member, count: min(Self.period, first + count)), first, count, at: place)
        }
        switch trial.operation {
        case .barrier: return 0
        case .broadcast: return copied(trial.root, count: block)
        case .scatter: return copied(trial.root, from: me * block, count: block)
        case .sendReceive: return copied((me + trial.size - trial.shift) % trial.size, count: block)
        case .allReduce: return differences(folded, 0, block, at: 0)
        case .reduce: return me == trial.root ? differences(folded, 0, block, at: 0) : 0
        case .reduceScatter: return differences(folded, me * block, block, at: 0)
        case .gather where me != trial.root: return 0
        case .allGather, .gather:
            return (0..<trial.size).reduce(0) { $0 + copied($1, count: block, at: $1 * block) }
        case .allToAll:
            return (0..<trial.size).reduce(0) { $0 + copied($1, from: me * block, count: block, at: $1 * block) }
        case .allGatherV, .allToAllV:
            var place = 0
            var total = 0
            for member in 0..<trial.size {
                let count = trial.byteCount(from: member, to: me) / width
                let before =
                    trial.operation == .allGatherV
                    ? 0 : (0..<me).reduce(0) { $0 + trial.byteCount(from: member, to: $1) } / width
                total += copied(member, from: before, count: count, at: place)
                place += count
            }
            return total
        }
    }

    /// How many of `count` elements at `place` are not those of a repeating pattern from `first` on.
    private func differences(_ pattern: [UInt8], _ first: Int, _ count: Int, at place: Int) -> Int {
        switch trial.type.byteCount {
        case 1: compare(UInt8.self, pattern, first, count, place)
        case 2: compare(UInt16.self, pattern, first, count, place)
        case 4: compare(UInt32.self, pattern, first, count, place)
        default: compare(UInt64.self, pattern, first, count, place)
        }
    }

    private func compare<Bits: FixedWidthInteger & BitwiseCopyable>(
        _ type: Bits.Type, _ pattern: [UInt8], _ first: Int, _ count: Int, _ place: Int
    ) -> Int {
        guard count > 0 else { return 0 }
        let width = Bits.bitWidth / 8
        let bits = (0..<pattern.count / width).map { index in
            (0..<width).reduce(Bits(0)) { $0 | Bits(truncatingIfNeeded: pattern[index * width + $1]) << (8 * $1) }
        }
        let endpoint = endpoint
        let found = endpoint.values(Bits.self, at: destination.offset + place * width, count: count)
        var wrong = 0
        var next = first % bits.count
        for index in 0..<count {
            if found[index] != bits[next] { wrong += 1 }
            next += 1
            if next == bits.count { next = 0 }
        }
        return wrong
    }
}
