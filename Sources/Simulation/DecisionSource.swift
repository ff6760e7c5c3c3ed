internal import Fuzzing

/// Where a scheduler's decisions come from: a plan, beyond which everything is as usual, or chance. Notes which differ from the usual.
struct DecisionSource {
    /// A decision that could have been another, for searches that try them all.
    struct Point {
        var place: Decision.Place
        /// The usual first.
        var items: [Int]
        var taken: Int
    }

    private let plan: [Decision.Place: Int]
    private var random: (generator: FuzzRandom, odds: Odds)?
    private let notesPoints: Bool
    /// Decisions so far that were not the usual ones.
    private(set) var taken = SchedulePlan()
    /// All decisions so far, if they are noted.
    private(set) var points: [Point] = []
    private var last = Decision.Place(kind: .run, rank: -1, step: 0, turn: 0)

    /// Decisions of a plan.
    init(_ plan: SchedulePlan, notesPoints: Bool = false) {
        self.plan = plan.values
        self.notesPoints = notesPoints
    }

    /// Decisions by chance.
    init(_ random: FuzzRandom, _ odds: Odds) {
        plan = [:]
        self.random = (random, odds)
        notesPoints = false
    }

    /// Decides.
    ///
    /// - Parameters:
    ///   - step: the step of the rank at which it is decided.
    ///   - items: what there is to choose from, the usual first.
    mutating func choose(_ kind: Decision.Kind, _ rank: Int, _ step: Int, from items: [Int]) -> Int {
        let isAgain = last.kind == kind && last.rank == rank && last.step == step
        let place = Decision.Place(kind: kind, rank: rank, step: step, turn: isAgain ? last.turn + 1 : 0)
        last = place
        guard items.count > 1 else { return items[0] }
        var value = items[0]
        if random != nil {
            value = draw(kind, rank, step, items)
        } else if let planned = plan[place], items.contains(planned) {
            value = planned
        }
        if value != items[0] { taken.append(Decision(place: place, value: value)) }
        if notesPoints { points.append(Point(place: place, items: items, taken: value)) }
        return value
    }

    private mutating func draw(_ kind: Decision.Kind, _ rank: Int, _ step: Int, _ items: [Int]) -> Int {
        guard let odds = random?.odds else { return items[0] }
        if kind == .crash {
            let isHere = odds.crash.map { $0.rank == rank && $0.step == step } ?? false
            return isHere ? 1 : 0
        }
        // A rank that cannot go on is followed by any that can.
        let isForced = (kind == .run && items[0] != rank) || (kind == .land && items[0] != 0)
        guard isForced || number(1 << 20) < Int(odds.ofOther(kind) * 1_048_576) else { return items[0] }
        return items[isForced ? number(items.count) : 1 + number(items.count - 1)]
    }

    private mutating func number(_ bound: Int) -> Int { Int((random?.generator.next() ?? 0) % UInt64(bound)) }
}
