internal import Fuzzing

/// One decision about how the ranks of a simulation interleave, or about what goes wrong: where it is made, and what is decided.
public struct Decision: Sendable, Hashable {
    /// What is decided.
    public enum Kind: String, Sendable, CaseIterable {
        /// Which rank takes the next step.
        case run
        /// Whether a rank that waits polls the word; else it sleeps until its doorbell is rung.
        case poll
        /// Whether a put is seen late.
        case delay
        /// Which of the puts and signals under way arrives.
        case land
        /// Whether the rank dies.
        case crash
        /// Whether what a rank that died had under way is lost.
        case lose
        /// Whether the others are told of a death, as an agent does; else they find out by their deadlines.
        case tell
    }

    /// Where: the rank that decides, and at which of its steps.
    public struct Place: Sendable, Hashable {
        /// What is decided.
        public let kind: Kind
        /// Whose step it is.
        public let rank: Int
        /// Steps that the rank had taken.
        public let step: Int
        /// Which of several decisions of the kind at the step.
        public let turn: Int
    }

    /// Where it is made.
    public let place: Place
    /// What is decided; 0 for what is usual of a fault, a rank's number for what runs.
    public let value: Int
}

/// The decisions of a schedule that differ from the usual: that a rank runs on while it can, then the next one that can; that waits sleep; that
/// nothing is late, lost or dies. A plan and a scenario give the same run every time.
///
/// As text `run1.17=2,crash0.5=1`: kind, rank, step, and the turn where it is not the first, `land1.17.2=9`.
public struct SchedulePlan: Sendable, Equatable, CustomStringConvertible {
    /// In the order in which they are made.
    public private(set) var decisions: [Decision]

    /// A plan of some decisions.
    public init(_ decisions: [Decision] = []) { self.decisions = decisions }

    /// By place.
    var values: [Decision.Place: Int] {
        Dictionary(decisions.map { ($0.place, $0.value) }, uniquingKeysWith: { first, _ in first })
    }

    mutating func append(_ decision: Decision) { decisions.append(decision) }

    /// The text that ``init(text:)`` reads.
    public var description: String {
        decisions.map { decision in
            let place = decision.place
            let turn = place.turn == 0 ? "" : ".\(place.turn)"
            return "\(place.kind.rawValue)\(place.rank).\(place.step)\(turn)=\(decision.value)"
        }.joined(separator: ",")
    }

    /// Reads a text; nil if it is none.
    public init?(text: String) {
        decisions = []
        for part in text.split(separator: ",") {
            let sides = part.split(separator: "=", omittingEmptySubsequences: false)
            guard sides.count == 2, let value = Int(sides[1]), value >= 0 else { return nil }
            let name = sides[0].prefix { $0.isLetter }
            let numbers = sides[0].dropFirst(name.count).split(separator: ".", omittingEmptySubsequences: false)
                .map { Int($0) }
            guard let kind = Decision.Kind(rawValue: String(name)), (2...3).contains(numbers.count),
                let rank = numbers[0], let step = numbers[1], rank >= 0, step >= 0,
                let turn = numbers.count == 3 ? numbers[2] : 0, turn >= 0
            else { return nil }
            append(
                Decision(place: Decision.Place(kind: kind, rank: rank, step: step, turn: turn), value: value))
        }
    }
}

/// How likely a random schedule decides otherwise than usual.
struct Odds: Sendable {
    /// That another rank runs though this one could.
    var run: Double
    /// That a wait polls.
    var poll: Double
    /// That a put is late.
    var delay: Double
    /// That something that is under way arrives at a step.
    var land: Double
    /// Which rank dies at which of its steps.
    var crash: (rank: Int, step: Int)?

    /// Odds of one schedule: from few long runs to a change at almost every step.
    init(using random: inout FuzzRandom, crash: (rank: Int, step: Int)?) {
        run = [0.02, 0.1, 0.3, 0.7].randomElement(using: &random) ?? 0.1
        poll = [0, 0.5, 1].randomElement(using: &random) ?? 0
        delay = [0, 0.5, 1].randomElement(using: &random) ?? 0
        land = [0, 0.1, 0.6].randomElement(using: &random) ?? 0
        self.crash = crash
    }

    func ofOther(_ kind: Decision.Kind) -> Double {
        switch kind {
        case .run: run
        case .poll: poll
        case .delay: delay
        case .land: land
        case .crash: 0
        case .lose, .tell: 0.5
        }
    }
}
