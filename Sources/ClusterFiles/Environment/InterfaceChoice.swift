/// Which network interfaces `HCCL_SOCKET_IFNAME` admits: `eth` those whose names begin so, `=eth0` that one, `^eth` and `^=eth0` all
/// others; several names are divided by commas, and tried in their order. Source: HCCL's description of its environment variables.
public struct InterfaceChoice: Sendable, Equatable {
    private var names: [String]
    private var isExact: Bool
    private var isExclusion: Bool

    /// Reads a value; nil if it names no interface.
    public init?(_ text: String) {
        var rest = text[...]
        isExclusion = rest.first == "^"
        if isExclusion { rest = rest.dropFirst() }
        isExact = rest.first == "="
        names = rest.split(separator: ",").map { String($0.drop { $0 == "=" }) }
        guard !names.isEmpty, names.allSatisfy({ !$0.isEmpty }) else { return nil }
    }

    /// The first address of an admitted interface; nil if there is none. The loop is admitted only if it is named.
    public func address(among interfaces: [(name: String, address: String)]) -> String? {
        if isExclusion {
            return interfaces.first { interface in
                interface.name != "lo" && !names.contains { admits($0, interface.name) }
            }?.address
        }
        for name in names {
            if let found = interfaces.first(where: { admits(name, $0.name) }) { return found.address }
        }
        return nil
    }

    private func admits(_ wanted: String, _ name: String) -> Bool { isExact ? name == wanted : name.hasPrefix(wanted) }
}
