internal import Fabric

extension MachineRates {
    /// What this process was handed in the environment; nil if nothing, or nothing that can be read.
    public static let handed: MachineRates? = {
        guard let text = Endpoint.variable(variable) else { return nil }
        return try? MachineRates(text: text)  // the command has refused bad text; else rank 0's rates hold
    }()

    /// What was handed, or else the reference machine's with this process's cores.
    public static var current: MachineRates { handed ?? MachineRates(cores: Endpoint.usableCores) }
}
