internal import Fabric

/// Puts, gets, strided copies, signals and atomics around the ring, against what arithmetic says must be there.
struct OneSidedCheck: Check {
    let name = "fabric.onesided"
    let judge = "bytes and sums, exact"

    func heapByteCount(dies: Int, isProtected: Bool) -> Int { (dies + 4) * 4096 }

    func run(on bench: CheckBench, seed: UInt64) throws -> Finding {
        let world = bench.world
        return try bench.withMemory((world.size + 3) * 4096) { area in
            var finding = Finding()
            var random = CheckRandom(seed: seed)
            for turn in 0..<16 {
                let count = Int.random(in: 0...4000, using: &random)
                let shift = Int.random(in: 0..<64, using: &random)
                try copies(
                    world, area, count: count, shift: shift, seed: CheckRandom.mixed(seed, UInt64(turn)), &finding)
            }
            try atomics(world, area, &finding)
            return finding
        }
    }

    /// A rank's byte of a turn; `key` is the rank's. No two ranks, turns or seeds have the same bytes but by chance.
    private func byte(_ key: UInt64, _ index: Int) -> UInt8 {
        UInt8(truncatingIfNeeded: key >> UInt64(8 * (index % 8)) &+ UInt64(index / 8 &* 37))
    }

    private func copies(
        _ world: Team, _ area: Region, count: Int, shift: Int, seed: UInt64, _ finding: inout Finding
    ) throws {
        let endpoint = world.endpoint
        let keys = (0..<world.size).map { CheckRandom.mixed(seed, UInt64($0)) }
        let mine = (0..<count).map { byte(keys[world.rank], $0) }
        for step in 0..<world.size {
            let peer = (world.rank + step) % world.size
            try endpoint.put(mine.span, to: world[peer], at: area.offset + world.rank * 4096 + shift)
        }
        try world.barrier()
        for source in 0..<world.size {
            let got = endpoint.values(UInt8.self, at: area.offset + source * 4096 + shift, count: count)
            var same = true
            for index in got.indices where got[index] != byte(keys[source], index) { same = false }
            finding.compare(same, "rank \(world.rank): \(count) bytes put by \(source) at shift \(shift)")
        }
        let next = (world.rank + 1) % world.size
        let back = try endpoint.get(
            UInt8.self, count: count, from: world[next], at: area.offset + world.rank * 4096 + shift)
        finding.digest.add(back)
        finding.compare(back == mine, "rank \(world.rank): \(count) bytes got back from \(next)")
        try world.barrier()
    }

    private func atomics(_ world: Team, _ area: Region, _ finding: inout Finding) throws {
        let endpoint = world.endpoint
        let words = area.slice(world.size * 4096, 4096)
        try endpoint.signal(.set, 0, at: endpoint.rank, words.offset)
        try endpoint.signal(.set, 0, at: endpoint.rank, words.offset + 64)
        try world.barrier()
        for _ in 0..<100 {
            try endpoint.fetchAdd(UInt64(world.rank + 1), at: 0, words.offset)
            try endpoint.atomic(.xor, 1 << UInt64(world.rank % 64), at: 0, words.offset + 64)
        }
        try world.barrier()
        let sum = try endpoint.fetch(at: 0, words.offset)
        let expected = UInt64(100 * world.size * (world.size + 1) / 2)
        finding.compare(sum == expected, "rank \(world.rank): fetch-add gave \(sum), not \(expected)")
        finding.compare(try endpoint.fetch(at: 0, words.offset + 64) == 0, "rank \(world.rank): xor is not zero")
        try world.barrier()
    }
}

/// Splits and barriers: members, order, and that no member leaves early.
struct TeamCheck: Check {
    let name = "fabric.teams"
    let judge = "members and order, exact"

    func heapByteCount(dies: Int, isProtected: Bool) -> Int { 4096 }

    func run(on bench: CheckBench, seed: UInt64) throws -> Finding {
        let world = bench.world
        var finding = Finding()
        var random = CheckRandom(seed: seed)
        for _ in 0..<8 {
            let stride = Int.random(in: 1...max(1, world.size / 2), using: &random)
            let start = Int.random(in: 0..<world.size, using: &random)
            let size = (world.size - 1 - start) / stride + 1
            let team = try world.split(start: start, stride: stride, size: size)
            let members = (0..<size).map { start + $0 * stride }
            let right =
                team.map { team in (0..<team.size).map { team[$0].index } == members } ?? !members.contains(world.rank)
            for value in [start, stride, team?.size ?? 0] { finding.digest.add(UInt64(value)) }
            finding.compare(right, "rank \(world.rank): team of \(start) by \(stride)")
            for _ in 0..<3 { try team?.barrier() }
            team?.destroy()
        }
        try bench.withMemory(64) { word in
            for round in 1...20 {
                try world.endpoint.signal(.set, UInt64(round), at: world.endpoint.rank, word.offset)
                try world.barrier()
                let next = (world.rank + 1) % world.size
                let seen = try world.endpoint.fetch(at: world[next], word.offset)
                finding.compare(seen >= UInt64(round), "rank \(world.rank): left barrier \(round) before \(next) came")
            }
        }
        return finding
    }
}
