internal import Glibc

extension MachineRates {
    /// What this process was handed in the environment; nil if nothing, or nothing that can be read.
    public static let handed: MachineRates? = {
        guard let text = unsafe getenv(variable) else { return nil }
        return try? MachineRates(text: unsafe String(cString: text))  // What is no text of rates is none.
    }()

    /// What was handed, or else the reference machine's with this one's cores.
    public static var current: MachineRates {
        handed ?? MachineRates(cores: max(1, Int(clamping: sysconf(Int32(_SC_NPROCESSORS_ONLN)))))
    }
}
