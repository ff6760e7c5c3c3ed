internal import Collectives
internal import Fabric
internal import Simulation
internal import Tensors

/// One collective by one algorithm: made-up trials of several lengths, types and reductions, bit for bit against the oracle.
struct CollectiveCheck: Check {
    let entry: CollectiveCatalog.Entry

    var name: String { entry.name }
    var judge: String { entry.operation == .barrier ? "no member leaves early" : "bit for bit" }

    private static let counts = [0, 1, 7, 129, 1030]

    func heapByteCount(dies: Int, isProtected: Bool) -> Int {
        max(64, trials(dies, nil).map(\.areaByteCount).max() ?? 0)
    }

    /// The trials of a seed; without one, trials with the widest type, for their sizes.
    private func trials(_ size: Int, _ seed: UInt64?) -> [CollectiveTrial] {
        var random = CheckRandom(seed: seed ?? 0)
        // Blocks shrink as teams grow, so that a cluster of hundreds is judged in seconds.
        let scale = max(1, size / 16)
        return Self.counts.enumerated().map { index, count in
            let type = ElementType.allCases[(index + Int((seed ?? 0) % 7)) % ElementType.allCases.count]
            return CollectiveTrial(
                entry.operation, size: size, count: count / scale, type: seed == nil ? .float64 : type,
                reduction: Reduction.allCases[Int(random.next() % UInt64(Reduction.allCases.count))],
                seed: random.next(), isInPlace: index % 2 == 1)
        }
    }

    func run(on bench: CheckBench, seed: UInt64) throws -> Finding {
        if entry.operation == .barrier { return try barriers(bench) }
        var finding = Finding()
        let me = bench.world.rank
        for trial in trials(bench.world.size, seed) {
            try bench.withMemory(trial.areaByteCount) { area in
                let (source, destination) = trial.regions(of: me, in: area)
                try trial.fill(me, bench.world.endpoint, at: source)
                try bench.world.barrier()
                try trial.run(
                    on: bench.collective, source: source, destination: destination, algorithm: entry.algorithm)
                compareName(bench, &finding)
                let got = try bench.world.endpoint.get(
                    UInt8.self, count: destination.byteCount, from: bench.world[me], at: destination.offset)
                // A member that gets nothing has nothing to compare.
                guard let expected = CollectiveJudge.expected(trial)[me] else { return }
                finding.digest.add(got)
                finding.compare(got == expected, "rank \(me): \(trial)")
            }
        }
        return finding
    }

    /// No member leaves before all have come: each raises its word before it arrives and looks at all words after.
    private func barriers(_ bench: CheckBench) throws -> Finding {
        let world = bench.world
        return try bench.withMemory(64) { word in
            var finding = Finding()
            try world.endpoint.signal(.set, 0, at: world.endpoint.rank, word.offset)
            try world.barrier()
            for round in 1...10 {
                try world.endpoint.signal(.set, UInt64(round), at: world.endpoint.rank, word.offset)
                try bench.collective.barrier(algorithm: entry.algorithm)
                compareName(bench, &finding)
                for peer in 0..<world.size {
                    let seen = try world.endpoint.fetch(at: world[peer], word.offset)
                    finding.compare(seen >= UInt64(round), "rank \(world.rank): left \(round) before \(peer) came")
                }
            }
            return finding
        }
    }

    /// The code that ran has left its name. Where not all windows are mapped, a pull stands for the cooperative form.
    private func compareName(_ bench: CheckBench, _ finding: inout Finding) {
        let named = entry.algorithm == .cooperative && !bench.world.isNear ? CollectiveAlgorithm.pull : entry.algorithm
        let executed = "\(bench.collective.workspace.executedAlgorithm)"
        if executed != named.name {
            finding.compare(false, "rank \(bench.world.rank): the code of \(executed) ran, not \(named.name)")
        }
    }
}
