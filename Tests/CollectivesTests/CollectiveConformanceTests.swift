import Collectives
import Fabric
import Launching
import SharedMemory
import Tensors
import TestKit
import Testing

/// Every operation by every algorithm must give, bit for bit, what the oracle says: the same trial runs by all algorithms, so they also
/// agree with each other.
@Suite("Collective conformance")
struct CollectiveConformanceTests {
    static let shapes: [TeamShape] =
        [1, 2, 3, 5, 8].map(TeamShape.world) + [
            .strided(dies: 8, start: 1, stride: 2, size: 3), .strided(dies: 8, start: 7, stride: -3, size: 3),
            .strided(dies: 3, start: 2, stride: 1, size: 1), .rowsAndColumns(dies: 8, width: 3),
        ]
    /// Every algorithm of the catalog, with several numbers where it takes one.
    static func algorithms(_ numbers: [String]) -> [CollectiveAlgorithm] {
        CollectiveCatalog.algorithms.flatMap { algorithm in
            let variants = numbers.compactMap { CollectiveAlgorithm(text: "\(algorithm.name):\($0)") }
            return variants.isEmpty ? [algorithm] : variants
        }
    }
    // Without optimisation, and under ThreadSanitizer, the oracle takes most of the time.
    #if DEBUG
        static let counts = [0, 1, 129]
        static let longCount = 1501
        static let longWorkspace = 1024
        static let algorithms = algorithms(["0.4", "3", "16"])
        static let typeCounts = [33, 1051]
    #else
        static let counts = [0, 1, 7, 511, 512, 513, 4096]
        static let longCount = 70001
        static let longWorkspace = 16 << 10
        static let algorithms = algorithms(["0", "0.25", "0.4", "0.5", "1", "3", "16"])
        // The shorter goes in one shot for the narrow types, the longer in slices for most.
        static let typeCounts = [513, 4099]
    #endif
    static let routes = TransportCatalog.all.map(\.name)

    static func route(_ name: String) throws -> TransportCatalog.Entry {
        try #require(TransportCatalog.all.first { $0.name == name })
    }

    /// One trial of each operation and length, with the rest drawn from the seed.
    static func sample(_ size: Int, counts: [Int], seed: UInt64) -> [CollectiveTrial] {
        var random = SeededGenerator(seed: seed, UInt64(size))
        return counts.flatMap { count in
            CollectiveOperation.allCases.map { operation in
                CollectiveTrial(
                    operation, size: size, count: count,
                    type: ElementType.allCases.randomElement(using: &random) ?? .int8,
                    reduction: Reduction.allCases.randomElement(using: &random) ?? .sum, seed: random.next(),
                    isInPlace: Bool.random(using: &random))
            }
        }
    }

    @Test(
        "Every operation equals the oracle by every algorithm, shape of team and small length", arguments: routes,
        shapes)
    func small(route: String, shape: TeamShape) throws {
        let seed = UInt64.random(in: .min ... .max)
        let wrong = try judge(shape, route: Self.route(route), algorithms: Self.algorithms) { size in
            Self.sample(size, counts: Self.counts, seed: seed)
        }
        #expect(wrong.isEmpty, "seed \(seed): \(wrong.prefix(3))")
    }

    @Test("Teams that meet by flags, as those with a core a member do, equal the oracle", arguments: [2, 3, 4])
    func flags(dies: Int) throws {
        let seed = UInt64.random(in: .min ... .max)
        // Spins a little and then gives way, so that it ends where there are fewer cores.
        let policy = WaitPolicy(spinCount: 200, yieldNanoseconds: 1_000_000)
        for shape in [TeamShape.world(dies), .rowsAndColumns(dies: dies, width: 2)] {
            let wrong = try judge(shape, algorithms: Self.algorithms, policy: policy) { size in
                Self.sample(size, counts: Self.counts, seed: seed)
            }
            #expect(wrong.isEmpty, "seed \(seed): \(wrong.prefix(3))")
        }
    }

    @Test("Over links secured by keys, every operation equals the oracle by every algorithm")
    func secured() throws {
        let seed = UInt64.random(in: .min ... .max)
        let wrong = try judge(
            .world(4), route: TransportCatalog.standard, algorithms: Self.algorithms,
            split: HostSplit([2, 1, 1], carrier: .tcp, isSecured: true)
        ) { size in Self.sample(size, counts: Self.counts, seed: seed) }
        #expect(wrong.isEmpty, "seed \(seed): \(wrong.prefix(3))")
    }

