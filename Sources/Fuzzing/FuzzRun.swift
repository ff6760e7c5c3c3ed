internal import Hashing
internal import SharedMemory
internal import Synchronization
internal import Workers

/// How far a run is, for a thread that watches it.
public final class FuzzProgress: Sendable {
    private let inputs = Atomic<UInt64>(0)

    /// Nothing done.
    public init() {}

    /// The number of the input under way.
    public var input: UInt64 { inputs.load(ordering: .relaxed) }

    // A figure for people and for a watch that looks seldom: it orders nothing.
    func begin(_ input: UInt64) { inputs.store(input, ordering: .relaxed) }
}

/// What a run of one target came to.
public struct FuzzOutcome: Sendable {
    /// The target's name.
    public var name: String
    /// Inputs taken.
    public var inputs: UInt64 = 0
    /// Those that were understood.
    public var understood: UInt64 = 0
    /// Nanoseconds in all.
    public var nanoseconds: UInt64 = 0
    /// Resident bytes of the process after the first tenth of the inputs, and at the end.
    public var memoryBefore = 0
    /// See ``memoryBefore``.
    public var memoryAfter = 0
    /// The input that took longest, and how long.
    public var slowest: (input: UInt64, nanoseconds: UInt64) = (0, 0)
    /// What was found wrong, with the number of the input; it ended the run.
    public var finding: String?
}

extension FuzzTarget {
    /// Takes `count` inputs from number `first` on. An input depends on the seed, the target's name and its number, and on nothing else.
    ///
    /// - Throws: what prevents a start. What a reader does wrong is in the outcome; a trap ends the process, and `first` and `count` find
    ///   the input by halving.
    public func run(
        count: UInt64, seed: UInt64, first: UInt64 = 0, progress: FuzzProgress = FuzzProgress()
    ) throws -> FuzzOutcome {
        let subject = try make()
        let inputs = FuzzInputs(examples: subject.examples, isText: subject.isText)
        let ownSeed = SplitMix64.mixed(seed, FNV1a(name.utf8).value)
        var outcome = FuzzOutcome(name: name)
        let began = Monotonic.now()
        var last = began
        for number in first..<first &+ count {
            progress.begin(number)
            // By then everything that is made once has been made.
            if outcome.inputs == count / 10 { outcome.memoryBefore = ProcessControl.residentByteCount() }
            var random = FuzzRandom(seed: ownSeed, input: number)
            let input = inputs.next(&random)
            do {
                if try subject.take(input, &random) { outcome.understood += 1 }
            } catch {
                outcome.finding = "\(name), seed \(seed), input \(number): \(error)"
                break
            }
            outcome.inputs += 1
            let now = Monotonic.now()
            if now - last > outcome.slowest.nanoseconds { outcome.slowest = (number, now - last) }
            last = now
        }
        if outcome.finding == nil {
            do { try subject.finish() } catch { outcome.finding = "\(name), seed \(seed), at the end: \(error)" }
        }
        outcome.nanoseconds = Monotonic.now() - began
        outcome.memoryAfter = ProcessControl.residentByteCount()
        return outcome
    }

    /// The inputs of a run of `count` over targets, by their weights; at least one each.
    public static func shares(of count: UInt64, over targets: [FuzzTarget]) -> [UInt64] {
        let whole = UInt64(max(targets.reduce(0) { $0 + $1.weight }, 1))
        return targets.map { max(count / whole * UInt64($0.weight) + count % whole * UInt64($0.weight) / whole, 1) }
    }
}
