/// What a call on a team whose windows are all mapped costs by each algorithm, on a machine of some rates: how `automatic` chooses.
///
/// The time is that of the member that has most to do: what the algorithm waits for, and the bytes it moves.
/// ```
/// time = posts (M + A) + n legs l + meetings M + rounds H + 2 partners e   what is waited for
///      + max(most / r, total / (p r)) for copies, fills, folds each      what is moved
/// M = hop + (n - 1) 0.2 hop        up to four members with a core each: each member's flag to each
///     2 hop + n hop / 2            more of them: a counter, then a word
///     2.5 turn n / p               members that share p cores: each is given the processor
/// H = hop, or 0.75 M where cores are shared
/// A = n a by flags, which bring what is said to each; a + n l by a board, which the last to come looks through
/// ```
/// *posts* are meetings at which each says where its bytes lie and compares what all say; *legs* is 1 where a table of
/// partners is made of that (*l* a member); *rounds* are waits of a schedule one after the other, *e* is the price of an event;
/// *most* is what the busiest member moves, *total* what all move. p is the members
/// that run at once; r the near rate where what a core touches fits its cache, the far one where it is twice as much, and between
/// them in between. A *fill* writes again what is in cache.
///
/// The terms follow from the code of the algorithms, as `docs/collectives.md` counts events and bytes; they are those of Hockney's
/// model (start-up time and rate; Parallel Computing 20, 1994) with the processor's turns in place of the start-up where cores are
/// shared. The figures of a, l and e and the factors were fitted on machine C (`docs/RESULTS.md`), where they are instructions that no
/// rate stands for.
///
/// - Complexity: some hundred operations for each algorithm; nothing is allocated.
public struct CostModel: Sendable, Equatable {
    /// The machine.
    public let rates: MachineRates
    /// Members of the team.
    public let members: Int
    /// Whether the cluster's dies outnumber the cores.
    public let sharesCores: Bool

    /// A model for teams of one size.
    public init(_ rates: MachineRates, members: Int, sharesCores: Bool) {
        precondition(members > 0, "a team has members")
        self.rates = rates
        self.members = members
        self.sharesCores = sharesCores
    }

    /// Nanoseconds to say where one's bytes lie, and to compare what one other member says.
    static let postNanoseconds = 130.0
    /// Nanoseconds to fill and to take up a line of the table of partners.
    static let legNanoseconds = 40.0
    /// Nanoseconds to send and to look for one event.
    static let eventNanoseconds = 180.0
    /// A choice is left for another that takes less than this part of its time: less is noise.
    static let margin = 0.95
    /// The size at which operations whose members share none are compared.
    static let unknownByteCount = 64 << 10
    /// What the busiest end of blocks of differing lengths has to do, in that of equal ones; unknown, so a guess.
    static let skew = 1.5

    /// What `automatic` chooses from: every algorithm of the catalog; of equals, the first.
    public static let candidates: [CollectiveAlgorithm] = CollectiveCatalog.algorithms.compactMap { algorithm in
        algorithm.implementation.map { ($0.preference, $0.parameter.map { algorithm.with($0.priced) } ?? algorithm) }
    }.sorted { $0.0 < $1.0 }.map(\.1)

    /// The algorithm with the least time, where the one before it in the list is not nearly as fast.
    ///
    /// - Parameter byteCount: ``CollectiveCall/sharedByteCount(_:)``; nil where members share none.
    public func choice(_ operation: CollectiveOperation, byteCount: Int?) -> CollectiveAlgorithm {
        var best: (algorithm: CollectiveAlgorithm, time: Double)?
        for algorithm in Self.candidates {
            guard let time = nanoseconds(algorithm, operation, byteCount: byteCount) else { continue }
            if best.map({ time < $0.time * Self.margin }) ?? true { best = (algorithm, time) }
        }
        return best?.algorithm ?? .pull
    }

    /// What a call takes by an algorithm; nil if it does not carry the operation out, or is none.
    public func nanoseconds(
        _ algorithm: CollectiveAlgorithm, _ operation: CollectiveOperation, byteCount: Int?
    ) -> Double? {
        guard let code = algorithm.implementation, code.carries(operation) else { return nil }
        let byteCount = Double(byteCount ?? Self.unknownByteCount)
        return time(code.load(self, operation, byteCount, parameter: algorithm.parameter), operation, byteCount)
    }

    var n: Double { Double(members) }
    /// Members that run at once.
    var parallel: Double { sharesCores ? min(n, Double(rates[.cores])) : n }
    /// Whether members meet by flags, as ``Fabric/Team/meetsByFlags`` says.
    var meetsByFlags: Bool { !sharesCores && members <= 4 }

    private var meeting: Double {
        if sharesCores { return 2.5 * Double(rates[.turn]) * n / parallel }
        let hop = Double(rates[.hop])
        return meetsByFlags ? hop * (1 + 0.2 * (n - 1)) : hop * (2 + n / 2)
    }

    private func time(_ load: Load, _ operation: CollectiveOperation, _ byteCount: Double) -> Double {
        let round = sharesCores ? 0.75 * meeting : Double(rates[.hop])
        let said =
            meetsByFlags ? n * Self.postNanoseconds : Self.postNanoseconds + n * Self.legNanoseconds
        let waits =
            load.posts * (meeting + said) + load.legs * n * Self.legNanoseconds + load.meetings * meeting + load.rounds
            * round
            + 2 * load.partners * Self.eventNanoseconds
        // Sources and destinations, and how far what a core touches of them is beyond its cache.
        let blocks =
            switch operation {
            case .gather, .scatter: 2.0
            case .allReduce, .allToAll, .allToAllV, .sendReceive: 2 * n
            default: n + 1
            }
        let footprint = blocks * byteCount / parallel
        let far = min(max(footprint / Double(rates[.cache]) - 1, 0), 1)
        func moved(_ bytes: Load.Bytes, _ near: MachineRates.Kind, _ beyond: MachineRates.Kind) -> Double {
            let slowness = (1 - far) / Double(rates[near]) + far / Double(rates[beyond])
            return max(bytes.most, bytes.total / parallel) * slowness * 1000
        }
        return waits + moved(load.copied, .copyNear, .copyFar) + moved(load.filled, .fillNear, .fillFar)
            + moved(load.folded, .foldNear, .foldFar)
    }
}

/// What an algorithm has to do for a call: in the terms of ``CostModel``.
struct Load {
    /// Bytes the busiest member moves, and all together.
    struct Bytes {
        var most = 0.0
        var total = 0.0

        init(_ most: Double = 0, _ total: Double = 0) {
            self.most = most
            self.total = total
        }
    }

    var posts = 0.0
    var legs = 0.0
    var meetings = 0.0
    var rounds = 0.0
    var partners = 0.0
    var copied = Bytes()
    var filled = Bytes()
    var folded = Bytes()
}
