internal import Baselines
internal import Collectives
internal import Fabric
internal import Kernels
internal import SharedMemory
internal import Tensors

/// One die's side of measuring what the machine could do: flags, barriers, and bytes moved by bare loops.
///
/// Few dies move bytes, as many as there are cores; all others are asleep meanwhile. Every number is the best of some
/// batches, as a limit is what the machine can do, not what it does beside others; and the same at every die. Of several
/// hosts the first is measured: bare loops do not reach farther, and what links add is no limit of memory.
struct LimitBench {
    /// What a mover does with its bytes.
    enum Kind: String, CaseIterable {
        /// `memcpy` from one window into the next, over a working set of which half is read and half is written.
        case copy
        /// Elements of one window after the other folded into accumulators.
        case fold
        /// The same few cached kilobytes written all over the working set.
        case fill
    }

    /// Bytes each window has at least, and those of the words and the cached block.
    static let windowByteCount = 64 << 10
    private static let blockByteCount = 8 << 10
    private static let batches = 9
    /// A library copies differently by length, and which way is faster depends on the machine: batches try all of these.
    private static let copyByteCounts = [Int.max, 1 << 20, 256 << 10]
    private static let batchNanoseconds: UInt64 = 1_000_000
    private static let probeRounds = 10
    private static let pingPongRounds = 100

    let world: Team
    let agreement: Collective
    let area: Region
    /// The cached block, and behind it lines for the ping-pong, for barriers of two, of a team and of all movers, and
    /// for a word.
    let scratch: Region
    let type: ElementType
    let reduction: Reduction
    let tile = ReductionTile()
    /// Dies of the first host, which are the first ranks.
    let local: Int

    /// Takes its scratch memory. Collective over the world.
    init(_ agreement: Collective, area: Region, type: ElementType, reduction: Reduction) throws {
        world = agreement.team
        self.agreement = agreement
        self.area = area
        self.type = type
        self.reduction = reduction
        let endpoint = world.endpoint
        // The team by itself, as this object is not whole yet.
        let team = world
        let near = team.rank == 0 ? (0..<team.size).count { endpoint.isNear(team[$0]) } : 0
        local = Int(try agreement.allReduce(Double(near), .sum))
        scratch = try world.allocate(byteCount: Self.blockByteCount + 5 * 128, alignment: 4096)
        var words = endpoint.mutableValues(UInt64.self, at: scratch.offset, count: scratch.byteCount / 8)
        for index in words.indices { words[index] = 0 }
        try world.barrier()
    }

    private var endpoint: Endpoint { world.endpoint }
    private func lines(_ index: Int) -> Region { scratch.slice(Self.blockByteCount + index * 128, 128) }

    /// As many dies as can run at once.
    var movers: Int { min(local, WaitPolicy.usableCores) }

    /// Nanoseconds one flag takes one way between ranks 0 and 1; nil where they cannot both run.
    func pingPong() throws -> Double? {
        guard local >= 2, WaitPolicy.usableCores >= 2 else { return nil }
        var best = 0.0
        try world.barrier()
        if world.rank < 2 {
            settle()
            var rounds = Self.probeRounds
            for batch in 0..<Self.batches {
                // Both start from zero: clear, then agree that both are clear.
                try endpoint.signal(.set, 0, at: endpoint.rank, lines(0).offset)
                try meet(2)
                let time = try RawPingPong.run(
                    endpoint: endpoint, peer: world[1 - world.rank], words: lines(0), rounds: rounds,
                    first: world.rank == 0)
                let each = Double(time) / Double(2 * rounds)
                best = batch == 0 ? each : min(best, each)
                // Two that came to share a core spin for a time slice a turn; rank 0 sees that, and both keep it short.
                if world.rank == 0 { try endpoint.signal(.set, each > 20_000 ? 1 : 0, at: 1, lines(4).offset) }
                try meet(2)
                let isSlow = world.rank == 0 ? each > 20_000 : try endpoint.fetch(at: 1, lines(4).offset) == 1
                rounds = isSlow ? Self.probeRounds : Self.pingPongRounds
            }
        }
        return try agreement.allReduce(world.rank == 0 ? best : 0, .sum)
    }

