internal import Fabric

/// What a machine does how fast: the numbers from which ``CostModel`` chooses algorithms.
///
/// `softpod` measures them once a machine and keeps them in the user's cache; it hands them to the ranks in the environment
/// (``variable``), and rank 0's become those of all ranks when a ``CollectiveWorkspace`` is made. All are whole numbers, so that what is
/// written is what is read.
///
/// Times are nanoseconds, rates are megabytes a second (bytes a microsecond) of one core.
public struct MachineRates: Sendable, Equatable {
    /// One of the numbers.
    public enum Kind: Int, CaseIterable, Sendable {
        /// Cores that dies run on.
        case cores
        /// Bytes one core keeps in caches of its own.
        case cache
        /// A flag from one core to another, one way.
        case hop
        /// The processor given away by one thread and taken by another of the same core.
        case turn
        /// Copies within the cache, and beyond it.
        case copyNear, copyFar
        /// The same few kilobytes written again, within the cache and beyond it.
        case fillNear, fillFar
        /// Elements folded into accumulators, within the cache and beyond it.
        case foldNear, foldFar

        /// The name in files.
        public var name: String { "\(self)" }

        /// The unit; what a machine can have, as anything else was not measured but disturbed, or is no measurement; and the number of
        /// machine C in `docs/RESULTS.md`, which stands in for what cannot be measured.
        private var facts: (unit: String, range: ClosedRange<Int>, reference: Int) {
            let rate = 100...4_000_000
            return switch self {
            case .cores: ("", 1...65_536, 2)
            case .cache: ("bytes", 1 << 14...1 << 30, 2 << 20)
            case .hop: ("ns", 5...5_000, 140)
            case .turn: ("ns", 50...50_000, 1_000)
            case .copyNear: ("MB/s", rate, 38_000)
            case .copyFar: ("MB/s", rate, 14_000)
            case .fillNear: ("MB/s", rate, 50_000)
            case .fillFar: ("MB/s", rate, 26_000)
            case .foldNear: ("MB/s", rate, 78_000)
            case .foldFar: ("MB/s", rate, 28_000)
            }
        }

        /// The unit.
        public var unit: String { facts.unit }
        /// What a machine can have.
        public var range: ClosedRange<Int> { facts.range }
        var reference: Int { facts.reference }
    }

    private var values: [Int]

    /// The reference machine's, with so many cores.
    public init(cores: Int) {
        values = Kind.allCases.map(\.reference)
        self[.cores] = cores
    }

    /// One of the numbers. What is out of its range becomes the nearest that is inside.
    public subscript(_ kind: Kind) -> Int {
        get { values[kind.rawValue] }
        set { values[kind.rawValue] = min(max(newValue, kind.range.lowerBound), kind.range.upperBound) }
    }

    /// The numbers as words, for ranks to tell each other.
    var words: [UInt64] { values.map { UInt64($0) } }

    /// Numbers from words; nil if one is out of its range.
    init?(words: some Collection<UInt64>) {
        guard words.count == Kind.allCases.count else { return nil }
        values = words.map { Int(clamping: $0) }
        guard zip(Kind.allCases, values).allSatisfy({ $0.range.contains($1) }) else { return nil }
    }
}

// ## The file
// ```
// softpod-rates 1
// cores      2
// cache      2097152  # bytes
// hop        140      # ns
// ```
// A line a number; every number once, in any order; `#` starts a comment.

extension MachineRates {
    /// What a file starts with.
    public static let heading = "softpod-rates 1"
    /// Longer files are refused.
    public static let textLimit = 4096
    /// The variable in which `softpod` hands the rates to its ranks, as text; a user may set it as well.
    public static let variable = "SOFTPOD_RATES"

    /// Reads rates, and refuses whatever is not all of them.
    ///
    /// - Throws: ``TuningError`` with the line and the rule it breaks.
    public init(text: String) throws(TuningError) {
        var found: [Kind: Int] = [:]
        let file = RuleFile(what: "rates", verb: "start", heading: Self.heading, limit: Self.textLimit)
        let last = try file.read(text) { words throws(RuleFile.Fault) in
            guard words.count == 2, let kind = Kind.allCases.first(where: { $0.name == words[0] }) else {
                throw RuleFile.Fault(rule: "a rate is a name of the list and a number")
            }
            guard found[kind] == nil else { throw RuleFile.Fault(rule: "\(kind.name) is there twice") }
            guard words[1].allSatisfy({ $0.isASCII && $0.isWholeNumber }), let value = Int(words[1]),
                kind.range.contains(value)
            else {
                throw RuleFile.Fault(
                    rule: "\(kind.name) is a number from \(kind.range.lowerBound) to \(kind.range.upperBound)")
            }
            found[kind] = value
        }
        if let missing = Kind.allCases.first(where: { found[$0] == nil }) {
            throw TuningError(line: last, rule: "no \(missing.name)")
        }
        self.init(cores: 1)
        for (kind, value) in found { self[kind] = value }
    }

    /// The rates as a file.
    public var text: String {
        let lines = Kind.allCases.map { kind in
            let name = kind.name + String(repeating: " ", count: max(1, 11 - kind.name.count))
            return name + "\(self[kind])" + (kind.unit.isEmpty ? "" : "  # \(kind.unit)")
        }
        return ([Self.heading] + lines).joined(separator: "\n") + "\n"
    }
}

extension MachineRates {
    /// What this process was handed in the environment; nil if nothing, or nothing that can be read.
    public static let handed: MachineRates? = {
        guard let text = Endpoint.variable(variable) else { return nil }
        return try? MachineRates(text: text)  // the command has refused bad text; else rank 0's rates hold
    }()

    /// What was handed, or else the reference machine's with this process's cores.
    public static var current: MachineRates { handed ?? MachineRates(cores: Endpoint.usableCores) }
}
