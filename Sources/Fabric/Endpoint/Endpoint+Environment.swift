internal import Glibc
internal import SharedMemory

// What algorithms above the fabric ask of the process they run in.

extension Endpoint {
    /// A variable of this process's environment; nil if it is not set.
    public static func variable(_ name: String) -> String? {
        guard let value = unsafe getenv(name) else { return nil }
        return unsafe String(cString: value)
    }

    /// Whether the environment asks, by `SOFTPOD_COMPARE_CALLS=1`, that collectives compare their calls before they act.
    public static let comparesCalls = variable("SOFTPOD_COMPARE_CALLS") == "1"

    /// Whether the environment asks, by `SOFTPOD_COUNT_TIERS=1`, that payload is counted by tier.
    public static let countsTiers = variable("SOFTPOD_COUNT_TIERS") == "1"

    /// Cores this process may use.
    public static var usableCores: Int { WaitPolicy.usableCores }
}