    /// Nanoseconds of one raw barrier of a team, all teams at once; the slowest team's. Of several hosts: of the first one's dies.
    func barrier(_ team: Team?) throws -> Double {
        func each(_ rounds: Int) throws -> Double {
            try world.barrier()
            let isWhole = local == world.size
            guard let home = isWhole ? team?.start : 0, let size = isWhole ? team?.size : local,
                let stride = isWhole ? team?.stride : 1,
                isWhole || world.rank < local
            else { return 0 }
            return Double(
                try RawBarrier.run(
                    endpoint: endpoint, home: home, words: lines(2), size: size, stride: stride, rounds: rounds,
                    spins: endpoint.spins)) / Double(rounds)
        }
        // Enough rounds to last a millisecond, as many at every die.
        let first = try agreement.allReduce(try each(3), .max)
        let rounds = max(3, min(2000, Int(Double(Self.batchNanoseconds) / max(first, 1))))
        var best = Double.infinity
        for _ in 0..<Self.batches { best = min(best, try each(rounds)) }
        return try agreement.allReduce(best, .max)
    }

    /// Bytes a nanosecond for each kind, by the first `movers` dies together over a working set of `footprint` bytes.
    func rates(_ kinds: [Kind], footprint: Int, movers: Int) throws -> [Double] {
        var rates = [Double](repeating: 0, count: kinds.count)
        let parts = slices(min(footprint, CollectivePlan.footprintLimit), movers)
        try world.barrier()
        if world.rank < movers {
            settle()
            for (index, kind) in kinds.enumerated() {
                pass(kind, parts, at: 0)
                var values: [Double] = []
                for batch in 0..<Self.batches {
                    try meet(movers)
                    let start = Monotonic.now()
                    var bytes = 0
                    var time: UInt64 = 0
                    while time < Self.batchNanoseconds {
                        bytes += pass(kind, parts, at: batch)
                        time = Monotonic.now() - start
                    }
                    values.append(Double(bytes) / Double(time))
                }
                rates[index] = values.max() ?? 0
            }
        }
        return try rates.map { try agreement.allReduce($0, .sum) }
    }

    /// Dies that share cores go to sleep only after a while; until then they would take turns with those that measure.
    private func settle() {
        guard !endpoint.spins else { return }
        let start = Monotonic.now()
        while Monotonic.now() - start < 15_000_000 {}
    }

    /// The first `size` dies have come this far. A pair of lines counts for one size only, and sizes are 1, 2 or all
    /// movers.
    private func meet(_ size: Int) throws {
        guard size > 1 else { return }
        _ = try RawBarrier.run(
            endpoint: endpoint, home: 0, words: lines(size == 2 ? 1 : 3), size: size, rounds: 1, spins: endpoint.spins)
    }

    /// A part of a window's area.
    private struct Slice {
        var window: Int
        var offset: Int
        var byteCount: Int
    }

    /// This mover's share of a working set that lies in as many windows as it fills with a few kilobytes each.
    private func slices(_ footprint: Int, _ movers: Int) -> [Slice] {
        guard world.rank < movers else { return [] }
        let windows = max(1, min(local, footprint / 4096))
        let share = max(128, footprint / windows / movers / 128 * 128)
        let fits = min(share, area.byteCount / movers / 128 * 128)
        return (0..<windows).map { Slice(window: $0, offset: area.offset + world.rank * fits, byteCount: fits) }
    }

    /// Once over the share, in the way of a batch; returns the bytes copied, folded or written.
    @discardableResult
    private func pass(_ kind: Kind, _ parts: [Slice], at batch: Int) -> Int {
        var bytes = 0
        let chunk = Self.copyByteCounts[batch % Self.copyByteCounts.count]
        let endpoint = endpoint
        for part in parts {
            switch kind {
            case .copy:
                let half = part.byteCount / 2
                for start in stride(from: 0, to: half, by: min(chunk, half)) {
                    RawMove.copy(
                        endpoint: endpoint, from: world[part.window], at: part.offset + start,
                        to: world[(part.window + 1) % local], at: part.offset + half + start,
                        byteCount: min(chunk, half - start))
                }
                bytes += half
            case .fill:
                for start in stride(from: 0, to: part.byteCount, by: Self.blockByteCount) {
                    RawMove.copy(
                        endpoint: endpoint, from: endpoint.rank, at: scratch.offset, to: world[part.window],
                        at: part.offset + start, byteCount: min(Self.blockByteCount, part.byteCount - start))
                }
                bytes += part.byteCount
            case .fold:
                bytes += fold(part)
            }
        }
        return bytes
    }

    private func fold(_ part: Slice) -> Int {
        let chunk = ReductionTile.capacity(type) * type.byteCount
        let endpoint = endpoint
        var first = 0
        for start in stride(from: 0, to: part.byteCount, by: chunk) {
            let length = min(chunk, part.byteCount - start)
            guard let bytes = endpoint.peerBytes(world[part.window], at: part.offset + start, byteCount: length) else {
                return 0
            }
            // The last piece is shorter than the tile, so it begins another.
            if length != first { tile.load(type, from: bytes) } else { tile.accumulate(type, reduction, from: bytes) }
            first = length
        }
        return part.byteCount
    }
}
