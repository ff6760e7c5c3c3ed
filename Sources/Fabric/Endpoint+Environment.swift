internal import Glibc
internal import SharedMemory

// What algorithms above the fabric ask of the process they run in.

extension Endpoint {
    /// A variable of this process's environment; nil if it is not set.
    public static func variable(_ name: String) -> String? {
        guard let value = unsafe getenv(name) else { return nil }
        return unsafe String(cString: value)
    }

    /// Cores this process may use.
    public static var usableCores: Int { WaitPolicy.usableCores }
}