    @Test("Dies with two lanes equal the oracle, whatever share is pushed", arguments: routes, [2, 5])
    func lanes(route: String, dies: Int) throws {
        let seed = UInt64.random(in: .min ... .max)
        let wrong = try judge(
            .world(dies), route: Self.route(route), workspace: Self.longWorkspace,
            algorithms: [0, 0.4, 1].map { .concurrent(fraction: $0) }, lanes: 2
        ) { size in Self.sample(size, counts: [3, Self.longCount], seed: seed) }
        #expect(wrong.isEmpty, "seed \(seed): \(wrong.prefix(3))")
    }

    @Test("Long odd lengths go in many rounds and pieces and equal the oracle", arguments: routes, [3, 8])
    func large(route: String, dies: Int) throws {
        let seed = UInt64.random(in: .min ... .max)
        let algorithms = Self.algorithms(["0.4", "3", "16"])
        let wrong = try judge(
            .world(dies), route: Self.route(route), workspace: Self.longWorkspace, algorithms: algorithms
        ) {
            size in
            Self.sample(size, counts: [Self.longCount], seed: seed)
        }
        #expect(wrong.isEmpty, "seed \(seed): \(wrong.prefix(3))")
    }

    @Test("Every type and reduction gives the same bits by every algorithm", arguments: ElementType.allCases)
    func types(type: ElementType) throws {
        let seed = UInt64.random(in: .min ... .max)
        let wrong = try judge(.world(5), algorithms: Self.algorithms) { size in
            Reduction.allCases.flatMap { reduction in
                [CollectiveOperation.allReduce, .reduceScatter, .reduce].flatMap { operation in
                    Self.typeCounts.map {
                        CollectiveTrial(
                            operation, size: size, count: $0, type: type, reduction: reduction, seed: seed,
                            isInPlace: $0 == Self.typeCounts[0])
                    }
                }
            }
        }
        #expect(wrong.isEmpty, "seed \(seed): \(wrong.prefix(3))")
    }

    @Test("Lengths with one hot member and many zeros arrive where they belong", arguments: [2, 5, 8])
    func skew(dies: Int) throws {
        let seed = UInt64.random(in: .min ... .max)
        let wrong = try judge(.world(dies), algorithms: Self.algorithms) { size in
            (0..<12).flatMap { turn in
                [CollectiveOperation.allToAllV, .allGatherV].map {
                    CollectiveTrial(
                        $0, size: size, count: Self.counts.last ?? 0, type: .bfloat16,
                        seed: SeededGenerator.mixed(seed, UInt64(turn)))
                }
            }
        }
        #expect(wrong.isEmpty, "seed \(seed): \(wrong.prefix(3))")
    }

    @Test("Numbers of eight bytes reduce and spread without regions", arguments: [1, 2, 5])
    func scalars(dies: Int) throws {
        let outcome = try ThreadCluster.run(dies: dies) { world in
            let collective = Collective(world, try CollectiveWorkspace(world, byteCount: 0))
            var results: [UInt64] = []
            for turn in 0..<50 {
                let mine = UInt64(turn * 10 + world.rank + 1)
                results.append(try collective.allReduce(mine, .max))
                results.append(try collective.allReduce(mine, .min))
                results.append(try collective.allReduce(mine, .sum))
                results.append(try collective.broadcast(mine, root: turn % dies))
                let real = try collective.allReduce(world.rank == dies - 1 ? -0.0 : 0.0, .min)
                results.append(real.bitPattern)
                results.append(try collective.allReduce(world.rank == 0 ? -Double.nan : 1, .max).bitPattern)
            }
            return results
        }
        #expect(outcome.errors.isEmpty, "\(outcome.errors)")
        var expected: [UInt64] = []
        for turn in 0..<50 {
            let all = (1...dies).map { UInt64(turn * 10 + $0) }
            expected += [all[dies - 1], all[0], all.reduce(0, +), all[turn % dies], (-0.0).bitPattern]
            expected.append(0x7FF8_0000_0000_0000)
        }
        for values in outcome.values { #expect(values == expected) }
    }

    @Test("Small reductions of teams with another first member, one after the other, do not overtake each other")
    func turnedTeams() throws {
        let dies = 3
        let outcome = try ThreadCluster.run(dies: dies) { world in
            let workspace = try CollectiveWorkspace(world, byteCount: 0)
            guard let turned = try world.split(start: dies - 1, stride: -1, size: dies) else { return [UInt64]() }
            let teams = [world, turned].map { Collective($0, workspace) }
            var wrong: [UInt64] = []
            for turn in 0..<4000 {
                let mine = UInt64(turn * 10 + world.rank)
                let sum = try teams[turn % 2].allReduce(mine, .sum)
                if sum != UInt64(turn * 10 * dies + dies * (dies - 1) / 2) { wrong.append(sum) }
            }
            return wrong
        }
        #expect(outcome.errors.isEmpty, "\(outcome.errors)")
        for wrong in outcome.values { #expect(wrong == []) }
    }
}
