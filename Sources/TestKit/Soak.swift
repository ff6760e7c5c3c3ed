internal import Foundation

/// Suites that repeat a thing hundreds of times: run by `scripts/test --soak`, skipped otherwise.
///
/// `SOFTPOD_TEST_SOAK` switches them on; a number in it divides every count, so that `10` gives a tenth of the soak.
/// `SOFTPOD_TEST_SEED` replays a seed that was printed.
public enum Soak {
    private static let share = ProcessInfo.processInfo.environment["SOFTPOD_TEST_SOAK"].flatMap { Int($0) } ?? 0

    /// Whether soaks were asked for.
    public static var isOn: Bool { share > 0 }

    /// How often to repeat what a whole soak repeats `whole` times.
    public static func count(_ whole: Int) -> Int { max(1, whole / max(share, 1)) }

    /// The seed to draw from: the one given, or a fresh one. Print it.
    public static let seed =
        ProcessInfo.processInfo.environment["SOFTPOD_TEST_SEED"].flatMap { UInt64($0) }
        ?? UInt64.random(in: 0...UInt64.max)

    /// Says on standard error how far a soak is, or what it counted.
    public static func say(_ line: String) { FileHandle.standardError.write(Data(("soak: " + line + "\n").utf8)) }
}
